"""The yardstick itself: derivatives, optima, and the variance of its estimates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_fits import (
    SAMPLED,
    SAMPLED_ELLIPTICAL,
    Likelihood,
    fit_least_squares,
    fit_maximum_likelihood,
    sampled_gaussian,
)
from scipy.optimize import approx_fprime

from pointillist.fitting.scoring.precision import CIRCULAR, ELLIPTICAL, SLOPES, SPOT_PARAMETERS, precision_bound
from pointillist.fitting.simulation.regions import Regions, draw_regions, draw_spots_at_centres

SLOPING = (*CIRCULAR, *SLOPES)
FREE = [CIRCULAR, ("x", "y", "photons", "background"), ELLIPTICAL, SLOPING, ("x", "y", "photons", "sigma")]


def true_values(regions: Regions, index: int, free: tuple[str, ...]) -> NDArray[np.float64]:
    names = ["sigma_x" if name == "sigma" else name for name in free]
    return regions.spots[index, [SPOT_PARAMETERS.index(name) for name in names]]


def likelihood_of(regions: Regions, index: int, free: tuple[str, ...]) -> Likelihood:
    data, variance = regions.photoelectrons[index], regions.read_variance[index]
    return Likelihood(data=data, read_variance=variance, fixed=regions.spots[index], free=free)


@pytest.mark.parametrize("free", [SAMPLED, SAMPLED[:4], SAMPLED_ELLIPTICAL])
def test_derivatives_of_the_sampled_gaussian_agree_with_finite_differences(free: tuple[str, ...]) -> None:
    values = np.array([500.0, 0.3, -0.2, 1.3, 1.6 if "sigma_y" in free else 20.0, 1.5, -2.0])[: len(free)]
    _, slopes = sampled_gaussian(values, free, 4)
    for index in range(len(free)):
        step = np.zeros_like(values)
        step[index] = 1e-5
        numeric = (sampled_gaussian(values + step, free, 4)[0] - sampled_gaussian(values - step, free, 4)[0]) / 2e-5
        np.testing.assert_allclose(slopes[index], numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("free", FREE)
def test_the_gradient_of_the_deviance_agrees_with_finite_differences(free: tuple[str, ...]) -> None:
    regions = draw_regions(draw_spots_at_centres(1, 1000.0, 1), 4, 1)
    likelihood = likelihood_of(regions, 0, free)
    values = true_values(regions, 0, free) * 1.05 + 0.01
    numeric = approx_fprime(values, likelihood.deviance, 1e-7)
    np.testing.assert_allclose(likelihood.gradient(values), numeric, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("free", FREE)
def test_no_step_from_the_optimum_raises_the_likelihood(free: tuple[str, ...]) -> None:
    regions = draw_regions(draw_spots_at_centres(5, 500.0, 2), 4, 2)
    rng = np.random.default_rng(2)
    for index in range(len(regions)):
        likelihood = likelihood_of(regions, index, free)
        found = fit_maximum_likelihood(likelihood, true_values(regions, index, free))
        for length in (1e-3, 1e-1):
            for _ in range(20):
                step = length * found.errors * rng.standard_normal(len(free))
                assert likelihood.deviance(found.values + step) > found.objective


def test_the_start_does_not_move_the_optimum() -> None:
    regions = draw_regions(draw_spots_at_centres(10, 1000.0, 3), 3, 3)
    for index in range(len(regions)):
        likelihood, truth = likelihood_of(regions, index, CIRCULAR), true_values(regions, index, CIRCULAR)
        near = fit_maximum_likelihood(likelihood, truth)
        far = fit_maximum_likelihood(likelihood, truth * 1.2 + np.array([0.3, -0.3, 50.0, 0.1, 2.0]))
        assert np.all(np.abs(near.values - far.values) < 1e-5 * near.errors)


@pytest.mark.parametrize("free", FREE)
def test_estimates_scatter_by_the_bound(free: tuple[str, ...]) -> None:
    n = 200
    regions = draw_regions(draw_spots_at_centres(n, 3000.0, 4, slope_x=0.3, slope_y=-0.2), 4, 4)
    found = np.array(
        [
            fit_maximum_likelihood(likelihood_of(regions, i, free), true_values(regions, i, free)).values
            for i in range(n)
        ]
    )
    truth = np.array([true_values(regions, i, free) for i in range(n)])
    bound = precision_bound(regions.spots, 4, regions.read_variance, free=free)
    spread = np.sqrt(np.mean((found - truth) ** 2, axis=0) / np.mean(bound**2, axis=0))
    # One standard error of a root mean square over n is 1 / sqrt(2 n), here 5 %.
    np.testing.assert_allclose(spread, 1, atol=0.15)


def test_an_em_register_doubles_the_variance_that_the_likelihood_expects() -> None:
    n = 200
    regions = draw_regions(draw_spots_at_centres(n, 3000.0, 5), 4, 5, has_em_register=True)
    pulls = []
    for index in range(n):
        plain = likelihood_of(regions, index, CIRCULAR)
        noisy = Likelihood(
            data=plain.data, read_variance=plain.read_variance, fixed=plain.fixed, noise_factor=float(np.sqrt(2))
        )
        found = fit_maximum_likelihood(noisy, true_values(regions, index, CIRCULAR))
        pulls.append((found.values - true_values(regions, index, CIRCULAR)) / found.errors)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.15)


def test_pixels_of_infinite_variance_are_not_seen() -> None:
    regions = draw_regions(draw_spots_at_centres(1, 1000.0, 6), 4, 6)
    variance, wild = regions.read_variance[0].copy(), regions.photoelectrons[0].copy()
    variance[:, :2] = np.inf
    wild[:, :2] = 1e6
    truth = true_values(regions, 0, CIRCULAR)
    fits = [
        fit_maximum_likelihood(Likelihood(data=data, read_variance=variance, fixed=regions.spots[0]), truth)
        for data in (regions.photoelectrons[0], wild)
    ]
    np.testing.assert_array_equal(fits[0].values, fits[1].values)
    start = np.array([100.0, *truth[:2], 1.3, 15.0, 0.0, 0.0])
    squares = [fit_least_squares(data, variance + 15, start) for data in (regions.photoelectrons[0], wild)]
    np.testing.assert_array_equal(squares[0].values, squares[1].values)
    assert squares[0].errors[1] < 0.2


def test_least_squares_recover_the_parameters_of_a_spot_without_noise() -> None:
    truth = np.array([300.0, 0.4, -0.3, 1.4, 20.0, 0.5, -1.0])
    data, _ = sampled_gaussian(truth, SAMPLED, 5)
    found = fit_least_squares(data, data + 2.0, truth * 1.3 + 0.1)
    np.testing.assert_allclose(found.values, truth, rtol=1e-9)
    assert found.objective < 1e-12


def test_regions_are_the_same_for_the_same_seed() -> None:
    spots = draw_spots_at_centres(20, 300.0, 7)
    first, second, other = (draw_regions(spots, 3, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.photoelectrons, second.photoelectrons)
    assert not np.array_equal(first.photoelectrons, other.photoelectrons)


def test_regions_have_the_noise_that_they_claim() -> None:
    n = 20_000
    spots = draw_spots_at_centres(n, 1000.0, 8, background=(15.0, 15.0))
    spots[:, :2] = 0.2
    regions = draw_regions(spots, 3, 8)
    expected = regions.photoelectrons.mean(axis=0, dtype=np.float64) + regions.read_variance.mean(axis=0)
    np.testing.assert_allclose(regions.photoelectrons.var(axis=0, dtype=np.float64), expected, rtol=0.05)
    assert regions.read_variance.mean() == pytest.approx(2.3, abs=0.1)
