from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from fitting.detection import BORDER_PX, Detector
from fitting.settings import FitSettings

SHAPE = (48, 61)


def settings_with(**changes: float) -> FitSettings:
    return FitSettings(psf_sigma_px=1.0, **changes)  # type: ignore[arg-type]


def noise(seed: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.float32]:
    image = np.random.default_rng(seed).normal(0, 7, shape).astype(np.float32)
    return np.clip(image, 0, None)


def find(
    signal: NDArray[np.float32], settings: FitSettings, variance: float = 49.0
) -> tuple[Detector, NDArray[np.float32]]:
    detector = Detector((signal.shape[0], signal.shape[1]), settings)
    detector.signal[:] = signal
    return detector, detector.find(np.full(signal.shape, variance, np.float32))


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


@pytest.mark.parametrize("shape", [(48, 61), (11, 11), (13, 300), (200, 12)])
@pytest.mark.parametrize(("lowpass", "highpass"), [(1.0, 3.0), (0.7, 2.2), (1.6, 5.1)])
def test_the_band_pass_is_the_difference_of_two_gaussian_filters(
    shape: tuple[int, int], lowpass: float, highpass: float
) -> None:
    signal = noise(1, shape)
    detector, _ = find(signal, settings_with(lowpass_px=lowpass, highpass_px=highpass))
    np.testing.assert_allclose(detector.filtered, band_pass_by_scipy(signal, lowpass, highpass), atol=1e-5)


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3])
def test_candidates_are_the_centroids_of_the_connected_components(threshold: float) -> None:
    detector, points = find(noise(2), settings_with(detection_threshold=threshold, debounce_radius_px=0))
    expected = components_by_scipy(detector.filtered, threshold * 7)
    assert len(expected) > 3
    np.testing.assert_allclose(points[:, :2], expected, atol=1e-4)


def test_without_snr_threshold_the_threshold_is_in_photoelectrons() -> None:
    settings = FitSettings(psf_sigma_px=1.0, detection_threshold=2.1, is_snr_threshold=False, debounce_radius_px=0)
    detector, points = find(noise(3), settings, variance=1e6)
    np.testing.assert_allclose(points[:, :2], components_by_scipy(detector.filtered, 2.1), atol=1e-4)


def test_a_noisy_pixel_raises_its_own_threshold() -> None:
    signal = np.zeros(SHAPE, np.float32)
    signal[20, 30] = 500
    detector = Detector(SHAPE, settings_with())
    detector.signal[:] = signal
    quiet = np.full(SHAPE, 49, np.float32)
    assert len(detector.find(quiet)) == 1
    noisy = quiet.copy()
    noisy[15:26, 25:36] = 1e6
    assert len(detector.find(noisy)) == 0


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
