"""Spots that no fit can make sense of: every row says how it has ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spot_fits import LEAST_SQUARES, LIKELIHOOD, SLOPING, Image, camera_of, fit, frame_of

from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.estimation.registry import fit_of
from pointillist.fitting.estimation.result_codes import (
    AT_BOUND,
    CONVERGED,
    LEFT_REGION,
    OUT_OF_STEPS,
    SINGULAR,
    STUCK,
    UNUSABLE,
)
from pointillist.fitting.localizations import QUANTITIES
from pointillist.fitting.settings import FitSettings

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


@pytest.mark.parametrize("settings", [LEAST_SQUARES, LIKELIHOOD, SLOPING], ids=["wls", "mle", "mle, sloping"])
@pytest.mark.parametrize("name", HOPELESS)
def test_an_unfittable_spot_ends_with_a_finite_position_and_a_code(name: str, settings: FitSettings) -> None:
    row = fit(HOPELESS[name].astype(np.float32), (20.0, 20.0), settings=settings)[0]
    assert row["result_code"] in CODES
    assert all(np.isfinite(row[column]) for column in ("amplitude", "x", "y", "sigma", "background", "nchi2"))
    if np.isnan(row["x_error"]):
        assert row["result_code"] != CONVERGED


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_pixels_that_are_not_finite_are_reported_as_unusable(bad: float) -> None:
    frame = frame_of((20.3, 18.7))
    frame[18, 20] = bad
    rows = fit(frame, (20.0, 19.0), (8.0, 8.0))
    assert rows["result_code"].tolist()[0] == UNUSABLE
    assert (rows["x"][0], rows["y"][0]) == (20, 19)
    assert np.isnan(rows["x_error"][0])
    assert rows["result_code"][1] != UNUSABLE


def test_a_variance_that_is_not_finite_is_reported_as_unusable() -> None:
    frame = frame_of((20.3, 18.7))
    variance = frame + 2
    variance[17, 19] = 0
    fits = fit_of(LEAST_SQUARES, camera_of(np.ones_like(frame)))
    fits.add(0, FrameImages(frame, np.zeros_like(frame), variance), np.array([(20, 19)], np.float32))
    assert fits.rows()["result_code"].tolist() == [UNUSABLE]


def test_a_corner_with_fewer_pixels_than_parameters_is_reported_as_unusable() -> None:
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


@pytest.mark.parametrize("settings", [LIKELIHOOD, SLOPING], ids=["flat", "sloping"])
def test_a_search_that_leaves_the_region_has_that_code(settings: FitSettings) -> None:
    y, x = np.mgrid[:40.0, :40.0]
    frame = (100 + 300 * np.exp(-((x - 26) ** 2 + (y - 20) ** 2) / 18)).astype(np.float32)
    row = fit(frame, (20.0, 20.0), settings=replace(settings, roi_half_size=4))[0]
    assert row["result_code"] == LEFT_REGION


def test_no_candidates_give_no_rows() -> None:
    assert len(fit(frame_of())) == 0


EVERY_MODEL = [
    replace(LEAST_SQUARES, fit_module=name, estimator=estimator, background_model=background, weights=weights)
    for name in ("LatGaussFitFR", "AstigGaussFitFR", "GaussFitConstrR")
    for estimator in MODULES[name].estimators
    for background in MODULES[name].backgrounds
    for weights in (("data", "model", "smoothed") if estimator == "wls" else ("data",))
]


def junk() -> Image:
    """Return a frame of 64 squares of 10 px: noise, spikes, steps, dips, stripes, and saturated ones, of any size."""
    rng = np.random.default_rng(11)
    frame = np.empty((80, 80), np.float32)
    for number in range(64):
        square = rng.normal(0, 10.0 ** rng.uniform(-2, 4), (10, 10)) + rng.choice([0.0, 1.0, 100.0, -50.0, 1e4])
        match number % 6:
            case 1:
                square[tuple(rng.integers(0, 10, (2, 3)))] += 10.0 ** rng.uniform(1, 6)
            case 2:
                square[:, rng.integers(1, 9) :] += 10.0 ** rng.uniform(1, 5)
            case 3:
                square = np.minimum(square, np.median(square))
            case 4:
                square[:: rng.integers(2, 4)] *= -1
            case 5:
                square[:] = rng.choice([0.0, 65535.0, -1.0])
        frame[number // 8 * 10 :, number % 8 * 10 :][:10, :10] = square
    return frame


@pytest.mark.parametrize(
    "settings",
    EVERY_MODEL,
    ids=lambda s: f"{s.fit_module}-{s.estimator}-{s.background_model}-{s.weights}",
)
def test_for_any_pixels_the_code_tells_whether_a_row_is_valid(settings: FitSettings) -> None:
    points = [(x + dx, y + dy) for x in range(5, 80, 10) for y in range(5, 80, 10) for dx, dy in ((0, 0), (1.4, -2.2))]
    rows = fit(junk(), *points, settings=settings)
    parameters = [name for name in QUANTITIES if name in (rows.dtype.names or ())]
    for row, point in zip(rows, points, strict=True):
        assert row["result_code"] in {*CODES, UNUSABLE}
        assert all(np.isfinite(row[name]) for name in parameters)
        has_errors = all(np.isfinite(row[f"{name}_error"]) for name in parameters)
        assert has_errors or row["result_code"] != CONVERGED
        if row["result_code"] == CONVERGED:
            assert row["sigma"] > 0.1
            off = np.array([row["x"], row["y"]]) - np.floor(np.array(point) + 0.5)
            assert (np.abs(off) <= settings.roi_half_size + 0.5).all()
