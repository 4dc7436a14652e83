"""What turning, shifting, scaling and neighbours do to a fit; runs as plain Python (NUMBA_DISABLE_JIT=1) too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from spot_fits import LEAST_SQUARES, LIKELIHOOD, SLOPING, camera_of, fit, frame_of, images_of

from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.registry import fit_of
from pointillist.fitting.estimation.result_codes import CONVERGED
from pointillist.fitting.settings import FitSettings


@pytest.fixture(autouse=True)
def _lanes_may_divide_by_zero() -> Iterator[None]:
    with np.errstate(all="ignore"):  # where kernels are not compiled, numpy would tell
        yield


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD, SLOPING], ids=["wls", "mle", "mle, sloping"])
def test_a_row_does_not_depend_on_what_is_fitted_beside_it(settings: FitSettings) -> None:
    rng = np.random.default_rng(7)
    spots = [(x, y) for x in range(7, 38, 7) for y in range(7, 38, 7)]
    frame = frame_of(*[(x + rng.uniform(-0.5, 0.5), y + rng.uniform(-0.5, 0.5)) for x, y in spots[::2]])
    together = fit(frame, *spots, settings=settings)
    alone = np.concatenate([fit(frame, spot, settings=settings) for spot in spots])
    backwards = fit(frame, *spots[::-1], settings=settings)
    assert together.tobytes() == alone.tobytes() == backwards[::-1].tobytes()
    fits = fit_of(settings, camera_of(np.ones_like(frame)))
    points = np.array(spots, np.float32)
    for part in np.array_split(points, 4):
        fits.add(7, images_of(frame, np.ones_like(frame)), part)
    assert fits.rows().tobytes() == together.tobytes()


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD, SLOPING], ids=["wls", "mle", "mle, sloping"])
def test_turning_the_frame_turns_the_fit(settings: FitSettings) -> None:
    frame = frame_of((20.3, 17.7))
    row = fit(frame, (20.0, 18.0), settings=settings)[0]
    turned = fit(np.ascontiguousarray(frame.T), (18.0, 20.0), settings=settings)[0]
    assert (turned["x"], turned["y"]) == pytest.approx((row["y"], row["x"]), abs=2e-5)
    assert (turned["slope_x"], turned["slope_y"]) == pytest.approx((row["slope_y"], row["slope_x"]), abs=1e-3)
    assert turned["sigma"] == pytest.approx(row["sigma"], abs=2e-5)


def test_turning_the_frame_turns_an_elliptical_spot() -> None:
    y, x = np.mgrid[:40.0, :40.0]
    mean = 30 + 200 * np.exp(-((x - 20.3) ** 2) / (2 * 1.2**2) - (y - 18.7) ** 2 / (2 * 1.7**2))
    frame = np.random.default_rng(1).poisson(mean).astype(np.float32)
    for estimator in ("wls", "mle"):
        settings = replace(LEAST_SQUARES, estimator=estimator, fit_module="AstigGaussFitFR", background_model="flat")
        row = fit(frame, (20.0, 19.0), settings=settings)[0]
        turned = fit(np.ascontiguousarray(frame.T), (19.0, 20.0), settings=settings)[0]
        for name, other in (("x", "y"), ("sigma", "sigma_y"), ("x_error", "y_error"), ("sigma_error", "sigma_y_error")):
            assert (turned[name], turned[other]) == pytest.approx((row[other], row[name]), rel=2e-4)
        assert (row["sigma"], row["sigma_y"]) == pytest.approx((1.2, 1.7), abs=0.2)


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD, SLOPING], ids=["wls", "mle", "mle, sloping"])
@pytest.mark.parametrize("axis", ["x", "y"])
def test_mirroring_the_frame_mirrors_the_fit(settings: FitSettings, axis: str) -> None:
    frame = frame_of((20.3, 17.7))
    row = fit(frame, (20.0, 18.0), settings=settings)[0]
    flipped = np.ascontiguousarray(np.flip(frame, "yx".index(axis)))
    mirrored = fit(flipped, (19.0, 18.0) if axis == "x" else (20.0, 21.0), settings=settings)[0]
    other = "y" if axis == "x" else "x"
    assert (39 - mirrored[axis], mirrored[other]) == pytest.approx((row[axis], row[other]), abs=2e-5)
    assert mirrored[f"slope_{axis}"] == pytest.approx(-row[f"slope_{axis}"], abs=1e-3)
    for name in ("amplitude", "sigma", "x_error", "y_error", "nchi2"):
        assert mirrored[name] == pytest.approx(row[name], rel=1e-4)


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
        fits = fit_of(LEAST_SQUARES, camera_of(np.ones_like(frame)))
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


def test_a_fit_without_background_leaves_base_and_slopes_at_zero() -> None:
    settings = replace(LEAST_SQUARES, background_model="none")
    row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), settings=settings, background=50.0)[0]
    assert all(row[name] == 0 for name in ("background", "slope_x", "slope_y", "background_error"))


def test_a_width_that_is_not_fitted_stays_and_has_no_error() -> None:
    row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), settings=replace(LIKELIHOOD, is_sigma_fitted=False))[0]
    assert (row["sigma"], row["sigma_error"]) == (pytest.approx(1.2), 0)


@pytest.mark.parametrize("half", range(2, 11))
def test_regions_from_5_to_21_px_are_fitted_in_the_middle_and_clipped_at_the_edges_as_in_pyme(half: int) -> None:
    for x, y in ((20.3, 18.7), (2.2, 37.1)):
        for settings in (LIKELIHOOD, LEAST_SQUARES):
            at = round(x), round(y)
            row = fit(frame_of((x, y)), at, settings=replace(settings, roi_half_size=half))[0]
            assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.6)
            assert (row["roi_x_start"], row["roi_x_stop"]) == (max(at[0] - half, 0), at[0] + half + 1)
            assert (row["roi_y_start"], row["roi_y_stop"]) == (at[1] - half, min(at[1] + half + 1, 40))
            if x > half:
                assert row["result_code"] == CONVERGED


def test_a_known_background_is_part_of_the_expected_signal() -> None:
    frame = frame_of((20.3, 18.7), base=50.0)
    alone = fit(frame, (20.0, 19.0), settings=LIKELIHOOD)[0]
    known = fit(frame, (20.0, 19.0), settings=LIKELIHOOD, background=30.0)[0]
    for name in ("x", "y", "sigma", "amplitude", "x_error", "nchi2"):
        assert known[name] == pytest.approx(alone[name], rel=1e-3)
    assert known["background"] == pytest.approx(alone["background"] - 30, abs=0.05)
    assert known["subtracted_background"] == pytest.approx(30)
