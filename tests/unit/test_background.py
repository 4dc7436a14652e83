from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import rolling_windows
from pointillist.fitting.backgrounds.background import (
    BackgroundSeries,
    background_images,
    frame_window,
    window_span,
)
from pointillist.fitting.backgrounds.block_backgrounds import Background, usable_frames
from pointillist.fitting.backgrounds.method import WindowMethod
from pointillist.fitting.backgrounds.percentile import Percentile
from pointillist.fitting.backgrounds.registry import background_method
from pointillist.fitting.backgrounds.rolling_median import RollingMedian
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.settings import FitSettings

N_FRAMES = 40

ranges = st.tuples(st.integers(-12, 8), st.integers(-8, 12)).filter(lambda ends: ends[0] < ends[1])
dtypes = st.sampled_from([np.uint8, np.uint16, np.float32])
windows = st.one_of(
    st.builds(lambda ends: f"mean:b={ends[0]}^e={ends[1]}", ranges),
    st.builds(
        lambda ends, p: f"percentile:b={ends[0]}^e={ends[1]}^p={p}", ranges, st.sampled_from([0.1, 0.25, 0.5, 1])
    ),
    st.builds(lambda k, w: f"rollmed:k={k}^w={w}", st.integers(1, 13), st.sampled_from(["past", "centred", "future"])),
    st.builds(lambda k: f"rollmed:k={2 * k}^d=1", st.integers(1, 8)),
)
methods = st.one_of(
    windows, st.sampled_from(["none", "sparsemed:k=7^i=4", "sparsemed:k=6^i=9^t=3^f=0.5", "sparsemed:k=5^s=0.003^d=1"])
)


def movie(dtype: Any, shape: tuple[int, int] = (9, 11)) -> NDArray[Any]:
    frames = np.random.default_rng(7).integers(0, 255, (N_FRAMES, *shape))
    return frames.astype(dtype) if dtype != np.float32 else (frames * 1.37).astype(np.float32)


def settings_with(identifier: str, first_illuminated: int = 0) -> FitSettings:
    return FitSettings(
        psf_sigma_px=1.0, background=background_method(identifier), first_illuminated_frame=first_illuminated
    )


def window_of(settings: FitSettings) -> WindowMethod:
    method = settings.background
    assert isinstance(method, WindowMethod)
    return method


def window_by_definition(settings: FitSettings, frame: int, n_frames: int = N_FRAMES) -> list[int]:
    begin, end = window_of(settings).ends(frame, n_frames)
    earliest = settings.first_illuminated_frame
    return [number for number in range(max(begin, earliest), max(end, earliest)) if 0 <= number < n_frames]


