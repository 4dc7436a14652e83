from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection._average_kernels import BAND, TILE
from pointillist.fitting.detection.candidates import ThresholdMask
from pointillist.fitting.detection.detector import BORDER_PX, Detector, RawFrame
from pointillist.fitting.detection.registry import detector_of
from pointillist.fitting.settings import FitSettings

SHAPE = (48, 61)
NOISE = 7.0
ROUNDING = 1e-5 if os.environ.get("NUMBA_BOUNDSCHECK") else 0.0
"""With bounds checked, loops end in other instructions than they go on with, which round otherwise."""


def settings_with(**changes: Any) -> FitSettings:
    """Return settings whose threshold is in units of ``NOISE``."""
    threshold = NOISE * changes.pop("detection_threshold", 1.0)
    return FitSettings(psf_sigma_px=1.0, detection_threshold=threshold, is_snr_threshold=False, **changes)


def noise(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    image = np.random.default_rng(seed).normal(0, NOISE, shape).astype(np.float32)
    return np.clip(image, 0, None)


def find(signal: NDArray[np.float32], settings: FitSettings) -> tuple[Detector, NDArray[np.float32]]:
    """Search a frame of photoelectrons without background."""
    camera = CameraModel(electrons_per_adu=1.0, offset_adu=0.0, read_variance_e2=0.0)
    detector = detector_of(settings, camera.maps((signal.shape[0], signal.shape[1])))
    return detector, detector.find(RawFrame(signal, None))


def band_pass_by_scipy(signal: NDArray[np.float32], lowpass: float, highpass: float) -> NDArray[np.float32]:
    exact = signal.astype(np.float64)
    filtered = ndimage.gaussian_filter(exact, lowpass) - ndimage.gaussian_filter(exact, highpass)
    filtered[:BORDER_PX] = filtered[-BORDER_PX:] = 0
    filtered[:, :BORDER_PX] = filtered[:, -BORDER_PX:] = 0
    return np.clip(filtered, 0, None).astype(np.float32)


def components_by_scipy(filtered: NDArray[np.float32], threshold: float) -> list[tuple[float, float]]:
    labels, _ = ndimage.label(filtered > threshold)
    centroids = []
    for box in ndimage.find_objects(labels):
        y, x = ndimage.center_of_mass(filtered[box].astype(np.float64))
        centroids.append((x + box[1].start, y + box[0].start))
    return centroids


@pytest.mark.parametrize("shape", [(48, 61), (11, 11), (13, 2 * TILE + 30), (17, BAND + 40), (200, 12)])
@pytest.mark.parametrize(("lowpass", "highpass"), [(1.0, 3.0), (0.7, 2.2), (1.6, 5.1)])
def test_the_band_pass_is_the_difference_of_two_gaussian_filters(
    shape: tuple[int, int], lowpass: float, highpass: float
) -> None:
    signal = noise(1, shape)
    detector, _ = find(signal, settings_with(lowpass_px=lowpass, highpass_px=highpass))
    np.testing.assert_allclose(detector.filtered, band_pass_by_scipy(signal, lowpass, highpass), atol=1e-5)


@pytest.mark.parametrize("highpass", [3.0, 2.2])
@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (1, 0), (29, 17), (-33, -100)])
def test_a_shifted_frame_gives_the_same_bits_wherever_tiles_and_rings_of_rows_end(
    dy: int, dx: int, highpass: float
) -> None:
    settings = settings_with(highpass_px=highpass)
    signal = noise(6, (180, TILE + 180))
    here = find(signal, settings)[0].filtered
    there = find(np.roll(signal, (dy, dx), (0, 1)), settings)[0].filtered
    inside = slice(20 + abs(dy), -20 - abs(dy)), slice(20 + abs(dx), -20 - abs(dx))
    np.testing.assert_allclose(np.roll(here, (dy, dx), (0, 1))[inside], there[inside], rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_mirrored_frame_gives_the_mirrored_image(axis: int) -> None:
    signal = noise(7)
    here, there = find(signal, settings_with())[0].filtered, find(np.flip(signal, axis).copy(), settings_with())[0]
    np.testing.assert_allclose(np.flip(here, axis), there.filtered, rtol=0, atol=ROUNDING)


def test_twice_the_signal_gives_twice_the_image() -> None:
    signal = noise(8)
    once, twice = find(signal, settings_with())[0].filtered, find(2 * signal, settings_with())[0].filtered
    np.testing.assert_array_equal(2 * once, twice)


def test_a_frame_does_not_affect_the_next() -> None:
    settings = settings_with(detection_threshold=0.2)
    detector, first = find(noise(9), settings)
    detector.find(RawFrame(noise(10), None))
    again = detector.find(RawFrame(noise(9), None))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3])
def test_candidates_are_the_centroids_of_the_connected_components(threshold: float) -> None:
    detector, points = find(noise(2), settings_with(detection_threshold=threshold, debounce_radius_px=0))
    expected = components_by_scipy(detector.filtered, threshold * NOISE)
    assert len(expected) > 3
    np.testing.assert_allclose(points[:, :2], expected, atol=1e-4)


def marks_of(mask: NDArray[np.bool_]) -> ThresholdMask:
    marks = ThresholdMask((mask.shape[0], mask.shape[1]))
    marks.mask[:, : mask.shape[1]] = mask
    marks.rows[:] = mask.any(axis=1)
    return marks


