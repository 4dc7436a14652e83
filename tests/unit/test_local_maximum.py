"""The detector ``local-maximum`` against scipy, and its false positives against the number asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_detection import PERFECT, averaged, bordered, gaussian, maxima, noise_movie, search, spot

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection.detector import BORDER_PX, Image, RawFrame
from pointillist.fitting.detection.false_positives import threshold_for
from pointillist.fitting.detection.local_maximum import LocalMaximum
from pointillist.fitting.detection.registry import detector_of
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.sensor import ccd, emccd, scmos

SHAPE = (96, 130)
N_INSIDE = (SHAPE[0] - 2 * BORDER_PX) * (SHAPE[1] - 2 * BORDER_PX)


def settings_of(**changes: Any) -> FitSettings:
    return FitSettings(**{"psf_sigma_px": 1.3, "detector": "local-maximum", "debounce_radius_px": 0.0, **changes})


def square(radius: int) -> NDArray[np.float64]:
    return np.full(2 * radius + 1, 1 / (2 * radius + 1))


@pytest.mark.parametrize(("sigma", "near", "far"), [(1.3, 3, 5), (1.0, 3, 5), (0.7, 3, 5), (2.0, 5, 8), (3.0, 7, 12)])
def test_the_filter_is_a_gaussian_less_a_square(sigma: float, near: int, far: int) -> None:
    frame = np.random.default_rng(1).poisson(200, SHAPE).astype(np.uint16)
    detector, _ = search(frame, settings_of(psf_sigma_px=sigma))
    expected = bordered(averaged(frame, gaussian(sigma, near)) - averaged(frame, square(far)))
    np.testing.assert_allclose(detector.filtered, expected, atol=5e-4)


@pytest.mark.parametrize("camera", [ccd(), scmos(SHAPE, 2), emccd()], ids=["ccd", "scmos", "emccd"])
@pytest.mark.parametrize("rate", [0.1, 100.0])
def test_candidates_are_the_maxima_of_five_pixels_squared_above_the_threshold(camera: CameraModel, rate: float) -> None:
    frame = noise_movie(camera, SHAPE, 30, 1)[0] + (3 * spot(SHAPE, 40, 50)).astype(np.uint16)
    detector, points = search(frame, settings_of(false_positives_per_frame=rate), camera)
    expected = maxima(detector.filtered, detector.threshold(np.zeros(SHAPE, np.float32)), 2)
    assert len(expected) > (20 if rate > 1 else 0)
    np.testing.assert_array_equal(np.rint(points[:, 1::-1]), expected)
    np.testing.assert_array_equal(points[:, 2], detector.filtered[tuple(expected.T)])


def test_of_a_plateau_the_first_pixel_is_the_candidate() -> None:
    frame = np.full((31, 31), 100, np.uint16)
    frame[14:17, 14:18] = 4000
    _, points = search(frame, settings_of())
    assert len(points) == 1


@pytest.mark.parametrize("x", [30.0, 30.2, 30.4, 30.6, 30.8])
def test_a_candidate_lies_between_the_pixels_as_its_spot_does(x: float) -> None:
    frame = (100 + spot(SHAPE, 40.3, x, 1e5)).astype(np.float32)
    _, points = search(frame, settings_of())
    np.testing.assert_allclose(points[0, :2], (x, 40.3), atol=0.05)


@pytest.mark.parametrize("light", [5.0, 400.0])
def test_the_threshold_is_that_of_noise_as_skewed_as_light_makes_it(light: float) -> None:
    camera, rate = ccd(read_noise_e=2.0), 0.05
    kernel = np.pad(np.outer(gaussian(1.3, 3), gaussian(1.3, 3)), 2) - np.outer(square(5), square(5))
    correlation = np.sum(kernel[:, 1:] * kernel[:, :-1]) / np.sum(kernel**2)
    u = threshold_for(rate, N_INSIDE, float(correlation))
    deviation = np.sqrt(np.sum(kernel**2) * (light + 4.0))
    skewness = light * np.sum(kernel**3) / deviation**3
    even = np.full(SHAPE, 100 + light / 0.46, np.float32)
    detector, _ = search(even, settings_of(false_positives_per_frame=rate), camera)
    threshold = detector.threshold(np.zeros(SHAPE, np.float32))[20:-20, 20:-20]
    np.testing.assert_allclose(threshold, deviation * (u + (u**2 - 1) * skewness / 6), rtol=1e-3)


def test_without_light_and_noise_the_threshold_is_nothing() -> None:
    detector, _ = search(spot(SHAPE, 40.0, 60.0, 1e3).astype(np.float32), settings_of(), PERFECT)
    threshold = detector.threshold(np.zeros(SHAPE, np.float32))
    assert np.isfinite(threshold).all()
    assert threshold[0, 0] < 1e-9


def false_positives(camera: CameraModel, light: float, rate: float, n_frames: int, **changes: Any) -> float:
    settings = settings_of(false_positives_per_frame=rate, **changes)
    detector = detector_of(settings, camera.maps(SHAPE))
    frames = noise_movie(camera, SHAPE, light, n_frames)
    return sum(len(detector.find(RawFrame(frame, None))) for frame in frames) / n_frames


CAMERAS = {"ccd": ccd(), "scmos": scmos(SHAPE, 1), "emccd": emccd()}


@pytest.mark.parametrize("camera", list(CAMERAS))
@pytest.mark.parametrize("light", [1.0, 10.0, 100.0, 1000.0])
def test_noise_has_as_many_candidates_as_asked_for(camera: str, light: float) -> None:
    # 1000 are expected: two standard errors are 6 %; neighbours along x and y are not quite independent, 5 %.
    assert false_positives(CAMERAS[camera], light, 10.0, 100) == pytest.approx(10.0, rel=0.12)


@pytest.mark.parametrize("camera", list(CAMERAS))
@pytest.mark.parametrize("light", [3.0, 50.0])
def test_noise_has_few_candidates_where_few_are_asked_for(camera: str, light: float) -> None:
    # 100 are expected, with a standard error of 10 %; the tails of little light are known to 20 %.
    assert false_positives(CAMERAS[camera], light, 0.2, 500) == pytest.approx(0.2, rel=0.35)


@pytest.mark.parametrize("changes", [{"psf_sigma_px": 0.9}, {"psf_sigma_px": 2.0}, {"is_detection_weighted": False}])
def test_they_are_as_many_for_other_widths_and_without_weights(changes: dict[str, Any]) -> None:
    assert false_positives(CAMERAS["scmos"], 50.0, 10.0, 100, **changes) == pytest.approx(10.0, rel=0.15)


def test_light_that_differs_over_the_frame_does_not_add_any() -> None:
    settings = settings_of(false_positives_per_frame=10.0)
    light = np.linspace(10, 2000, SHAPE[1])
    rng = np.random.default_rng(8)
    detector = detector_of(settings, PERFECT.maps(SHAPE))
    counts = [
        len(detector.find(RawFrame(rng.poisson(light, SHAPE).astype(np.uint16), None))) for _ in range(100)
    ]  # 1000 are expected
    assert np.mean(counts) == pytest.approx(10.0, rel=0.15)


def test_a_background_that_is_known_is_light_all_the_same() -> None:
    settings = settings_of(false_positives_per_frame=10.0)
    detector = detector_of(settings, PERFECT.maps(SHAPE))
    background: Image = np.full(SHAPE, 300.0, np.float32)
    rng = np.random.default_rng(9)
    counts = [len(detector.find(RawFrame(rng.poisson(300, SHAPE).astype(np.uint16), background))) for _ in range(100)]
    assert np.mean(counts) == pytest.approx(10.0, rel=0.12)


def test_a_spot_is_found_at_six_times_the_noise() -> None:
    settings = settings_of(false_positives_per_frame=0.1)
    frame = np.random.default_rng(10).poisson(50 + spot(SHAPE, 30, 40, 600)).astype(np.uint16)
    detector = LocalMaximum(settings, PERFECT.maps(SHAPE))
    assert len(detector.find(RawFrame(frame, None))) == 1
