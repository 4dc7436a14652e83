"""The fit of Gaussians from frames to rows, beside the float64 reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_fits import (
    SAMPLED,
    SAMPLED_ELLIPTICAL,
    Likelihood,
    fit_least_squares,
    fit_maximum_likelihood,
    pyme_start,
    sampled_gaussian,
)

from fitting.camera import CameraMaps, CameraModel
from fitting.estimation.gaussian_fit import GaussianFit
from fitting.estimation.result_codes import AT_BOUND, CONVERGED, LEFT_REGION, OUT_OF_STEPS, SINGULAR, STUCK, UNUSABLE
from fitting.fits import FrameImages
from fitting.localizations import Rows
from fitting.precision import CIRCULAR, ELLIPTICAL, SLOPES, precision_bound
from fitting.settings import FitSettings
from fitting.simulation.regions import Regions, draw_regions, draw_spots_at_centres

Image = NDArray[np.float32]
LIKELIHOOD = FitSettings(psf_sigma_px=1.2, estimator="mle", background_model="flat", roi_half_size=3)
LEAST_SQUARES = FitSettings(psf_sigma_px=1.2)


@pytest.fixture(autouse=True)
def _lanes_may_divide_by_zero() -> Iterator[None]:
    with np.errstate(all="ignore"):  # where kernels are not compiled, numpy would tell
        yield


def camera_of(read_variance: Image, noise_factor: float = 1.0) -> CameraMaps:
    camera = CameraModel(
        electrons_per_adu=0.5, offset_adu=0.0, read_variance_e2=read_variance, noise_factor=noise_factor
    )
    return camera.maps((read_variance.shape[0], read_variance.shape[1]))


def images_of(frame: Image, read_variance: Image, background: float = 0.0) -> FrameImages:
    return FrameImages(frame, np.full_like(frame, background), read_variance + np.maximum(frame, 0.5) + 1)


def fit(frame: Image, *points: tuple[float, float], settings: FitSettings = LEAST_SQUARES, **others: Any) -> Rows:
    read_variance = np.full_like(frame, others.pop("read_variance", 1.0))
    fits = GaussianFit(settings, camera_of(read_variance, others.pop("noise_factor", 1.0)))
    fits.add(7, images_of(frame, read_variance, **others), np.array([(x, y, 1.0) for x, y in points], np.float32))
    return fits.rows()


def frame_of(*spots: tuple[float, float], seed: int = 0, base: float = 50.0, sigma: float = 1.3) -> Image:
    y, x = np.mgrid[:40.0, :40.0]
    mean = np.full((40, 40), base)
    for x0, y0 in spots:
        mean += 90 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


def fit_regions(regions: Regions, settings: FitSettings, noise_factor: float = 1.0) -> Rows:
    """Fit regions, laid side by side in frames; positions are from their middles."""
    half, n_across = regions.roi_half_size, 16
    rows, side = [], 2 * half + 1
    for start in range(0, len(regions), n_across**2):
        part = slice(start, start + n_across**2)
        n = len(regions.photoelectrons[part])
        frame, variance = np.ones((2, n_across * side, n_across * side), np.float32)
        places = [divmod(k, n_across) for k in range(n)]
        for k, (row, column) in enumerate(places):
            here = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
            frame[here], variance[here] = regions.photoelectrons[start + k], regions.read_variance[start + k]
        points = np.array([(column * side + half, row * side + half) for row, column in places], np.float32)
        fits = GaussianFit(settings, camera_of(variance, noise_factor))
        fits.add(0, images_of(frame, variance), points)
        found = fits.rows()
        found["x"] -= points[:, 0]
        found["y"] -= points[:, 1]
        rows.append(found)
    return np.concatenate(rows)


# Against the reference


@pytest.mark.parametrize("free", [SAMPLED, SAMPLED[:5], SAMPLED[:4]], ids=["sloping", "flat", "none"])
@pytest.mark.parametrize("seed", range(4))
def test_least_squares_and_their_errors_are_those_of_minpack(free: tuple[str, ...], seed: int) -> None:
    frame = frame_of((20.3, 18.7), seed=seed)
    background_model = {7: "sloping", 5: "flat", 4: "none"}[len(free)]
    settings = replace(LEAST_SQUARES, background_model=background_model)
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


# Statistics


@pytest.mark.parametrize(
    ("photons", "settings", "limit"),
    [
        (1000.0, LIKELIHOOD, 1.01),
        (300.0, LIKELIHOOD, 1.035),
        (3000.0, LIKELIHOOD, 1.005),
        (1000.0, replace(LEAST_SQUARES, weights="model", background_model="flat", roi_half_size=3), 1.03),
        (1000.0, replace(LEAST_SQUARES, weights="smoothed", background_model="flat", roi_half_size=3), 1.04),
    ],
    ids=["1000", "300", "3000", "weights of the model", "smoothed weights"],
)
def test_positions_vary_as_little_as_they_can(photons: float, settings: FitSettings, limit: float) -> None:
    regions = draw_regions(draw_spots_at_centres(8192, photons, 5), 3, 5)
    rows = fit_regions(regions, settings)
    bound = precision_bound(regions.spots, 3, regions.read_variance)
    missed = np.column_stack([rows["x"], rows["y"]]) - regions.spots[:, :2]
    has_failed = np.hypot(*missed.T) > 1
    ratio = np.sqrt(np.mean(missed[~has_failed] ** 2) / np.mean(bound[~has_failed, :2] ** 2))
    assert ratio < limit + 2 / np.sqrt(4 * len(rows))  # two standard errors of the ratio
    assert np.mean(has_failed) < 2e-3
    pull = missed[~has_failed] / np.column_stack([rows["x_error"], rows["y_error"]])[~has_failed]
    assert np.nanstd(pull) == pytest.approx(1, abs=0.06)


def test_excess_noise_widens_the_errors_and_not_the_misfit() -> None:
    spots = draw_spots_at_centres(2048, 2000.0, 6)
    regions = draw_regions(spots, 3, 6, has_em_register=True)
    rows = fit_regions(regions, LIKELIHOOD, noise_factor=np.sqrt(2))
    bound = precision_bound(spots, 3, regions.read_variance, np.sqrt(2))
    assert np.std(rows["x"] - spots[:, 0]) == pytest.approx(np.sqrt(np.mean(bound[:, 0] ** 2)), rel=0.06)
    assert np.median(rows["x_error"]) == pytest.approx(np.median(bound[:, 0]), rel=0.03)
    assert np.mean(rows["nchi2"]) == pytest.approx(1, abs=0.1)


def test_a_known_background_is_part_of_the_expected_signal() -> None:
    frame = frame_of((20.3, 18.7), base=50.0)
    alone = fit(frame, (20.0, 19.0), settings=LIKELIHOOD)[0]
    known = fit(frame, (20.0, 19.0), settings=LIKELIHOOD, background=30.0)[0]
    for name in ("x", "y", "sigma", "amplitude", "x_error", "nchi2"):
        assert known[name] == pytest.approx(alone[name], rel=1e-3)
    assert known["background"] == pytest.approx(alone["background"] - 30, abs=0.05)
    assert known["subtracted_background"] == pytest.approx(30)


# Laws


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD], ids=["wls", "mle"])
def test_a_row_does_not_depend_on_what_is_fitted_beside_it(settings: FitSettings) -> None:
    rng = np.random.default_rng(7)
    spots = [(x, y) for x in range(7, 38, 6) for y in range(7, 38, 6)]
    frame = frame_of(*[(x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)) for x, y in spots[::2]])
    together = fit(frame, *spots, settings=settings)
    alone = np.concatenate([fit(frame, spot, settings=settings) for spot in spots])
    backwards = fit(frame, *spots[::-1], settings=settings)
    assert together.tobytes() == alone.tobytes() == backwards[::-1].tobytes()
    fits = GaussianFit(settings, camera_of(np.ones_like(frame)))
    points = np.array(spots, np.float32)
    for part in np.array_split(points, 4):
        fits.add(7, images_of(frame, np.ones_like(frame)), part)
    assert fits.rows().tobytes() == together.tobytes()


def test_rows_come_in_the_order_of_the_candidates_however_many_there_are() -> None:
    frame = frame_of(*[(x, y) for x in range(8, 36, 8) for y in range(8, 36, 8)])
    points = np.array([(x, y) for x in range(8, 36, 8) for y in range(8, 36, 8)], np.float32)
    fits = GaussianFit(LIKELIHOOD, camera_of(np.ones_like(frame)))
    for number in range(150):
        fits.add(number, images_of(frame, np.ones_like(frame)), points)
    rows = fits.rows()
    assert len(fits.rows()) == 0
    np.testing.assert_array_equal(rows["frame"], np.repeat(np.arange(150), len(points)))
    np.testing.assert_allclose(rows["x"], np.tile(points[:, 0], 150), atol=0.5)
    np.testing.assert_array_equal(rows["x"][: len(points)], rows["x"][-len(points) :])


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD], ids=["wls", "mle"])
def test_turning_the_frame_turns_the_fit(settings: FitSettings) -> None:
    frame = frame_of((20.3, 17.7))
    row = fit(frame, (20.0, 18.0), settings=settings)[0]
    turned = fit(np.ascontiguousarray(frame.T), (18.0, 20.0), settings=settings)[0]
    assert (turned["x"], turned["y"]) == pytest.approx((row["y"], row["x"]), abs=2e-5)
    assert (turned["slope_x"], turned["slope_y"]) == pytest.approx((row["slope_y"], row["slope_x"]), abs=1e-3)
    assert turned["sigma"] == pytest.approx(row["sigma"], abs=2e-5)


def test_shifting_the_frame_shifts_the_fit() -> None:
    frame = frame_of((20.3, 17.7))
    row, shifted = fit(frame, (20.0, 18.0))[0], fit(np.roll(frame, (3, -4), (0, 1)), (16.0, 21.0))[0]
    assert (shifted["x"] + 4, shifted["y"] - 3) == pytest.approx((row["x"], row["y"]), abs=1e-5)
    assert shifted["sigma"] == row["sigma"]


def test_scaling_intensities_scales_the_fit() -> None:
    frame = frame_of((20.3, 17.7))
    points, none = np.array([(20.0, 18.0)], np.float32), np.zeros_like(frame)
    rows = []
    for factor in (1, 10):
        fits = GaussianFit(LEAST_SQUARES, camera_of(np.ones_like(frame)))
        fits.add(0, FrameImages(frame * factor, none, (frame + 2) * factor**2), points)
        rows.append(fits.rows()[0])
    for name in ("amplitude", "background", "amplitude_error", "background_error"):
        assert rows[1][name] == pytest.approx(10 * rows[0][name], rel=1e-4)
    for name in ("x", "y", "sigma", "x_error", "nchi2"):
        assert rows[1][name] == pytest.approx(rows[0][name], rel=1e-4)


@pytest.mark.parametrize("settings", [LEAST_SQUARES, replace(LIKELIHOOD, roi_half_size=5)], ids=["wls", "mle"])
def test_pixels_twice_as_high_as_wide_are_allowed_for(settings: FitSettings) -> None:
    y, x = np.mgrid[:60.0, :60.0]
    mean = (900 * np.exp(-((x - 30.4) ** 2 + (y - 30.2) ** 2) / (2 * 2.0**2)) + 50).astype(np.float32)
    row = fit(np.ascontiguousarray(mean[::2]), (30.0, 15.0), settings=replace(settings, pixel_aspect=2.0))[0]
    assert (row["x"], row["y"]) == pytest.approx((30.4, 15.1), abs=2e-3)
    assert row["sigma"] == pytest.approx(2, abs=0.12 if settings.estimator == "mle" else 1e-3)


def test_the_width_along_y_is_in_px_of_that_axis() -> None:
    y, x = np.mgrid[:60.0, :60.0]
    mean = (900 * np.exp(-((x - 30.4) ** 2 + (y - 30.2) ** 2) / (2 * 2.0**2)) + 50).astype(np.float32)
    settings = replace(LEAST_SQUARES, fit_module="AstigGaussFitFR", pixel_aspect=2.0)
    row = fit(np.ascontiguousarray(mean[::2]), (30.0, 15.0), settings=settings)[0]
    assert (row["sigma"], row["sigma_y"]) == pytest.approx((2, 1), abs=1e-3)


def test_the_region_is_clipped_at_the_edges_of_the_frame() -> None:
    frame = frame_of((2.2, 37.1))
    for settings in (LEAST_SQUARES, LIKELIHOOD):
        row = fit(frame, (2.0, 37.0), settings=settings)[0]
        half = settings.roi_half_size
        region = (row["roi_x_start"], row["roi_x_stop"], row["roi_y_start"], row["roi_y_stop"])
        assert region == (max(2 - half, 0), 3 + half, 37 - half, 40)
        assert (row["x"], row["y"]) == pytest.approx((2.2, 37.1), abs=0.5)


def test_a_fit_without_background_leaves_base_and_slopes_at_zero() -> None:
    settings = replace(LEAST_SQUARES, background_model="none")
    row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), settings=settings, background=50.0)[0]
    assert all(row[name] == 0 for name in ("background", "slope_x", "slope_y", "background_error"))


def test_a_width_that_is_not_fitted_stays_and_has_no_error() -> None:
    row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), settings=replace(LIKELIHOOD, is_sigma_fitted=False))[0]
    assert (row["sigma"], row["sigma_error"]) == (pytest.approx(1.2), 0)


@pytest.mark.parametrize("half", [2, 10])
def test_small_and_large_regions_are_fitted(half: int) -> None:
    for settings in (LIKELIHOOD, LEAST_SQUARES):
        row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), settings=replace(settings, roi_half_size=half))[0]
        assert (row["x"], row["y"], row["result_code"]) == pytest.approx((20.3, 18.7, CONVERGED), abs=0.6)


@pytest.mark.parametrize("sigma", [0.6, 3.0])
@pytest.mark.parametrize("photons", [1e3, 1e6])
def test_narrow_wide_and_bright_spots_are_fitted(sigma: float, photons: float) -> None:
    regions = draw_regions(draw_spots_at_centres(64, photons, 8, sigma=sigma), 7, 8)
    rows = fit_regions(regions, replace(LIKELIHOOD, roi_half_size=7))
    bound = precision_bound(regions.spots, 7, regions.read_variance)
    assert (rows["result_code"] == CONVERGED).all()
    assert np.sqrt(np.mean((rows["x"] - regions.spots[:, 0]) ** 2)) < 1.3 * np.sqrt(np.mean(bound[:, 0] ** 2))


# Hopeless spots

HOPELESS = {
    "empty": np.zeros((40, 40)),
    "constant": np.full((40, 40), 100.0),
    "saturated": np.full((40, 40), 65535.0),
    "line": np.eye(40) * 1e6,
    "hot pixel": np.where(np.arange(1600).reshape(40, 40) == 820, 1e5, 10.0),
    "dip": 1000 - 900 * (np.hypot(*(np.mgrid[:40, :40] - 20)) < 2),
    "negative": np.full((40, 40), -20.0),
}
CODES = {CONVERGED, OUT_OF_STEPS, STUCK, LEFT_REGION, AT_BOUND, SINGULAR}


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD], ids=["wls", "mle"])
@pytest.mark.parametrize("name", HOPELESS)
def test_a_hopeless_spot_ends_with_a_finite_position_and_a_code(name: str, settings: FitSettings) -> None:
    row = fit(HOPELESS[name].astype(np.float32), (20.0, 20.0), settings=settings)[0]
    assert row["result_code"] in CODES
    assert all(np.isfinite(row[column]) for column in ("amplitude", "x", "y", "sigma", "background", "nchi2"))
    if np.isnan(row["x_error"]):
        assert row["result_code"] != CONVERGED


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_pixels_that_are_no_numbers_are_said_to_be_unusable(bad: float) -> None:
    frame = frame_of((20.3, 18.7))
    frame[18, 20] = bad
    rows = fit(frame, (20.0, 19.0), (8.0, 8.0))
    assert rows["result_code"].tolist()[0] == UNUSABLE
    assert (rows["x"][0], rows["y"][0]) == (20, 19)
    assert np.isnan(rows["x_error"][0])
    assert rows["result_code"][1] != UNUSABLE


def test_a_variance_that_is_no_number_is_said_to_be_unusable() -> None:
    frame = frame_of((20.3, 18.7))
    variance = frame + 2
    variance[17, 19] = 0
    fits = GaussianFit(LEAST_SQUARES, camera_of(np.ones_like(frame)))
    fits.add(0, FrameImages(frame, np.zeros_like(frame), variance), np.array([(20, 19)], np.float32))
    assert fits.rows()["result_code"].tolist() == [UNUSABLE]


def test_a_corner_with_fewer_pixels_than_parameters_is_said_to_be_unusable() -> None:
    frame = frame_of((0.0, 0.0))
    assert fit(frame, (-1.4, -1.4), settings=replace(LIKELIHOOD, roi_half_size=2))[0]["result_code"] == UNUSABLE


def test_two_emitters_in_one_region_end_with_a_code() -> None:
    for settings in (LEAST_SQUARES, LIKELIHOOD):
        row = fit(frame_of((18.0, 20.0), (21.5, 20.0)), (19.7, 20.0), settings=settings)[0]
        assert row["result_code"] in CODES
        assert 17 < row["x"] < 22


def test_an_amplitude_that_must_be_positive_stops_at_zero() -> None:
    settings = replace(LEAST_SQUARES, fit_module="GaussFitConstrR", background_model="flat")
    dip = HOPELESS["dip"].astype(np.float32)
    free, constrained = fit(dip, (20.0, 20.0))[0], fit(dip, (20.0, 20.0), settings=settings)[0]
    assert free["amplitude"] < 0 or free["result_code"] != CONVERGED
    assert constrained["amplitude"] >= 0
    spot = frame_of((20.3, 18.7))
    flat = replace(LEAST_SQUARES, background_model="flat")
    assert fit(spot, (20.0, 19.0), settings=settings)[0]["x"] == fit(spot, (20.0, 19.0), settings=flat)[0]["x"]


def test_a_search_that_leaves_the_region_says_so() -> None:
    y, x = np.mgrid[:40.0, :40.0]
    frame = (100 + 300 * np.exp(-((x - 30) ** 2 + (y - 20) ** 2) / 18)).astype(np.float32)
    row = fit(frame, (20.0, 20.0), settings=replace(LIKELIHOOD, roi_half_size=4))[0]
    assert row["result_code"] == LEFT_REGION


def test_no_candidates_give_no_rows() -> None:
    assert len(fit(frame_of())) == 0
