from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import sparse_images
from pointillist.fitting.backgrounds.background import background_images
from pointillist.fitting.backgrounds.cleansing import coarse, deviations, kept
from pointillist.fitting.backgrounds.images import BackgroundImages
from pointillist.fitting.backgrounds.registry import background_method
from pointillist.fitting.backgrounds.sparse_images import SparseImages, image_spans
from pointillist.fitting.backgrounds.sparse_median import SparseMedian
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.settings import FitSettings


def method_of(identifier: str) -> SparseMedian:
    method = background_method(identifier)
    assert isinstance(method, SparseMedian)
    return method


def images_of(frames: NDArray[Any], identifier: str, earliest: int = 0) -> BackgroundImages:
    settings = FitSettings(psf_sigma_px=1.0, background=background_method(identifier), first_illuminated_frame=earliest)
    block = BlockReader(lambda start, stop: frames[start:stop], len(frames), settings).block(0, len(frames))
    return background_images(block, 0, len(frames), settings)


def noise(n_frames: int, shape: tuple[int, int] = (36, 40)) -> NDArray[np.float64]:
    return np.random.default_rng(2).normal(100, 5, (n_frames, *shape))


@given(n_frames=st.integers(1, 300), k=st.integers(1, 120), interval=st.integers(1, 120), earliest=st.integers(0, 50))
def test_every_image_has_its_frames_within_the_movie(n_frames: int, k: int, interval: int, earliest: int) -> None:
    spans = image_spans(method_of(f"sparsemed:k={k}^i={interval}"), n_frames, earliest)
    assert bool(spans) == (earliest < n_frames)
    for first, stop in spans:
        assert stop - first == min(k, n_frames - earliest)
        assert earliest <= first
        assert stop <= n_frames
    assert sorted(set(spans)) == spans


def test_each_frame_has_the_image_whose_centre_is_nearest() -> None:
    method = method_of("sparsemed:k=20^i=50^f=1^o=0")
    frames = noise(230).astype(np.uint16)
    found = images_of(frames, method.identifier)
    spans = image_spans(method, 230)
    assert spans == [(15, 35), (65, 85), (115, 135), (165, 185), (205, 225)]
    centres = np.array([(first + stop - 1) / 2 for first, stop in spans])
    for frame in range(230):
        nearest = np.abs(centres - frame).min()
        image = found.index[frame]
        assert abs(centres[image] - frame) == nearest
    for image, (first, stop) in zip(found.images, spans, strict=True):
        np.testing.assert_array_equal(image, np.median(frames[first:stop], axis=0))


def test_frames_whose_image_was_dropped_have_the_nearest_one_on_either_side() -> None:
    frames = noise(400)
    frames[150:200, 10:20, 5:9] -= 60
    found = images_of(frames.astype(np.uint16), "sparsemed:k=30^i=50^t=20^f=0.5^o=0")
    assert len(found.images) == 7
    before, after = found.index[149], found.index[200]
    assert after == before + 1
    assert (found.index[150:175] == before).all()
    assert (found.index[175:200] == after).all()


@pytest.mark.parametrize("shape", [(30, 40), (36, 40), (39, 20), (12, 10), (200, 9)])
def test_an_object_anywhere_in_an_image_of_any_height_is_cleansed(shape: tuple[int, int]) -> None:
    for y, x in ((0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 2)):
        frames = noise(600, shape)
        frames[240:300, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] -= 90
        found = images_of(frames.astype(np.uint16), "sparsemed:k=40^i=30^t=10^f=0.5^o=0")
        assert 17 <= len(found.images) <= 18
        assert found.images.min() > 80


@pytest.mark.parametrize("gross", [1e2, 1e5])
def test_the_threshold_is_in_robust_standard_deviations(gross: float) -> None:
    deviation = np.array([1.0, 1.1, 0.9, 1.2, 0.8, 1.0, 1.3, gross, 3.0])
    sigma = 1.4826 * 0.2
    for scale in (1.0, 1e-3, 50.0):
        limit = (3.0 - 1.1) / sigma
        assert np.flatnonzero(~kept(scale * deviation, 0.99 * limit, 0.1)).tolist() == [7, 8]
        assert np.flatnonzero(~kept(scale * deviation, 1.01 * limit, 0.1)).tolist() == [7]


