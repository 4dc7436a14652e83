from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.background import background_images
from pointillist.fitting.backgrounds.live import LiveBackground, live_backgrounds
from pointillist.fitting.backgrounds.method import WindowMethod
from pointillist.fitting.backgrounds.registry import background_method
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.settings import FitSettings

METHODS = ("mean:b=-6", "mean:b=-9^e=-2", "percentile:b=-6^e=1", "rollmed:k=7^w=past")


def window_method(identifier: str) -> WindowMethod:
    method = background_method(identifier)
    assert isinstance(method, WindowMethod)
    return method


def movie(dtype: Any) -> NDArray[Any]:
    return np.random.default_rng(8).integers(0, 255, (50, 6, 7)).astype(dtype)


def backgrounds(frames: NDArray[Any], method: WindowMethod, earliest: int) -> list[NDArray[np.float32] | None]:
    settings = FitSettings(psf_sigma_px=1.0, background=method, first_illuminated_frame=earliest)
    block = BlockReader(lambda start, stop: frames[start:stop], len(frames), settings).block(0, len(frames))
    images = background_images(block, 0, len(frames), settings)
    return [images.of(frame) for frame in range(len(frames))]


@given(
    identifier=st.sampled_from(METHODS),
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    cuts=st.lists(st.integers(1, 49), max_size=8, unique=True),
    earliest=st.integers(0, 12),
    is_gap=st.booleans(),
)
def test_frames_that_come_a_few_at_a_time_have_the_backgrounds_of_the_whole_movie(
    identifier: str, dtype: Any, cuts: list[int], earliest: int, *, is_gap: bool
) -> None:
    frames, method = movie(dtype), window_method(identifier)
    if is_gap and dtype == np.float32:
        frames[20:32] = np.nan
    live = LiveBackground(method, earliest)
    found = [image for part in np.split(frames, sorted(cuts)) for image in live.push(part)]
    for image, expected in zip(found, backgrounds(frames, method, earliest), strict=True):
        assert (image is None) == (expected is None)
        if image is not None and expected is not None:
            np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("identifier", METHODS)
def test_each_frame_comes_with_its_background(identifier: str) -> None:
    frames, method = movie(np.uint16), window_method(identifier)
    expected = backgrounds(frames, method, 0)
    for number, (frame, image) in enumerate(live_backgrounds(iter(frames), method)):
        np.testing.assert_array_equal(frame, frames[number])
        assert (image is None) == (expected[number] is None)
        if image is not None:
            np.testing.assert_array_equal(image, expected[number])


def test_the_frames_that_are_held_do_not_grow_with_the_movie() -> None:
    live = LiveBackground(window_method("rollmed:k=7^w=past"))
    for frame in movie(np.uint16):
        live.push(frame[np.newaxis])
        assert live.n_buffered <= 2 * 8 + 1


@pytest.mark.parametrize("identifier", ["mean:b=-6^e=2", "rollmed:k=7", "rollmed:k=8^d=1"])
def test_a_window_in_the_future_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="live data have no later frames; use a window of earlier frames"):
        LiveBackground(window_method(identifier))