def background_by_definition(method: WindowMethod, window: NDArray[Any]) -> NDArray[Any]:
    ordered = np.sort(window, axis=0).astype(np.float32)
    n = len(window)
    if isinstance(method, Percentile):
        ranked = ordered[max(int(n * method.percentile), 1) - 1]
        median = ordered[max(n // 2, 1) - 1]
        return np.asarray(ranked + np.float32(np.median(median) - np.median(ranked)))
    if isinstance(method, RollingMedian):
        lower = ordered[n // 2 if method.dcnum else (n - 1) // 2]
        return np.asarray((lower + ordered[n // 2]) * np.float32(0.5))
    return np.asarray(window.mean(axis=0, dtype=np.float64).astype(np.float32))


def background_in(block: FrameBlock, settings: FitSettings) -> Background:
    background = settings.background.background(settings.first_illuminated_frame)
    assert background is not None
    background.begin(block, usable_frames(block))
    return background


def backgrounds(
    frames: NDArray[Any], settings: FitSettings, start: int, stop: int, order: Sequence[int] = ()
) -> list[NDArray[Any] | None]:
    blocks = BlockReader(lambda first, end: frames[first:end], len(frames), settings)
    block = blocks.block(start, stop)
    if settings.background.is_empty:
        return [None] * len(order or range(start, stop))
    background = background_in(block, settings)
    images = (background.at(frame) for frame in order or range(start, stop))
    return [None if image is None else image.copy() for image in images]


def assert_equal(one: Sequence[NDArray[Any] | None], other: Sequence[NDArray[Any] | None]) -> None:
    for left, right in zip(one, other, strict=True):
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("identifier", "first", "stop"),
    [
        ("mean:b=-5^e=2", 15, 22),
        ("percentile:b=-5^e=2", 15, 22),
        ("rollmed:k=4^w=past", 16, 20),
        ("rollmed:k=4^w=centred", 18, 22),
        ("rollmed:k=5^w=centred", 18, 23),
        ("rollmed:k=4^w=future", 20, 24),
        ("rollmed:k=4^d=1", 20, 24),
    ],
)
def test_a_window_lies_where_the_method_says(identifier: str, first: int, stop: int) -> None:
    assert frame_window(settings_with(identifier), 20, N_FRAMES) == (first, stop)


@given(identifier=windows, first_illuminated=st.integers(0, 12), frame=st.integers(0, N_FRAMES - 1))
def test_a_window_is_clipped_at_the_ends_of_the_movie(identifier: str, first_illuminated: int, frame: int) -> None:
    settings = settings_with(identifier, first_illuminated)
    assert list(range(*frame_window(settings, frame, N_FRAMES))) == window_by_definition(settings, frame)


@given(identifier=windows, first_illuminated=st.integers(0, 12), ends=st.tuples(st.integers(0, 39), st.integers(1, 40)))
def test_the_span_of_a_range_holds_every_window_in_it(
    identifier: str, first_illuminated: int, ends: tuple[int, int]
) -> None:
    start, stop = min(ends), max(*ends, min(ends) + 1)
    settings = settings_with(identifier, first_illuminated)
    lo, hi = window_span(settings, start, stop, N_FRAMES)
    assert lo <= start
    assert hi >= stop
    needed = {number for frame in range(start, stop) for number in window_by_definition(settings, frame)}
    assert needed <= set(range(lo, hi))


@given(identifier=windows, dtype=dtypes, first_illuminated=st.integers(0, 12))
def test_a_background_is_what_its_definition_says(identifier: str, dtype: Any, first_illuminated: int) -> None:
    frames, settings = movie(dtype), settings_with(identifier, first_illuminated)
    for frame, found in enumerate(backgrounds(frames, settings, 0, N_FRAMES)):
        numbers = window_by_definition(settings, frame)
        assert (found is None) == (not numbers)
        if found is not None:
            expected = background_by_definition(window_of(settings), frames[numbers])
            np.testing.assert_allclose(found, expected, rtol=1e-6 if identifier.startswith("mean") else 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (61, 53)])
def test_images_of_any_size_are_taken_in_strips(dtype: Any, shape: tuple[int, int]) -> None:
    frames, settings = movie(dtype, shape), settings_with("rollmed:k=9")
    for frame, found in enumerate(backgrounds(frames, settings, 0, N_FRAMES)):
        np.testing.assert_array_equal(found, np.median(frames[max(frame - 4, 0) : frame + 5], axis=0))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("identifier", ["mean:b=-7^e=2", "rollmed:k=8", "percentile:b=-8^e=0^p=0.3", "rollmed:k=8^d=1"])
def test_the_ends_of_a_type_neither_wrap_nor_drift(dtype: Any, identifier: str) -> None:
    rng = np.random.default_rng(3)
    ends = (-3e37, 3e37) if dtype == np.float32 else (0, np.iinfo(dtype).max)
    frames = rng.choice(np.array([*ends, 100], dtype), (N_FRAMES, 5, 7))
    settings = settings_with(identifier)
    for frame, found in enumerate(backgrounds(frames, settings, 0, N_FRAMES)):
        numbers = window_by_definition(settings, frame)
        if found is not None:
            expected = background_by_definition(window_of(settings), frames[numbers])
            np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("level", [300, 65535, 100.7])
@pytest.mark.parametrize(
    "identifier", ["mean:b=-5", "percentile:b=-5", "rollmed:k=100", "sparsemed:k=200^i=10", "sparsemed:k=200^d=1"]
)
def test_a_constant_movie_is_its_own_background_whatever_its_length(identifier: str, level: float) -> None:
    ramp = np.arange(35).reshape(5, 7)
    dtype = np.float32 if level % 1 else np.uint16
    image = (np.minimum(ramp + level, 65535)).astype(dtype)
    for n_frames in (2, 34, 99, 100, 101):
        frames = np.repeat(image[np.newaxis], n_frames, axis=0)
        for found in backgrounds(frames, settings_with(identifier), 1, n_frames):
            assert found is not None
            np.testing.assert_allclose(found, image, rtol=1e-7)


@given(identifier=methods, dtype=dtypes, cuts=st.lists(st.integers(1, N_FRAMES - 1), max_size=5, unique=True))
def test_a_background_does_not_depend_on_how_the_movie_is_cut(identifier: str, dtype: Any, cuts: list[int]) -> None:
    frames, settings = movie(dtype), settings_with(identifier)
    whole = backgrounds(frames, settings, 0, N_FRAMES)
    edges = [0, *sorted(cuts), N_FRAMES]
    pieces = [image for start, stop in pairwise(edges) for image in backgrounds(frames, settings, start, stop)]
    assert_equal(pieces, whole)


@given(identifier=methods, order=st.lists(st.integers(0, N_FRAMES - 1), min_size=1, max_size=12))
def test_a_background_does_not_depend_on_what_was_asked_before(identifier: str, order: list[int]) -> None:
    frames, settings = movie(np.uint16), settings_with(identifier)
    whole = backgrounds(frames, settings, 0, N_FRAMES)
    assert_equal(backgrounds(frames, settings, 0, N_FRAMES, order), [whole[frame] for frame in order])


@given(identifier=methods, dtype=dtypes, cut=st.integers(1, N_FRAMES - 1), first_illuminated=st.integers(0, 12))
def test_images_with_index_and_offset_are_the_backgrounds_of_the_frames(
    identifier: str, dtype: Any, cut: int, first_illuminated: int
) -> None:
    frames, settings = movie(dtype), settings_with(identifier, first_illuminated)
    blocks = BlockReader(lambda first, end: frames[first:end], len(frames), settings)
    for start, stop in ((0, cut), (cut, N_FRAMES)):
        images = background_images(blocks.block(start, stop), start, stop, settings)
        assert (images.first, images.stop) == (start, stop)
        found = [images.of(frame) for frame in range(start, stop)]
        assert_equal(found, backgrounds(frames, settings, start, stop))


@pytest.mark.parametrize("identifier", ["mean:b=-5", "percentile:b=-5", "rollmed:k=5", "sparsemed:k=5^i=4^f=1"])
def test_frames_that_are_not_usable_enter_no_window(identifier: str) -> None:
    frames, settings = movie(np.float32), settings_with(identifier)
    frames[10, 3, 4] = np.nan
    blocks = BlockReader(lambda first, end: frames[first:end], len(frames), settings)
    images = background_images(blocks.block(0, N_FRAMES), 0, N_FRAMES, settings)
    for frame in range(1, N_FRAMES):
        image = images.of(frame)
        assert image is not None
        assert np.isfinite(image).all()


def test_a_window_without_usable_frames_gives_no_background() -> None:
    frames = movie(np.float32)
    frames[5:20] = np.inf
    for identifier in ("mean:b=-5", "percentile:b=-5", "rollmed:k=5^w=past"):
        found = backgrounds(frames, settings_with(identifier), 0, N_FRAMES)
        assert [frame for frame, image in enumerate(found) if image is None] == [0, *range(10, 21)]


@pytest.mark.parametrize("identifier", ["rollmed:k=20", "rollmed:k=20^w=past", "rollmed:k=20^w=future"])
def test_a_plateau_of_more_than_half_the_kernel_is_followed(identifier: str) -> None:
    frames = np.full((100, 4, 4), 10, np.uint16)
    frames[40:60] += 4
    found = backgrounds(frames, settings_with(identifier), 0, 100)
    level = np.array([0 if image is None else image[0, 0] for image in found])
    shift = {"past": 20, "future": 0}.get(identifier.rpartition("=")[2], 10)
    centre = 40 + shift
    assert (level[centre - 5 : centre + 5] == 14).all()
    assert (level[1 : centre - 15] == 10).all()
    assert (level[centre + 15 :] == 10).all()


@given(
    identifier=windows,
    dtype=dtypes,
    ranges=st.lists(st.tuples(st.integers(0, N_FRAMES - 1), st.integers(1, 9)), min_size=1, max_size=8),
    n_more=st.integers(0, 3),
    is_in_order=st.booleans(),
)
def test_windows_slide_on_from_block_to_block(
    identifier: str, dtype: Any, ranges: list[tuple[int, int]], n_more: int, *, is_in_order: bool
) -> None:
    frames, settings = movie(dtype), settings_with(identifier)
    whole = backgrounds(frames, settings, 0, N_FRAMES)
    if is_in_order:
        edges = sorted({0, N_FRAMES, *(start for start, _ in ranges)})
        spans = list(pairwise(edges))
    else:
        spans = [(start, min(start + length, N_FRAMES)) for start, length in ranges]
    series, memory = BackgroundSeries(settings), np.empty_like(frames)
    for start, stop in spans:
        first, end = window_span(settings, start, stop, N_FRAMES)
        first = max(0, first - n_more)
        memory[:] = 99  # frames of the block before are gone
        memory[: end - first] = frames[first:end]
        block = FrameBlock(frames=memory[: end - first], first=first, n_movie_frames=N_FRAMES)
        found = series.images(block, start, stop)
        assert_equal([found.of(frame) for frame in range(start, stop)], whole[start:stop])


def test_a_window_begins_anew_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, settings = movie(np.uint16), settings_with("mean:b=-6")
    block = FrameBlock(frames=frames, first=0, n_movie_frames=N_FRAMES)
    series = BackgroundSeries(settings)
    series.images(block, 0, 10)

    def failing(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(rolling_windows, "slide_sums", failing)
        with pytest.raises(MemoryError):
            series.images(block, 10, 20)
    found = series.images(block, 20, N_FRAMES)
    whole = backgrounds(frames, settings, 0, N_FRAMES)
    assert_equal([found.of(frame) for frame in range(20, N_FRAMES)], whole[20:])


def test_no_background_is_none() -> None:
    assert backgrounds(movie(np.uint16), settings_with("none"), 0, 3) == [None, None, None]


def test_a_block_without_the_window_is_refused() -> None:
    block = FrameBlock(frames=movie(np.uint16)[20:], first=20, n_movie_frames=N_FRAMES)
    background = background_in(block, settings_with("mean:b=-5"))
    with pytest.raises(ValueError, match="frames 17 to 22 are needed for the background of frame 22"):
        background.at(22)


def test_a_block_without_its_images_is_refused() -> None:
    block = FrameBlock(frames=movie(np.uint16), first=0, n_movie_frames=N_FRAMES)
    with pytest.raises(ValueError, match="its images were not sent with the frames"):
        background_in(block, settings_with("copy"))


def test_a_copy_is_the_images_that_came_with_the_frames() -> None:
    frames, settings = movie(np.uint16), settings_with("rollmed:k=5")
    block = BlockReader(lambda first, end: frames[first:end], len(frames), settings).block(0, N_FRAMES)
    images = background_images(block, 0, N_FRAMES, settings)
    given_block = FrameBlock(frames=frames, first=0, n_movie_frames=N_FRAMES, background_images=images)
    background = background_in(given_block, settings_with("copy"))
    assert_equal([background.at(frame) for frame in range(N_FRAMES)], backgrounds(frames, settings, 0, N_FRAMES))
    with pytest.raises(ValueError, match="frame 40: its background image is not among those of frames 0 to 40"):
        images.of(N_FRAMES)
