"""How far estimates scatter, beside the Cramér-Rao bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spot_fits import LEAST_SQUARES, LIKELIHOOD, SLOPING, fit_regions

from pointillist.fitting.estimation.result_codes import CONVERGED
from pointillist.fitting.scoring.precision import CIRCULAR, SLOPES, SPOT_PARAMETERS, precision_bound
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.shared_settings import Estimator
from pointillist.fitting.simulation.regions import draw_regions, draw_spots_at_centres

SMALL = replace(LEAST_SQUARES, background_model="flat", roi_half_size=3)


@pytest.mark.parametrize(
    ("photons", "settings", "n", "limit", "largest_pull"),
    [
        (1000.0, LIKELIHOOD, 100_000, 1.01, 1.02),
        (300.0, LIKELIHOOD, 100_000, 1.035, 1.06),
        (3000.0, LIKELIHOOD, 100_000, 1.005, 1.01),
        (1000.0, replace(SMALL, weights="model"), 10_000, 1.03, 1.04),
        (1000.0, replace(SMALL, weights="smoothed"), 10_000, 1.04, 1.09),
    ],
    ids=["1000", "300", "3000", "weights of the model", "smoothed weights"],
)
def test_positions_vary_as_little_as_they_can_and_errors_tell_it(
    photons: float, settings: FitSettings, n: int, limit: float, largest_pull: float
) -> None:
    regions = draw_regions(draw_spots_at_centres(n, photons, 5), 3, 5)
    rows = fit_regions(regions, settings)
    bound = precision_bound(regions.spots, 3, regions.read_variance)
    missed = np.column_stack([rows["x"], rows["y"]]) - regions.spots[:, :2]
    has_failed = np.hypot(*missed.T) > 1
    ratio = np.sqrt(np.mean(missed[~has_failed] ** 2) / np.mean(bound[~has_failed, :2] ** 2))
    # The standard error of the ratio is 1 / sqrt(4 n): 0.0016 for 100 000 spots, 0.005 for 10 000.
    assert ratio < limit
    assert np.mean(has_failed) < 1e-4
    pull = missed[~has_failed] / np.column_stack([rows["x_error"], rows["y_error"]])[~has_failed]
    assert 0.97 < np.nanstd(pull) < largest_pull


def test_excess_noise_widens_the_errors_and_not_the_misfit() -> None:
    spots = draw_spots_at_centres(2048, 2000.0, 6)
    regions = draw_regions(spots, 3, 6, has_em_register=True)
    rows = fit_regions(regions, LIKELIHOOD, noise_factor=np.sqrt(2))
    bound = precision_bound(spots, 3, regions.read_variance, np.sqrt(2))
    assert np.std(rows["x"] - spots[:, 0]) == pytest.approx(np.sqrt(np.mean(bound[:, 0] ** 2)), rel=0.06)
    assert np.median(rows["x_error"]) == pytest.approx(np.median(bound[:, 0]), rel=0.03)
    assert np.mean(rows["nchi2"]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("sigma", [0.6, 3.0])
@pytest.mark.parametrize("photons", [1e3, 1e6])
def test_narrow_wide_and_bright_spots_are_fitted(sigma: float, photons: float) -> None:
    regions = draw_regions(draw_spots_at_centres(64, photons, 8, sigma=sigma), 7, 8)
    rows = fit_regions(regions, replace(LIKELIHOOD, roi_half_size=7))
    bound = precision_bound(regions.spots, 7, regions.read_variance)
    assert (rows["result_code"] == CONVERGED).all()
    assert np.sqrt(np.mean((rows["x"] - regions.spots[:, 0]) ** 2)) < 1.3 * np.sqrt(np.mean(bound[:, 0] ** 2))


def test_fifty_photons_of_a_known_width_on_a_dark_background_are_nearly_on_the_bound() -> None:
    regions = draw_regions(draw_spots_at_centres(8192, 50.0, 9, background=(0.1, 0.2)), 3, 9)
    rows = fit_regions(regions, replace(LIKELIHOOD, is_sigma_fitted=False, psf_sigma_px=1.3))
    bound = precision_bound(regions.spots, 3, regions.read_variance, free=("x", "y", "photons", "background"))
    missed = np.column_stack([rows["x"], rows["y"]]) - regions.spots[:, :2]
    is_near = np.hypot(*missed.T) < 2
    assert np.mean(rows["result_code"] == CONVERGED) > 0.999
    assert np.mean(is_near) > 0.998
    assert np.sqrt(np.mean(missed[is_near] ** 2) / np.mean(bound[is_near, :2] ** 2)) < 1.1


FREE = (*CIRCULAR, *SLOPES)


@pytest.mark.parametrize(
    ("photons", "sigma", "background", "slope", "half"),
    [
        (300.0, 0.9, 0.5, 0.0, 5),
        (1e3, 1.3, 0.5, 0.0, 5),
        (3e3, 1.3, 15.0, 0.0, 3),
        (1e3, 1.3, 25.0, 2.0, 5),
        (3e3, 1.3, 200.0, -2.0, 7),
        (3e4, 1.8, 5.0, 0.0, 5),
        (1e6, 1.3, 0.5, 0.0, 5),
        (1e6, 2.5, 0.5, 0.0, 5),
        (1e6, 0.9, 200.0, 0.0, 3),
    ],
)
def test_on_slopes_spots_of_any_brightness_and_width_are_on_the_bound_and_errors_tell_it(
    photons: float, sigma: float, background: float, slope: float, half: int
) -> None:
    changes = {"sigma": sigma, "slope_x": slope, "slope_y": -slope}
    regions = draw_regions(draw_spots_at_centres(4096, photons, 5, background=(background,) * 2, **changes), half, 5)
    rows = fit_regions(regions, replace(SLOPING, psf_sigma_px=1.3, roi_half_size=half))
    has_ended = rows["result_code"] == CONVERGED
    assert np.mean(has_ended) > 0.995
    bound = precision_bound(regions.spots, half, regions.read_variance, free=FREE)[has_ended]
    for name in ("x", "y", "sigma", "background"):
        missed = (rows[name] - regions.spots[:, SPOT_PARAMETERS.index(name.replace("sigma", "sigma_x"))])[has_ended]
        own = bound[:, FREE.index(name)]
        # The standard errors are 0.016 of the mean and 0.011 of the ratios.
        assert abs(np.mean(missed / own)) < (0.1 if photons > 500 else 0.15)
        assert np.sqrt(np.mean(missed**2) / np.mean(own**2)) == pytest.approx(1.01, abs=0.045)
        assert np.std(missed / rows[f"{name}_error"][has_ended]) == pytest.approx(1.01, abs=0.045)
        assert np.abs(missed / own).max() < 7


@pytest.mark.parametrize("fit_module", ["LatGaussFitFR", "AstigGaussFitFR"])
def test_a_sloping_background_shifts_a_spot_only_where_it_is_taken_for_flat(fit_module: str) -> None:
    spots = draw_spots_at_centres(2048, 1000.0, 12, background=(25.0, 25.0), slope_x=2.0)
    regions = draw_regions(spots, 5, 12)
    flat = replace(LIKELIHOOD, roi_half_size=5, fit_module=fit_module)
    shifts = [
        np.mean(fit_regions(regions, replace(flat, background_model=model))["x"] - spots[:, 0])
        for model in ("flat", "sloping")
    ]
    assert shifts[0] > 0.05
    assert abs(shifts[1]) < 0.01


@pytest.mark.parametrize("estimator", ["wls", "mle"])
@pytest.mark.parametrize("photons", [50.0, 300.0, 1e4, 1e6])
def test_from_fifty_to_a_million_photons_what_has_converged_is_in_the_region_and_has_errors(
    photons: float, estimator: Estimator
) -> None:
    regions = draw_regions(draw_spots_at_centres(1024, photons, 10), 3, 10)
    rows = fit_regions(regions, replace(LIKELIHOOD, estimator=estimator))
    ended = rows[rows["result_code"] == CONVERGED]
    assert len(ended) > (900 if photons > 100 else 500)
    assert (np.abs([ended["x"], ended["y"]]) <= 3.5).all()
    for name in ("amplitude", "x", "y", "sigma", "background"):
        assert np.isfinite(ended[name]).all()
        assert (ended[f"{name}_error"] > 0).all()
