"""Positions without a fit: detected points and centres of intensity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.estimation.registry import fit_of
from pointillist.fitting.localizations import Rows
from pointillist.fitting.settings import FitSettings

SHAPE = (40, 50)
Frame = NDArray[np.float32]


def positions(fit_module: str, frame: Frame, *points: tuple[float, float], background: float = 0.0) -> Rows:
    settings = FitSettings(
        psf_sigma_px=1.3,
        fit_module=fit_module,
        roi_half_size=MODULES[fit_module].roi_half_size,
        is_background_subtracted=background != 0,
    )
    camera = CameraModel(electrons_per_adu=1.0, offset_adu=0.0, read_variance_e2=1.0).maps(SHAPE)
    fit = fit_of(settings, camera)
    images = FrameImages(frame, np.full(SHAPE, background, np.float32), np.ones(SHAPE, np.float32))
    fit.add(7, images, np.array([(x, y, 1.0) for x, y in points], np.float32).reshape(-1, 3))
    rows = fit.rows()
    assert rows.dtype == fit.dtype == MODULES[fit_module].dtype
    assert len(fit.rows()) == 0
    return rows


def spot(x: float, y: float, height: float = 100.0, sigma: float = 1.3, level: float = 10.0) -> Frame:
    pixel_y, pixel_x = np.indices(SHAPE)
    squares = (pixel_x - x) ** 2 + (pixel_y - y) ** 2
    return (level + height * np.exp(-squares / (2 * sigma**2))).astype(np.float32)


def test_a_detected_point_stays_where_detection_saw_it() -> None:
    frame = spot(20.3, 15.8)
    row = positions("LatObjFindFR", frame, (20.1, 16.2))[0]
    assert (row["frame"], row["x"], row["y"]) == (7, np.float32(20.1), np.float32(16.2))
    region = frame[11:22, 15:26]
    assert row["background"] == region.min()
    assert row["amplitude"] == region.max() - region.min()
    assert [row[name] for name in ("roi_x_start", "roi_x_stop", "roi_y_start", "roi_y_stop")] == [15, 26, 11, 22]


@pytest.mark.parametrize("fit_module", ["LatObjFindFR", "LatFitCOIR"])
@pytest.mark.parametrize("x", [0.4, 25.0, 49.4])
@pytest.mark.parametrize("y", [-0.4, 20.0, 39.0])
def test_regions_are_clipped_at_the_edges(fit_module: str, x: float, y: float) -> None:
    row = positions(fit_module, spot(x, y), (x, y))[0]
    half_size = MODULES[fit_module].roi_half_size
    assert row["roi_x_start"] == max(round(x) - half_size, 0)
    assert row["roi_x_stop"] == min(round(x) + half_size + 1, SHAPE[1])
    assert row["roi_y_start"] == max(round(y) - half_size, 0)
    assert row["roi_y_stop"] == min(round(y) + half_size + 1, SHAPE[0])
    assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.8)


@given(st.floats(10, 30), st.floats(10, 30), st.integers(0, 2**32 - 1))
def test_a_centroid_is_that_of_its_definition(x: float, y: float, seed: int) -> None:
    frame = np.random.default_rng(seed).poisson(spot(x, y)).astype(np.float32)
    row = positions("LatFitCOIR", frame, (x, y))[0]
    lines, columns = slice(row["roi_y_start"], row["roi_y_stop"]), slice(row["roi_x_start"], row["roi_x_stop"])
    light = frame[lines, columns].astype(np.float64)
    light = np.maximum(light - (light.min() + light.max()) / 2, 0)
    pixel_y, pixel_x = (indices[lines, columns] for indices in np.indices(SHAPE))
    assert row["light"] == pytest.approx(light.sum(), rel=1e-5)
    for axis, pixel in (("x", pixel_x), ("y", pixel_y)):
        centre = np.average(pixel, weights=light)
        assert row[axis] == pytest.approx(centre, abs=1e-5)
        for side in (pixel - centre, centre - pixel):
            half_width = np.average(np.maximum(side, 0), weights=light)
            assert row[f"half_width_{axis}"] == pytest.approx(half_width, abs=1e-5)


def test_a_centroid_neither_sees_a_level_nor_the_height_of_the_spot() -> None:
    first = positions("LatFitCOIR", spot(20.3, 15.8), (20, 16))[0]
    second = positions("LatFitCOIR", spot(20.3, 15.8, height=1000, level=500), (20, 16))[0]
    assert second["light"] == pytest.approx(10 * first["light"], rel=1e-3)
    for name in ("x", "y", "half_width_x", "half_width_y"):
        assert second[name] == pytest.approx(first[name], abs=1e-4)


def test_a_centroid_moves_with_its_spot_by_whole_pixels() -> None:
    first = positions("LatFitCOIR", spot(20.3, 15.8), (20, 16))[0]
    second = positions("LatFitCOIR", spot(27.3, 10.8), (27, 11))[0]
    assert (second["x"], second["y"]) == pytest.approx((first["x"] + 7, first["y"] - 5), abs=1e-4)


def test_the_background_is_subtracted_before_the_centroid() -> None:
    slope = np.linspace(0, 400, SHAPE[1], dtype=np.float32) + np.zeros(SHAPE, np.float32)
    settings = FitSettings(psf_sigma_px=1.3, fit_module="LatFitCOIR", roi_half_size=4)
    camera = CameraModel(electrons_per_adu=1.0, offset_adu=0.0, read_variance_e2=1.0).maps(SHAPE)
    fit = fit_of(settings, camera)
    fit.add(0, FrameImages(spot(20.0, 16.0) + slope, slope, slope), np.array([[20, 16, 1]], np.float32))
    assert fit.rows()["x"] == pytest.approx(20, abs=1e-3)


def test_a_region_of_equal_pixels_keeps_its_point_and_has_no_widths() -> None:
    row = positions("LatFitCOIR", np.full(SHAPE, 5, np.float32), (20.2, 16.4))[0]
    assert row["light"] == 0
    assert (row["x"], row["y"]) == (np.float32(20.2), np.float32(16.4))
    assert np.isnan(row["half_width_x"])
    assert np.isnan(row["half_width_y"])


@pytest.mark.parametrize("fit_module", ["LatObjFindFR", "LatFitCOIR"])
def test_a_row_does_not_depend_on_the_others(fit_module: str) -> None:
    frame = spot(20.3, 15.8) + spot(30.2, 22.9)
    together = positions(fit_module, frame, (20, 16), (30, 23), (2, 38))
    alone = [positions(fit_module, frame, point) for point in ((20, 16), (30, 23), (2, 38))]
    assert together.tobytes() == np.concatenate(alone).tobytes()
    assert len(positions(fit_module, frame)) == 0
