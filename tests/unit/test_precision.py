"""The Cramér-Rao bound: derivatives, published numbers, and the noise of real estimates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.integrate import quad

from pointillist.fitting.scoring.precision import (
    CIRCULAR,
    ELLIPTICAL,
    SLOPES,
    SPOT_PARAMETERS,
    Spots,
    precision_bound,
    spot_array,
    spot_model,
)
from pointillist.fitting.simulation.regions import draw_regions, draw_spots_at_centres

BENCHMARK = (1000.0, 1.3, 50.0)
"""Photons, sigma [px] and background [e/px] of the benchmark setting; 100 nm px, read noise 1.6 e."""


def spots_at(xy: ArrayLike, photons: float, sigma: float, background: float) -> Spots:
    x, y = np.asarray(xy)
    return spot_array(x=x, y=y, photons=photons, sigma=sigma, background=background)


def mortensen_sd_px(photons: float, sigma: float, background: float) -> float:
    """Mortensen et al., Nat. Methods 7 (2010) 377, eq. 5, in px; ``background`` is the variance per pixel."""
    variance = sigma**2 + 1 / 12
    tau = 2 * np.pi * variance * background / photons
    integral, _ = quad(lambda t: np.log(t) / (1 + t / tau), 0, 1)
    return float(np.sqrt(variance / photons / (1 + integral)))


def test_derivatives_agree_with_finite_differences() -> None:
    rng = np.random.default_rng(1)
    spots = spot_array(
        x=rng.uniform(-4, 4, 20),
        y=rng.uniform(-4, 4, 20),
        photons=rng.uniform(100, 5000, 20),
        sigma_x=rng.uniform(0.7, 2.5, 20),
        sigma_y=rng.uniform(0.7, 2.5, 20),
        background=rng.uniform(0, 80, 20),
        slope_x=rng.uniform(-1, 1, 20),
        slope_y=rng.uniform(-1, 1, 20),
    )
    _, slopes = spot_model(spots, 5, SPOT_PARAMETERS)
    for index in range(len(SPOT_PARAMETERS)):
        step = np.zeros(len(SPOT_PARAMETERS))
        step[index] = 1e-5 * max(1.0, spots[:, index].max())
        above, below = spot_model(spots + step, 5)[0], spot_model(spots - step, 5)[0]
        numeric = (above - below) / (2 * step[index])
        np.testing.assert_allclose(slopes[:, index], numeric, rtol=1e-5, atol=1e-6 * abs(slopes[:, index]).max())


def test_the_width_of_a_circle_is_both_widths_together() -> None:
    spots = spot_array(x=0.3, y=-0.2, photons=1000, sigma=1.3)
    _, slopes = spot_model(spots, 4, ("sigma", "sigma_x", "sigma_y"))
    np.testing.assert_allclose(slopes[:, 0], slopes[:, 1] + slopes[:, 2])


def test_a_region_holds_nearly_all_of_the_light() -> None:
    means, _ = spot_model(spots_at([[0.2], [-0.3]], 1000.0, 1.0, 0.0), 7)
    assert means.sum() == pytest.approx(1000.0, rel=1e-9)


@pytest.mark.parametrize("half_size", [5, 7])
def test_the_benchmark_setting_has_a_bound_of_8_33_nm(half_size: int) -> None:
    rng = np.random.default_rng(2)
    bound = precision_bound(spots_at(rng.uniform(-0.5, 0.5, (2, 20_000)), *BENCHMARK), half_size, 1.6**2)
    rms = 100 * np.sqrt((bound**2).mean(axis=0))
    assert rms[0] == pytest.approx(8.33, abs=0.02)
    assert rms[1] == pytest.approx(8.33, abs=0.02)


def test_the_benchmark_setting_bounds_photons_and_sigma() -> None:
    rng = np.random.default_rng(2)
    bound = precision_bound(spots_at(rng.uniform(-0.5, 0.5, (2, 20_000)), *BENCHMARK), 5, 1.6**2)
    assert np.sqrt((bound[:, 2] ** 2).mean()) == pytest.approx(71, abs=1)
    assert 100 * np.sqrt((bound[:, 3] ** 2).mean()) == pytest.approx(6.5, abs=0.1)


@pytest.mark.parametrize(("half_size", "expected_px"), [(3, 0.0626), (4, 0.0623)])
def test_small_regions_have_the_bounds_measured_elsewhere(half_size: int, expected_px: float) -> None:
    rng = np.random.default_rng(3)
    n = 20_000
    spots = spots_at(rng.uniform(-0.5, 0.5, (2, n)), 1000.0, 1.3, 0.0)
    spots[:, SPOT_PARAMETERS.index("background")] = rng.uniform(10, 20, n)
    bound = precision_bound(spots, half_size, 1.4**2 + 0.01 * 30)
    assert np.sqrt((bound[:, 0] ** 2).mean()) == pytest.approx(expected_px, abs=0.0003)


@pytest.mark.parametrize(("photons", "background"), [(300.0, 15.0), (1000.0, 50.0), (5000.0, 5.0)])
def test_the_bound_agrees_with_mortensens_formula(photons: float, background: float) -> None:
    rng = np.random.default_rng(4)
    bound = precision_bound(spots_at(rng.uniform(-0.5, 0.5, (2, 2000)), photons, 1.3, background), 10)
    expected = mortensen_sd_px(photons, 1.3, background)
    assert np.sqrt((bound[:, 0] ** 2).mean()) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("photons", "expected_px"), [(300.0, 0.1572), (1000.0, 0.0626), (3000.0, 0.0303)])
def test_spots_on_an_scmos_camera_have_the_bounds_measured_elsewhere(photons: float, expected_px: float) -> None:
    regions = draw_regions(draw_spots_at_centres(20_000, photons, 6), 3, 6)
    bound = precision_bound(regions.spots, 3, regions.read_variance)
    # Backgrounds and hot pixels are drawn anew; the published figures have four digits.
    assert np.sqrt((bound[:, :2] ** 2).mean()) == pytest.approx(expected_px, rel=0.005)


@pytest.mark.parametrize(("half_size", "known", "unknown"), [(3, 48, 79), (4, 43, 56)])
def test_an_unknown_width_costs_photons_and_no_precision(half_size: int, known: float, unknown: float) -> None:
    regions = draw_regions(draw_spots_at_centres(20_000, 1000.0, 7), half_size, 7)
    fixed = precision_bound(regions.spots, half_size, regions.read_variance, free=("x", "y", "photons", "background"))
    fitted = precision_bound(regions.spots, half_size, regions.read_variance)
    assert np.sqrt((fixed[:, 2] ** 2).mean()) == pytest.approx(known, abs=1)
    assert np.sqrt((fitted[:, 2] ** 2).mean()) == pytest.approx(unknown, abs=1)
    np.testing.assert_allclose(fitted[:, :2].mean(), fixed[:, :2].mean(), rtol=0.005)


def test_one_more_free_parameter_never_helps() -> None:
    regions = draw_regions(draw_spots_at_centres(200, 500.0, 8, slope_x=0.5, slope_y=0.2), 4, 8)
    families = [
        ("x", "y", "photons"),
        ("x", "y", "photons", "background"),
        CIRCULAR,
        ELLIPTICAL,
        (*ELLIPTICAL, *SLOPES),
    ]
    bounds = [precision_bound(regions.spots, 4, regions.read_variance, free=free)[:, :3] for free in families]
    for fewer, more in itertools.pairwise(bounds):
        assert (more >= fewer * (1 - 1e-9)).all()


def test_the_bound_of_all_is_the_inverse_of_the_summed_products_of_derivatives() -> None:
    regions = draw_regions(draw_spots_at_centres(1, 500.0, 9, sigma_x=1.1, sigma_y=1.7, slope_x=0.5, slope_y=0.2), 3, 9)
    means, slopes = spot_model(regions.spots, 3, SPOT_PARAMETERS)
    information = np.zeros((8, 8))
    for y, x in np.ndindex(7, 7):
        slope = slopes[0, :, y, x]
        information += np.outer(slope, slope) / (2 * means[0, y, x] + regions.read_variance[0, y, x])
    bound = precision_bound(regions.spots, 3, regions.read_variance, np.sqrt(2), SPOT_PARAMETERS)
    np.testing.assert_allclose(bound[0], np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-9)


def test_pixels_of_infinite_variance_tell_nothing() -> None:
    spots = spots_at([[0.2], [-0.1]], 1000.0, 1.3, 20.0)
    seen = np.full((1, 11, 11), np.inf)
    seen[:, 2:-2, 2:-2] = 2.0
    np.testing.assert_allclose(precision_bound(spots, 5, seen), precision_bound(spots, 3, 2.0))


def test_a_spot_off_the_centre_is_bounded_as_in_the_region_around_it() -> None:
    centred, off = spots_at([[0.2], [-0.1]], 1000.0, 1.3, 20.0), spots_at([[2.2], [-1.1]], 1000.0, 1.3, 20.0)
    seen = np.full((1, 11, 11), np.inf)
    seen[:, 1:8, 4:11] = 2.0
    np.testing.assert_allclose(precision_bound(off, 5, seen), precision_bound(centred, 3, 2.0))


def test_a_parameter_that_a_spot_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="brightness: no parameter"):
        spot_array(x=0, brightness=3)


def test_the_em_register_costs_a_factor_of_sqrt_2() -> None:
    spots = spots_at([[0.1], [0.2]], 500.0, 1.2, 20.0)
    plain = precision_bound(spots, 5)
    register = precision_bound(spots, 5, 0.0, float(np.sqrt(2)))
    np.testing.assert_allclose(register, np.sqrt(2) * plain)


def test_a_noisy_pixel_under_the_spot_costs_precision() -> None:
    spots = spots_at([[0.0], [0.0]], 1000.0, 1.3, 20.0)
    quiet, hot = np.full((1, 11, 11), 2.0), np.full((1, 11, 11), 2.0)
    hot[0, 5, 6] = 1000.0
    assert precision_bound(spots, 5, hot)[0, 0] > 1.03 * precision_bound(spots, 5, quiet)[0, 0]


def test_x_and_y_are_alike() -> None:
    a = precision_bound(spots_at([[0.3], [-0.1]], 700.0, 1.1, 9.0), 4)[0]
    b = precision_bound(spots_at([[-0.1], [0.3]], 700.0, 1.1, 9.0), 4)[0]
    np.testing.assert_allclose(a[[1, 0, 2, 3, 4]], b)


def test_many_spots_give_what_single_ones_give() -> None:
    rng = np.random.default_rng(5)
    spots = spots_at(rng.uniform(-0.5, 0.5, (2, 5000)), *BENCHMARK)
    together = precision_bound(spots, 3, 2.0)
    np.testing.assert_allclose(together[4990:], precision_bound(spots[4990:], 3, 2.0))


def test_a_region_too_small_for_the_parameters_gives_nan_and_no_warning() -> None:
    assert np.isnan(precision_bound(spots_at([[0.0], [0.0]], 100.0, 1.0, 1.0), 0, 1.0)).all()


def test_no_spots_give_no_bounds() -> None:
    assert precision_bound(np.empty((0, 8)), 5).shape == (0, 5)