@given(
    deviation=st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    threshold=st.floats(0, 30),
    fraction=st.floats(0.01, 1),
)
def test_the_fraction_is_kept_exactly_without_a_threshold_and_at_least_with_one(
    deviation: list[float], threshold: float, fraction: float
) -> None:
    n_fraction = int(np.ceil(fraction * len(deviation) - 1e-9))
    assert kept(np.array(deviation), 0.0, fraction).sum() == n_fraction
    n_kept = int(kept(np.array(deviation), threshold, fraction).sum())
    assert n_kept == n_fraction if threshold == 0 else n_kept >= n_fraction


def test_equal_images_are_all_kept() -> None:
    assert kept(np.zeros(9), 3.0, 0.1).all()


def test_fading_light_is_no_deviation() -> None:
    fading = [np.full((4, 4), 1000.0 * 0.999**number) for number in range(50)]
    assert deviations(fading).max() < 1e-9


def test_squares_at_the_edges_are_averaged_over_what_there_is_of_them() -> None:
    image = np.random.default_rng(1).random((19, 9)).astype(np.float32)
    found = coarse(image)
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found[2, 1], image[16:, 8:].mean(), rtol=1e-6)
    np.testing.assert_allclose(found[0, 0], image[:8, :8].mean(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("identifier", ["sparsemed:k=50^i=40", "sparsemed:k=50^s=0.05^d=1"])
def test_frames_that_are_brighter_as_a_whole_have_an_offset(dtype: Any, identifier: str) -> None:
    image = np.arange(35).reshape(5, 7)
    frames = np.repeat(image[np.newaxis], 720, axis=0).astype(dtype)
    for frame, step in ((3, 1), (25, 2), (101, 3)):
        frames[frame] += dtype(step)
    found = images_of(frames, identifier)
    expected = np.zeros(720)
    expected[[3, 25, 101]] = 1, 2, 3
    np.testing.assert_array_equal(found.offsets_adu, expected)
    for frame in range(720):
        np.testing.assert_array_equal(found.of(frame), frames[frame])


def test_each_image_is_stored_once() -> None:
    steps = np.repeat(np.arange(10), 40)[:, np.newaxis, np.newaxis]
    frames = (np.arange(35).reshape(5, 7) + steps).astype(np.uint16)
    found = images_of(frames, "sparsemed:k=30^i=40^f=1^o=0")
    np.testing.assert_array_equal(found.images, np.arange(35).reshape(5, 7) + np.arange(10)[:, None, None])
    np.testing.assert_array_equal(found.index, np.repeat(np.arange(10), 40))


def test_frames_before_the_first_illuminated_one_enter_no_image() -> None:
    frames = noise(100).astype(np.uint16)
    frames[:37] = 9000
    assert images_of(frames, "sparsemed:k=20^i=10^o=0", earliest=37).images.max() < 200


def test_a_movie_that_is_shorter_than_the_kernel_gives_one_image() -> None:
    frames = noise(34).astype(np.uint16)
    found = images_of(frames, "sparsemed:k=200^i=10^o=0")
    np.testing.assert_array_equal(found.images, np.median(frames, axis=0, keepdims=True))


def test_without_cleansing_only_the_images_of_the_range_are_made() -> None:
    frames = noise(500).astype(np.uint16)
    read: list[tuple[int, int]] = []

    def spy(start: int, stop: int) -> NDArray[np.uint16]:
        read.append((start, stop))
        return frames[start:stop]

    images = SparseImages(method_of("sparsemed:k=20^i=50^f=1"), spy, 500)
    images.range(100, 160)
    images.range(110, 140)
    assert read == [(115, 135), (165, 185)]


def test_images_that_do_not_fit_into_memory_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = noise(500).astype(np.uint16)
    method = method_of("sparsemed:k=20^i=50")
    whole = SparseImages(method, lambda start, stop: frames[start:stop], 500).range(0, 500)
    monkeypatch.setattr(sparse_images, "CACHE_BYTES", 2 * whole.images[0].nbytes)
    small = SparseImages(method, lambda start, stop: frames[start:stop], 500)
    for start in range(0, 500, 100):
        part = small.range(start, start + 100)
        for frame in range(start, start + 100):
            np.testing.assert_array_equal(part.of(frame), whole.of(frame))


def test_a_time_between_frames_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ValueError, match="sparsemed: the time between frames is not known; give"):
        SparseImages(method_of("sparsemed"), lambda *_: np.empty(0), 100)


def test_a_movie_without_finite_frames_has_no_background() -> None:
    frames = np.full((30, 4, 4), np.nan, np.float32)
    found = images_of(frames, "sparsemed:k=5^i=10")
    assert (found.index == -1).all()
    assert found.of(3) is None