def boxes_by_scipy(mask: NDArray[np.bool_], image: NDArray[np.float32]) -> NDArray[np.float64]:
    boxes = ndimage.find_objects(ndimage.label(mask)[0])
    centres = [ndimage.center_of_mass(image[box].astype(np.float64)) for box in boxes]
    return np.array([(x + box[1].start, y + box[0].start) for box, (y, x) in zip(boxes, centres, strict=True)])


def rings(n: int) -> NDArray[np.bool_]:
    """Return squares inside squares, each with a gap."""
    y, x = np.indices((n, n)) - n // 2
    return np.asarray((np.maximum(abs(y), abs(x)) % 2 == 0) & ~((y == 0) & (x > 0)))


def spiral(n: int) -> NDArray[np.bool_]:
    """Return one long line beside which a second, inner one runs."""
    mask = np.zeros((n, n), np.bool_)
    for k in range(0, n // 2 - 2, 4):
        mask[k, k : n - k] = mask[k : n - k, n - 1 - k] = mask[n - 1 - k, k : n - k] = True
        mask[k + 4 : n - k, k] = True
        mask[k + 4, k : k + 5] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        *(np.random.default_rng(1).random((70, 83)) < density for density in (0.01, 0.3, 0.5, 0.6, 0.9)),
        np.ones((70, 83), np.bool_),
        np.indices((70, 83)).sum(axis=0) % 2 == 0,
        rings(141),
        spiral(141),
    ],
    ids=["1 %", "30 %", "50 %", "60 %", "90 %", "all", "chequers", "rings", "spiral"],
)
def test_components_are_those_of_scipy_however_they_lie_inside_each_other(mask: NDArray[np.bool_]) -> None:
    image = np.random.default_rng(2).random(mask.shape).astype(np.float32)
    marks = marks_of(mask)
    points = marks.centroids(image, int(mask.sum()))
    np.testing.assert_allclose(points[:, :2], boxes_by_scipy(mask, image), rtol=1e-6)
    assert not marks.mask.any()


def noise_camera(read_variance: NDArray[np.float32] | float) -> CameraModel:
    return CameraModel(electrons_per_adu=1.0, offset_adu=0.0, read_variance_e2=read_variance)


def test_the_threshold_follows_the_noise_of_each_pixel() -> None:
    signal = np.random.default_rng(3).uniform(0, 300, SHAPE).astype(np.float32)
    read = np.random.default_rng(4).uniform(1, 100, SHAPE).astype(np.float32)
    settings = FitSettings(psf_sigma_px=1.0, detection_threshold=1.3, debounce_radius_px=0, is_detection_weighted=False)
    detector = detector_of(settings, noise_camera(read).maps(SHAPE))
    points = detector.find(RawFrame(signal, None))
    variance = read + np.maximum(signal, 1) + 1
    threshold = 1.3 * np.sqrt(variance)
    np.testing.assert_allclose(detector.threshold(variance), threshold, rtol=1e-6)
    assert len(points) > 10
    np.testing.assert_allclose(
        points[:, :2], boxes_by_scipy(detector.filtered > threshold, detector.filtered), rtol=1e-6
    )


@pytest.mark.parametrize(("y", "x"), [(2, 30), (45, 30), (20, 1), (20, 59)])
def test_nothing_is_found_in_the_border(y: int, x: int) -> None:
    signal = np.zeros(SHAPE, np.float32)
    signal[y, x] = 5000
    for found_x, found_y, _ in find(signal, settings_with())[1]:
        assert BORDER_PX <= found_x <= SHAPE[1] - 1 - BORDER_PX
        assert BORDER_PX <= found_y <= SHAPE[0] - 1 - BORDER_PX


@pytest.mark.parametrize("value", [0.0, 65535.0])
def test_a_flat_frame_has_no_candidates(value: float) -> None:
    assert len(find(np.full(SHAPE, value, np.float32), settings_with())[1]) == 0


@given(radius=st.floats(0.5, 12), threshold=st.sampled_from([0.1, 0.2, 0.4]))
def test_debounce_keeps_the_brightest_of_the_five_nearest(radius: float, threshold: float) -> None:
    _, points = find(noise(4), settings_with(detection_threshold=threshold, debounce_radius_px=0))
    _, kept = find(noise(4), settings_with(detection_threshold=threshold, debounce_radius_px=radius))
    tree = cKDTree(points[:, :2])
    expected: set[int] = set()
    visited: set[int] = set()
    for index, point in enumerate(points):
        if index not in visited:
            distances, others = tree.query(point[None, :2], k=5)
            near = np.asarray(others)[np.asarray(distances) < radius].tolist()
            expected.add(max(near, key=lambda n: points[n, 2]))
            visited.update(near)
    np.testing.assert_array_equal(kept, points[sorted(expected)])


@given(radius=st.floats(0.5, 12))
def test_clump_rejection_drops_every_point_with_a_near_neighbour(radius: float) -> None:
    dense = settings_with(detection_threshold=0.3, debounce_radius_px=0)
    _, points = find(noise(5), dense)
    _, kept = find(
        noise(5), settings_with(detection_threshold=0.3, debounce_radius_px=0, clump_reject_radius_px=radius)
    )
    nearest = np.asarray(cKDTree(points[:, :2]).query(points[:, :2], k=2)[0])[:, 1]
    np.testing.assert_array_equal(kept, points[nearest > radius])
