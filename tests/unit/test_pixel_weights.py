"""Detection that weighs pixels by their noise, against scipy and against noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_detection import averaged, bordered, gaussian, noise_movie, search

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection.detector import RawFrame
from pointillist.fitting.detection.methods import DETECTORS
from pointillist.fitting.detection.pixel_weights import brightness_of, filtered_variance, is_uneven
from pointillist.fitting.detection.registry import detector_of
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.sensor import ccd, scmos

SHAPE = (60, 72)
HOT_Y, HOT_X, HOT_E2 = 30, 40, 1500.0

every_detector = pytest.mark.parametrize("detector", list(DETECTORS))


def settings_of(detector: str = "difference-of-gaussians", **changes: Any) -> FitSettings:
    return FitSettings(psf_sigma_px=1.3, detector=detector, **changes)


def camera_with(read_variance: NDArray[np.float32], **changes: Any) -> CameraModel:
    return replace(ccd(electrons_per_adu=0.5), read_variance_e2=read_variance, **changes)


def one_hot_pixel() -> CameraModel:
    variance = np.full(SHAPE, 2.0, np.float32)
    variance[HOT_Y, HOT_X] = HOT_E2
    return camera_with(variance)


@every_detector
@pytest.mark.parametrize("flat_field", [1.0, scmos(SHAPE, 1).flat_field], ids=["even", "uneven"])
def test_where_all_pixels_are_as_noisy_weights_change_no_bit(detector: str, flat_field: Any) -> None:
    camera = camera_with(np.full(SHAPE, 3.0, np.float32), flat_field=flat_field)
    assert not is_uneven(camera.maps(SHAPE))
    frame = noise_movie(camera, SHAPE, 40, 1)[0]
    found, points = search(frame, settings_of(detector, detection_threshold=0.3), camera)
    plain = settings_of(detector, detection_threshold=0.3, is_detection_weighted=False)
    found_plain, points_plain = search(frame, plain, camera)
    np.testing.assert_array_equal(found.filtered, found_plain.filtered)
    np.testing.assert_array_equal(points, points_plain)


@pytest.mark.parametrize("light", [2.0, 60.0, 5000.0])
def test_a_weighted_average_is_that_of_signals_over_variances(light: float) -> None:
    camera = scmos(SHAPE, 2)
    maps, frame = camera.maps(SHAPE), noise_movie(camera, SHAPE, light, 1)[0]
    flat = np.asarray(camera.flat_field, np.float64)
    level = brightness_of(RawFrame(frame, None), maps)
    assert level == pytest.approx(light, rel=0.45)
    weights = 1 / (maps.read_variance_e2 + flat * (level + flat))
    signal = np.maximum((frame.astype(np.float64) - camera.offset_adu) * maps.gain_e_per_adu, 0)
    near, far = (
        averaged(weights * signal, kernel) / averaged(weights, kernel) for kernel in (gaussian(1, 4), gaussian(3, 12))
    )
    detector, _ = search(frame, settings_of(), camera)
    np.testing.assert_allclose(detector.filtered, bordered(np.maximum(near - far, 0)), atol=2e-5 * (light + 10))


@every_detector
def test_a_hot_pixel_does_not_leak_into_its_neighbours(detector: str) -> None:
    camera = one_hot_pixel()
    frame = np.full(SHAPE, 120, np.uint16)
    frame[HOT_Y, HOT_X] += 600  # 300 e-, 7.7 standard deviations of this pixel, and of any other far more
    weighted, _ = search(frame, settings_of(detector), camera)
    plain, plain_points = search(frame, settings_of(detector, is_detection_weighted=False), camera)
    beside = [(HOT_Y, HOT_X + 1), (HOT_Y - 1, HOT_X), (HOT_Y + 1, HOT_X + 1)]
    for pixel in beside:
        assert weighted.filtered[pixel] < 0.05 * plain.filtered[pixel]
    assert len(plain_points) or detector == "local-maximum"  # whose threshold knows what leaks


@every_detector
def test_noise_at_hot_pixels_is_not_taken_for_molecules(detector: str) -> None:
    camera = one_hot_pixel()
    counts = {}
    for is_weighted in (True, False):
        search_with = settings_of(detector, is_detection_weighted=is_weighted, false_positives_per_frame=0.01)
        one = detector_of(search_with, camera.maps(SHAPE))
        found = [one.find(RawFrame(frame, None)) for frame in noise_movie(camera, SHAPE, 20, 300)]
        points = np.concatenate(found)
        counts[is_weighted] = int((np.hypot(points[:, 0] - HOT_X, points[:, 1] - HOT_Y) < 3).sum())
    assert counts[True] <= 2
    if detector != "local-maximum":  # whose threshold knows what leaks
        assert counts[False] > 15


@pytest.mark.parametrize("camera", [ccd(), scmos(SHAPE, 3)], ids=["even", "uneven"])
@pytest.mark.parametrize("level", [None, 16.0])
def test_the_variance_of_the_filtered_frame_is_what_noise_shows(camera: CameraModel, level: float | None) -> None:
    near, far = gaussian(1.3, 3)[3:], np.full(6, 1 / 11)
    dark, per_e = filtered_variance(camera.maps(SHAPE), tuple(near.tolist()), tuple(far.tolist()), level)
    settings = settings_of("local-maximum", is_detection_weighted=level is not None)
    detector = detector_of(settings, camera.maps(SHAPE))
    frames = noise_movie(camera, SHAPE, 16, 400)
    filtered = []
    for frame in frames:
        detector.find(RawFrame(frame, None))
        filtered.append(detector.filtered[12:-12, 12:-12].copy())
    expected = np.broadcast_to(dark + 16 * per_e, SHAPE)[12:-12, 12:-12]
    ratio = np.var(filtered, axis=0) / expected
    # The camera's model counts one electron, or count, more than light alone makes; each variance is known to 7 %.
    assert np.mean(ratio) == pytest.approx(1, abs=0.04)
    assert np.std(ratio) < 0.09


def test_few_weights_serve_all_frames_of_one_brightness() -> None:
    camera = scmos(SHAPE, 4)
    frames = noise_movie(camera, SHAPE, 64, 20)
    assert {brightness_of(RawFrame(frame, None), camera.maps(SHAPE)) for frame in frames} == {64.0}
    assert brightness_of(RawFrame(np.zeros(SHAPE, np.uint16), None), camera.maps(SHAPE)) == 1.0
