from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fitting.background import frame_window, sliding_background, window_span
from fitting.localizations import FrameBlock
from fitting.settings import FitSettings

N_FRAMES = 40

ranges = st.tuples(st.integers(-12, 8), st.integers(-8, 12)).filter(lambda ends: ends[0] < ends[1])
dtypes = st.sampled_from([np.uint8, np.uint16, np.float32])


def movie(dtype: Any) -> NDArray[Any]:
    frames = np.random.default_rng(7).integers(0, 255, (N_FRAMES, 9, 11))
    return frames.astype(dtype) if dtype != np.float32 else (frames * 1.37).astype(np.float32)


def settings_with(ends: tuple[int, int], percentile: float = 0.0, first_illuminated: int = 0) -> FitSettings:
    return FitSettings(
        psf_sigma_px=1.0,
        background_range=ends,
        background_percentile=percentile,
        first_illuminated_frame=first_illuminated,
    )


def window_by_definition(settings: FitSettings, frame: int) -> list[int]:
    begin, end = settings.background_range
    earliest = settings.first_illuminated_frame
    numbers = range(max(frame + begin, earliest), max(frame + end, earliest))
    return [number for number in numbers if 0 <= number < N_FRAMES]


def backgrounds(frames: NDArray[Any], settings: FitSettings, start: int, stop: int) -> list[NDArray[Any] | None]:
    lo, hi = window_span(settings, start, stop, N_FRAMES)
    block = FrameBlock(frames=frames[lo:hi], first=lo, n_movie_frames=N_FRAMES)
    sliding = sliding_background(block, np.ones(hi - lo, np.bool_), settings)
    images = (sliding.at(frame) for frame in range(start, stop))
    return [None if image is None else image.copy() for image in images]


@given(ends=ranges, first_illuminated=st.integers(0, 12), frame=st.integers(0, N_FRAMES - 1))
def test_a_window_is_what_its_definition_says(ends: tuple[int, int], first_illuminated: int, frame: int) -> None:
    settings = settings_with(ends, first_illuminated=first_illuminated)
    assert list(range(*frame_window(settings, frame, N_FRAMES))) == window_by_definition(settings, frame)


@given(ends=ranges, first_illuminated=st.integers(0, 12), cut=st.tuples(st.integers(0, 39), st.integers(1, 40)))
def test_the_span_of_a_range_holds_every_window_in_it(
    ends: tuple[int, int], first_illuminated: int, cut: tuple[int, int]
) -> None:
    start, stop = min(cut), max(*cut, min(cut) + 1)
    settings = settings_with(ends, first_illuminated=first_illuminated)
    lo, hi = window_span(settings, start, stop, N_FRAMES)
    assert lo <= start
    assert hi >= stop
    needed = {number for frame in range(start, stop) for number in window_by_definition(settings, frame)}
    assert needed <= set(range(lo, hi))


@given(ends=ranges, dtype=dtypes)
def test_the_mean_is_that_of_the_frames_in_the_window(ends: tuple[int, int], dtype: Any) -> None:
    frames, settings = movie(dtype), settings_with(ends)
    for frame, found in enumerate(backgrounds(frames, settings, 0, N_FRAMES)):
        numbers = window_by_definition(settings, frame)
        assert (found is None) == (not numbers)
        if found is not None:
            np.testing.assert_allclose(found, frames[numbers].mean(axis=0, dtype=np.float64), rtol=1e-6)


@given(ends=ranges, dtype=dtypes, percentile=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_the_percentile_has_pymes_rank_and_is_raised_to_the_median(
    ends: tuple[int, int], dtype: Any, percentile: float
) -> None:
    frames, settings = movie(dtype), settings_with(ends, percentile)
    for frame, found in enumerate(backgrounds(frames, settings, 0, N_FRAMES)):
        numbers = window_by_definition(settings, frame)
        assert (found is None) == (not numbers)
        if found is not None:
            ordered = np.sort(frames[numbers], axis=0).astype(np.float32)
            ranked = ordered[max(int(len(numbers) * percentile), 1) - 1]
            offset = np.median(ordered[max(len(numbers) // 2, 1) - 1]) - np.median(ranked)
            np.testing.assert_array_equal(found, ranked + offset)


@given(
    ends=ranges,
    dtype=dtypes,
    percentile=st.sampled_from([0.0, 0.25]),
    cuts=st.lists(st.integers(1, N_FRAMES - 1), max_size=5, unique=True),
)
def test_a_background_does_not_depend_on_how_the_movie_is_cut(
    ends: tuple[int, int], dtype: Any, percentile: float, cuts: list[int]
) -> None:
    frames, settings = movie(dtype), settings_with(ends, percentile)
    whole = backgrounds(frames, settings, 0, N_FRAMES)
    edges = [0, *sorted(cuts), N_FRAMES]
    pieces = [image for start, stop in pairwise(edges) for image in backgrounds(frames, settings, start, stop)]
    for one, other in zip(whole, pieces, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("percentile", [0.0, 0.25])
def test_frames_that_are_not_usable_enter_no_window(percentile: float) -> None:
    frames, settings = movie(np.float32), settings_with((-5, 0), percentile)
    frames[10] = np.nan
    block = FrameBlock(frames=frames, first=0, n_movie_frames=N_FRAMES)
    sliding = sliding_background(block, np.isfinite(frames).all(axis=(1, 2)), settings)
    for frame in range(1, N_FRAMES):
        image = sliding.at(frame)
        assert image is not None
        assert np.isfinite(image).all()


def test_equal_ends_give_no_background() -> None:
    assert backgrounds(movie(np.uint16), settings_with((0, 0)), 0, 3) == [None, None, None]


def test_a_block_without_the_window_is_refused() -> None:
    block = FrameBlock(frames=movie(np.uint16)[20:], first=20, n_movie_frames=N_FRAMES)
    sliding = sliding_background(block, np.ones(20, np.bool_), settings_with((-5, 0)))
    with pytest.raises(ValueError, match="background of frame 22"):
        sliding.at(22)
