"""The fit of Gaussians from frames to rows, beside the float64 reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_fits import (
    SAMPLED,
    SAMPLED_ELLIPTICAL,
    Likelihood,
    fit_least_squares,
    fit_maximum_likelihood,
    pyme_start,
    sampled_gaussian,
)
from spot_fits import LEAST_SQUARES, LIKELIHOOD, camera_of, fit, fit_regions, frame_of, images_of

from pointillist.fitting.estimation.registry import fit_of
from pointillist.fitting.estimation.result_codes import CONVERGED
from pointillist.fitting.scoring.precision import CIRCULAR, ELLIPTICAL, SLOPES, SPOT_PARAMETERS
from pointillist.fitting.shared_settings import BackgroundModel
from pointillist.fitting.simulation.regions import draw_regions, draw_spots_at_centres

ROUND_OR_NOT = ("LatGaussFitFR", "AstigGaussFitFR")
WIDTH, ALIAS = {"sigma": "sigma_x"}, {"sigma_x": "sigma"}


@pytest.mark.parametrize("free", [SAMPLED, SAMPLED[:5], SAMPLED[:4]], ids=["sloping", "flat", "none"])
@pytest.mark.parametrize("seed", range(4))
def test_least_squares_and_their_errors_are_those_of_minpack(free: tuple[str, ...], seed: int) -> None:
    frame = frame_of((20.3, 18.7), seed=seed)
    models: dict[int, BackgroundModel] = {7: "sloping", 5: "flat", 4: "none"}
    settings = replace(LEAST_SQUARES, background_model=models[len(free)])
    row = fit(frame, (20.0, 19.0), settings=settings, background=50.0)[0]
    data, variance = frame[14:25, 15:26], (np.maximum(frame, 0.5) + 2)[14:25, 15:26]
    start = pyme_start(data, np.full_like(data, 50), (0.0, 0.0), 1.2)[: len(free)]
    best = fit_least_squares(data - 50, variance, start, free)
    for name, value, error in zip(free, best.values, best.errors, strict=True):
        offset = {"x": 20, "y": 19}.get(name, 0)
        assert row[name] - offset == pytest.approx(value, abs=3e-3 * error)
        assert row[f"{name}_error"] == pytest.approx(error, rel=3e-3)
    assert row["nchi2"] == pytest.approx(best.objective / (121 - len(free)), rel=1e-4)
    assert row["result_code"] == CONVERGED
    assert (row["frame"], row["subtracted_background"]) == (7, pytest.approx(50))
    assert (row["roi_x_start"], row["roi_x_stop"], row["roi_y_start"], row["roi_y_stop"]) == (15, 26, 14, 25)


def test_the_elliptical_least_squares_are_those_of_minpack() -> None:
    truth = np.array([300.0, 0.2, -0.3, 1.1, 1.7, 20.0])
    mean, _ = sampled_gaussian(truth, SAMPLED_ELLIPTICAL, 5)
    frame = np.full((40, 40), 20.0, np.float32)
    frame[10:21, 15:26] = np.random.default_rng(0).poisson(mean)
    settings = replace(LEAST_SQUARES, fit_module="AstigGaussFitFR", background_model="flat")
    row = fit(frame, (20.0, 15.0), settings=settings)[0]
    best = fit_least_squares(frame[10:21, 15:26], np.maximum(frame, 0.5)[10:21, 15:26] + 2, truth, SAMPLED_ELLIPTICAL)
    columns = ("amplitude", "x", "y", "sigma", "sigma_y", "background")
    values = [row[name] - {"x": 20, "y": 15}.get(name, 0) for name in columns]
    np.testing.assert_allclose(values, best.values, atol=3e-3 * best.errors.min() + 1e-4, rtol=1e-4)
    np.testing.assert_allclose([row[f"{name}_error"] for name in columns], best.errors, rtol=3e-3)
    assert (row["start_sigma"], row["start_sigma_y"], row["start_x"]) == (pytest.approx(1.2), pytest.approx(1.2), 20)


@pytest.mark.parametrize(("photons", "tolerance_px"), [(300.0, 2e-3), (1000.0, 1e-4)])
def test_maximum_likelihood_is_that_of_the_reference(photons: float, tolerance_px: float) -> None:
    regions = draw_regions(draw_spots_at_centres(150, photons, 3), 3, 3)
    rows = fit_regions(regions, LIKELIHOOD)
    differences, ratios, misfits = [], [], []
    for row, spot, data, variance in zip(
        rows, regions.spots, regions.photoelectrons, regions.read_variance, strict=True
    ):
        start = np.array([row["x"], row["y"], 2 * np.pi * row["sigma"] ** 2 * row["amplitude"], row["sigma"]])
        best = fit_maximum_likelihood(
            Likelihood(data=data, read_variance=variance, fixed=spot), np.append(start, row["background"])
        )
        differences.append([row["x"] - best.values[0], row["y"] - best.values[1]])
        ratios.append([row["x_error"], row["y_error"], row["sigma_error"], row["background_error"]])
        ratios[-1] /= best.errors[[0, 1, 3, 4]]
        misfits.append(row["nchi2"] * 44 / best.objective)
    assert np.sqrt(np.mean(np.square(differences))) < tolerance_px
    np.testing.assert_allclose(ratios, 1, rtol=0.02)
    np.testing.assert_allclose(misfits, 1, rtol=2e-3)


@pytest.mark.parametrize(
    ("free", "changes"),
    [
        (("x", "y", "photons", "background"), {"is_sigma_fitted": False, "psf_sigma_px": 1.3}),
        (ELLIPTICAL, {"fit_module": "AstigGaussFitFR"}),
        ((*CIRCULAR, *SLOPES), {"background_model": "sloping"}),
        (("x", "y", "photons", "sigma"), {"background_model": "none"}),
    ],
    ids=["known width", "elliptical", "sloping", "no background"],
)
def test_the_likelihood_of_every_model_is_that_of_the_reference(free: tuple[str, ...], changes: dict[str, Any]) -> None:
    background = (0.0, 0.0) if "background" not in free else (10.0, 20.0)
    regions = draw_regions(draw_spots_at_centres(20, 2000.0, 4, background=background), 4, 4)
    rows = fit_regions(regions, replace(LIKELIHOOD, roi_half_size=4, **changes))
    for row, spot, data, variance in zip(
        rows, regions.spots, regions.photoelectrons, regions.read_variance, strict=True
    ):
        likelihood = Likelihood(data=data, read_variance=variance, fixed=spot, free=free)
        width_y = row["sigma_y"] if "sigma_x" in free else row["sigma"]
        known = {
            **{name: row[name] for name in ("x", "y", "sigma", "background", "slope_x", "slope_y")},
            "sigma_x": row["sigma"],
            "sigma_y": width_y,
            "photons": 2 * np.pi * row["sigma"] * width_y * row["amplitude"],
        }
        best = fit_maximum_likelihood(likelihood, np.array([known[name] for name in free]))
        for name, value, error in zip(free, best.values, best.errors, strict=True):
            assert known[name] == pytest.approx(value, abs=5e-3 * error)
        assert row["x_error"] == pytest.approx(best.errors[0], rel=0.01)


@pytest.mark.parametrize(
    ("photons", "sigma", "background", "half", "is_elliptical"),
    [
        (300.0, 1.3, 0.5, 5, False),
        (3e3, 1.0, 0.5, 3, False),
        (3e4, 1.8, 0.5, 5, False),
        (1e6, 1.3, 0.5, 5, False),
        (1e6, 1.8, 50.0, 5, False),
        (1e6, 2.5, 5.0, 5, False),
        (3e3, 1.3, 0.5, 5, True),
        (1e6, 1.3, 5.0, 7, True),
    ],
)
@pytest.mark.parametrize("noise_factor", [1.0, np.sqrt(2)], ids=["sCMOS", "EM"])
def test_on_slopes_no_likelihood_is_greater_than_that_of_the_fit(
    photons: float, sigma: float, background: float, half: int, noise_factor: float, *, is_elliptical: bool
) -> None:
    widths = {"sigma_x": sigma, "sigma_y": 1.2 * sigma} if is_elliptical else {"sigma": sigma}
    spots = draw_spots_at_centres(6, photons, 4, background=(background, background), **widths)
    regions = draw_regions(spots, half, 4, has_em_register=noise_factor > 1)
    settings = replace(LIKELIHOOD, roi_half_size=half, background_model="sloping")
    rows = fit_regions(regions, replace(settings, fit_module=ROUND_OR_NOT[is_elliptical]), noise_factor)
    assert (rows["result_code"] == CONVERGED).all()
    free = (*(ELLIPTICAL if is_elliptical else CIRCULAR), *SLOPES)
    squares = []
    for row, spot, data, variance in zip(rows, spots, regions.photoelectrons, regions.read_variance, strict=True):
        likelihood = Likelihood(data=data, read_variance=variance, fixed=spot, free=free, noise_factor=noise_factor)
        best = fit_maximum_likelihood(likelihood, spot[[SPOT_PARAMETERS.index(WIDTH.get(name, name)) for name in free]])
        width_y = row["sigma_y"] if is_elliptical else row["sigma"]
        light = {"photons": 2 * np.pi * row["sigma"] * width_y * row["amplitude"]}
        found = np.array([light[name] if name in light else row[ALIAS.get(name, name)] for name in free], np.float64)
        assert likelihood.deviance(found) < best.objective + 1e-3
        squares.append(((found - best.values) / best.errors) ** 2)
    # Of a million photons single precision tells no more.
    assert np.sqrt(np.mean(squares)) < (2e-3 if photons < 1e5 else 2e-2)


def test_rows_come_in_the_order_of_the_candidates_however_many_there_are() -> None:
    frame = frame_of(*[(x, y) for x in range(8, 36, 8) for y in range(8, 36, 8)])
    points = np.array([(x, y) for x in range(8, 36, 8) for y in range(8, 36, 8)], np.float32)
    fits = fit_of(LIKELIHOOD, camera_of(np.ones_like(frame)))
    for number in range(150):
        fits.add(number, images_of(frame, np.ones_like(frame)), points)
    rows = fits.rows()
    assert len(fits.rows()) == 0
    np.testing.assert_array_equal(rows["frame"], np.repeat(np.arange(150), len(points)))
    np.testing.assert_allclose(rows["x"], np.tile(points[:, 0], 150), atol=0.5)
    np.testing.assert_array_equal(rows["x"][: len(points)], rows["x"][-len(points) :])
