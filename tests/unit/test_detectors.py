"""What holds for every detector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_detection import PERFECT, noise_movie, search, spot

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection.detector import BORDER_PX, RawFrame
from pointillist.fitting.detection.methods import DETECTORS
from pointillist.fitting.detection.registry import detector_of
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.sensor import scmos

SHAPE = (61, 75)
SMALL = [(1, 1), (3, 40), (40, 3), (10, 10), (11, 11), (12, 7)]
ODD = [(13, 17), (23, 31), (37, 19), (20, 250), (40, 275), (521, 13)]

every_detector = pytest.mark.parametrize("detector", list(DETECTORS))


def settings_of(detector: str, **changes: Any) -> FitSettings:
    return FitSettings(psf_sigma_px=1.3, detector=detector, **changes)


def uneven(shape: tuple[int, int]) -> CameraModel:
    return scmos(shape, seed=4)


@every_detector
@pytest.mark.parametrize("shape", [*SMALL, *ODD])
@pytest.mark.parametrize("camera_of", [lambda _: PERFECT, uneven], ids=["even", "uneven"])
def test_frames_of_any_shape_are_searched_within_their_border(
    detector: str, shape: tuple[int, int], camera_of: Any
) -> None:
    frame = np.random.default_rng(1).poisson(100, shape).astype(np.uint16)
    found, points = search(frame, settings_of(detector, detection_threshold=0.1), camera_of(shape))
    assert found.filtered.shape == shape
    assert np.isfinite(found.filtered).all()
    for length, places in zip(shape, (points[:, 1], points[:, 0]), strict=True):
        assert (places >= BORDER_PX - 0.5).all()
        assert (places <= length - 0.5 - BORDER_PX).all()
    if min(shape) <= 2 * BORDER_PX:
        assert len(points) == 0


@every_detector
@pytest.mark.parametrize("shape", [*ODD, (11, 11)])
def test_a_spot_is_found_where_it_is(detector: str, shape: tuple[int, int]) -> None:
    y, x = shape[0] // 2, shape[1] // 2
    counts = np.random.default_rng(2).poisson(20 + spot(shape, y, x, 2000)).astype(np.uint16)
    _, points = search(counts, settings_of(detector))
    assert len(points) == 1
    np.testing.assert_allclose(points[0, :2], (x, y), atol=0.3)


@every_detector
@pytest.mark.parametrize(("y", "x"), [(2, 30), (58, 30), (30, 2), (30, 72), (0, 0)])
def test_a_spot_in_the_border_is_not_found(detector: str, y: int, x: int) -> None:
    frame = (100 + spot(SHAPE, y, x, 20000)).astype(np.uint16)
    _, points = search(frame, settings_of(detector))
    assert (np.hypot(points[:, 0] - x, points[:, 1] - y) > 2.5).all()


@every_detector
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_type_of_the_counts_does_not_matter(detector: str, dtype: type) -> None:
    frame = np.random.default_rng(3).poisson(60 + spot(SHAPE, 30, 40, 1200)).astype(np.uint8)
    _, expected = search(frame.astype(np.float32), settings_of(detector))
    assert len(expected) >= 1
    np.testing.assert_array_equal(search(frame.astype(dtype), settings_of(detector))[1], expected)


@every_detector
def test_candidates_of_a_frame_depend_on_that_frame_alone(detector: str) -> None:
    camera, settings = uneven(SHAPE), settings_of(detector, detection_threshold=0.8)
    frames = np.concatenate([noise_movie(camera, SHAPE, light, 2) for light in (3, 900, 40, 40, 9000)])
    backgrounds = [None, np.full(SHAPE, 101, np.float32)]
    alone = [
        detector_of(settings, camera.maps(SHAPE)).find(RawFrame(frame, background))
        for frame in frames
        for background in backgrounds
    ]
    one = detector_of(settings, camera.maps(SHAPE))
    for place in np.random.default_rng(6).permutation(2 * len(alone)) % len(alone):
        frame = RawFrame(frames[place // 2], backgrounds[place % 2])
        np.testing.assert_array_equal(one.find(frame), alone[place])


@every_detector
def test_a_transposed_frame_has_the_transposed_candidates(detector: str) -> None:
    camera, settings = uneven(SHAPE), settings_of(detector, detection_threshold=0.8, debounce_radius_px=0.0)
    maps: dict[str, Any] = {
        name: np.ascontiguousarray(np.transpose(getattr(camera, name)))
        for name in ("offset_adu", "read_variance_e2", "flat_field")
    }
    turned = replace(camera, **maps)
    frame = noise_movie(camera, SHAPE, 50, 1)[0] + (2 * spot(SHAPE, 20, 33)).astype(np.uint16)
    _, here = search(frame, settings, camera)
    _, there = search(np.ascontiguousarray(frame.T), settings, turned)
    assert len(here) >= 1
    order, other = np.lexsort(here.T), np.lexsort(there.T)
    np.testing.assert_allclose(here[order], there[other][:, [1, 0, 2]], rtol=1e-3, atol=1e-3)


@every_detector
@pytest.mark.parametrize("value", [0, 1, 65535])
def test_an_even_frame_has_no_candidates(detector: str, value: int) -> None:
    assert len(search(np.full(SHAPE, value, np.uint16), settings_of(detector))[1]) == 0


@every_detector
def test_a_candidate_in_every_other_pixel_is_handled(detector: str) -> None:
    chequers = (np.indices(SHAPE).sum(axis=0) % 2 * 60000).astype(np.uint16)
    stripes = (np.indices(SHAPE)[1] % 2 * 60000).astype(np.uint16)
    gap = np.random.default_rng(7).choice([0, 65535], SHAPE).astype(np.uint16)
    for frame in (chequers, stripes, gap):
        settings = settings_of(detector, detection_threshold=1e-3, false_positives_per_frame=1e6, debounce_radius_px=0)
        found, points = search(frame, settings)
        assert len(points) <= frame.size / 2
        assert np.isfinite(points).all()
        _, kept = search(frame, settings_of(detector, detection_threshold=1e-3, false_positives_per_frame=1e6))
        assert len(kept) <= len(points)
        assert np.isfinite(found.filtered).all()
