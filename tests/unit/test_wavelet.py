"""The detector ``wavelet`` against the à trous transform by scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_detection import Image, averaged, bordered, maxima, search, spot

from pointillist.fitting.detection.detector import BORDER_PX
from pointillist.fitting.settings import FitSettings

SHAPE = (70, 93)
SPLINE = np.array([1, 4, 6, 4, 1]) / 16
SPLINE_WITH_HOLES = np.array([1, 0, 4, 0, 6, 0, 4, 0, 1]) / 16


def settings_of(**changes: Any) -> FitSettings:
    return FitSettings(psf_sigma_px=1.3, detector="wavelet", debounce_radius_px=0.0, **changes)


def planes(frame: NDArray[Any]) -> tuple[Image, Image]:
    exact = frame.astype(np.float64)
    once = averaged(exact, SPLINE)
    return exact - once, once - averaged(once, SPLINE_WITH_HOLES)


def frame_with_spots(seed: int) -> NDArray[np.uint16]:
    light = 50 + spot(SHAPE, 20.2, 30.4) + spot(SHAPE, 50, 60.7, 700) + spot(SHAPE, 40, 20.5, 2000)
    return np.random.default_rng(seed).poisson(light).astype(np.uint16)


def test_what_is_searched_is_the_second_plane() -> None:
    frame = frame_with_spots(1)
    detector, _ = search(frame, settings_of())
    inside = slice(BORDER_PX + 6, -BORDER_PX - 6)
    np.testing.assert_allclose(detector.filtered[inside, inside], bordered(planes(frame)[1])[inside, inside], atol=2e-4)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_the_threshold_is_in_standard_deviations_of_the_first_plane(factor: float) -> None:
    frame = frame_with_spots(2)
    detector, _ = search(frame, settings_of(detection_threshold=factor))
    inside = slice(BORDER_PX, -BORDER_PX)
    expected = factor * planes(frame)[0][inside, inside].std()
    np.testing.assert_allclose(detector.threshold(np.ones(SHAPE, np.float32)), expected, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.2, 1.0])
def test_candidates_are_the_maxima_of_three_pixels_squared_above_the_threshold(factor: float) -> None:
    detector, points = search(frame_with_spots(3), settings_of(detection_threshold=factor))
    expected = maxima(detector.filtered, detector.threshold(np.ones(SHAPE, np.float32)), 1)
    assert len(expected) >= 3
    np.testing.assert_array_equal(np.rint(points[:, 1::-1]), expected)
    np.testing.assert_array_equal(points[:, 2], detector.filtered[tuple(expected.T)])


def test_a_threshold_of_one_finds_the_spots_and_no_noise() -> None:
    _, points = search(frame_with_spots(4), settings_of(detection_threshold=1.0))
    np.testing.assert_allclose(points[:, :2], [(30.4, 20.2), (20.5, 40), (60.7, 50)], atol=0.5)


def test_the_brightness_of_a_frame_does_not_matter() -> None:
    frame = frame_with_spots(5).astype(np.float32)
    _, once = search(frame, settings_of(detection_threshold=0.3))
    _, often = search(64 * frame, settings_of(detection_threshold=0.3))
    np.testing.assert_array_equal(once * np.array([1, 1, 64], np.float32), often)


def test_an_even_slope_leaves_nothing_in_the_plane() -> None:
    v, u = np.indices(SHAPE)
    detector, _ = search((100 + 3 * u + 2 * v).astype(np.float32), settings_of())
    assert abs(detector.filtered[12:-12, 12:-12]).max() < 1e-3
