"""What each pixel reads without a molecule: the mean or a percentile of neighbouring frames.

PYME's notation ``-30:0`` means the thirty frames before each frame. Windows end where the movie ends, and begin no
earlier than the first illuminated frame; an empty window gives no background.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fitting._background_kernels import (
    add_frame,
    insert_frame,
    mean_of_frames,
    mean_of_total,
    rank_image,
    remove_frame,
    replace_frame,
    slide_total,
)
from fitting.localizations import FrameBlock
from fitting.settings import FitSettings


def frame_window(settings: FitSettings, frame: int, n_movie_frames: int) -> tuple[int, int]:
    """Frames ``[first, stop)`` that give the background of one frame; empty where ``stop <= first``."""
    begin, end = settings.background_range
    if begin >= end:
        return frame, frame
    earliest = settings.first_illuminated_frame
    return max(frame + begin, earliest, 0), min(max(frame + end, earliest), n_movie_frames)


def window_span(settings: FitSettings, start: int, stop: int, n_movie_frames: int) -> tuple[int, int]:
    """Frames ``[first, stop)`` to read so that the frames ``[start, stop)`` can be analysed."""
    first_begin, _ = frame_window(settings, start, n_movie_frames)
    _, last_end = frame_window(settings, stop - 1, n_movie_frames)
    return min(start, first_begin), max(stop, last_end)


class Background(Protocol):
    """Background of one frame after the other, raw counts."""

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where its window is empty."""


class NoBackground:
    """The background of settings that ask for none."""

    def at(self, frame: int) -> None:
        """Give no background."""


class _Window:
    """The usable frames of a sliding window."""

    def __init__(self, block: FrameBlock, usable: NDArray[np.bool_], settings: FitSettings) -> None:
        self._block = block
        self._usable = usable
        self._settings = settings

    def numbers(self, frame: int) -> list[int]:
        """Positions within the block of the frames in the window of ``frame``."""
        begin, end = frame_window(self._settings, frame, self._block.n_movie_frames)
        first = self._block.first
        if begin < end and (begin < first or end > first + len(self._block.frames)):
            msg = f"frames {begin} to {end} are the background of frame {frame} and not in the block"
            raise ValueError(msg)
        return [number for number in range(begin - first, end - first) if self._usable[number]]


class MeanBackground:
    """Mean of a sliding window.

    Whole numbers are summed exactly as the window slides; floating-point frames are summed anew for each window, so
    that rounding does not depend on where the slide began.
    """

    def __init__(self, block: FrameBlock, window: _Window, settings: FitSettings) -> None:
        begin, end = settings.background_range
        self._frames = block.frames
        self._window = window
        shape = block.frames.shape[1:]
        self._is_exact = np.issubdtype(block.frames.dtype, np.integer)
        # 32 bits hold the sum of 2¹⁵ frames of 16 bits, and take half the time.
        self._total = np.zeros(shape, np.int32 if end - begin < 2**15 else np.int64)
        self._mean = np.empty(shape, np.float32)
        self._numbers: list[int] = []

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where its window is empty."""
        numbers = self._window.numbers(frame)
        if not numbers:
            return None
        if self._is_exact:
            self._slide(numbers)
            mean_of_total(self._total, len(numbers), self._mean)
        else:
            mean_of_frames(self._frames, np.array(numbers), self._mean)
        return self._mean

    def _slide(self, numbers: list[int]) -> None:
        leaving = [number for number in self._numbers if number < numbers[0]]
        entering = [number for number in numbers if not self._numbers or number > self._numbers[-1]]
        if len(leaving) == len(entering) == 1:
            slide_total(self._total, self._frames[leaving[0]], self._frames[entering[0]])
        else:
            for number in leaving:
                add_frame(self._total, self._frames[number], -1)
            for number in entering:
                add_frame(self._total, self._frames[number], 1)
        self._numbers = numbers


class PercentileBackground:
    """Value of one rank within a sliding window, raised by one number for the whole frame.

    Of ``n`` frames the rank is ``int(n p)``, the least value having rank 1. What a low percentile lies below the
    median is added back as a single number per frame: the median over the pixels of the median image less that of the
    percentile image (PYME's rule).
    """

    def __init__(self, block: FrameBlock, window: _Window, settings: FitSettings) -> None:
        self._frames = block.frames
        self._window = window
        self._fraction = settings.background_percentile
        begin, end = settings.background_range
        shape = block.frames.shape[1:]
        self._ordered = np.empty((*shape, end - begin), block.frames.dtype)
        self._percentile = np.empty(shape, np.float32)
        self._median = np.empty(shape, np.float32)
        self._numbers: list[int] = []

    def at(self, frame: int) -> NDArray[np.float32] | None:
        """Background of a frame, ``(y, x)``, in raw counts; None where its window is empty."""
        numbers = self._window.numbers(frame)
        if not numbers:
            return None
        self._slide(numbers)
        count = len(numbers)
        rank_image(self._ordered, _place(count, self._fraction), self._percentile)
        rank_image(self._ordered, _place(count, 0.5), self._median)
        self._percentile += np.median(self._median) - np.median(self._percentile)
        return self._percentile

    def _slide(self, numbers: list[int]) -> None:
        held = self._numbers
        leaving = [number for number in held if number < numbers[0]]
        entering = [number for number in numbers if not held or number > held[-1]]
        count = len(held)
        while leaving and entering:
            out, into = self._frames[leaving.pop(0)], self._frames[entering.pop(0)]
            replace_frame(self._ordered, count, out, into)
        for number in leaving:
            remove_frame(self._ordered, count, self._frames[number])
            count -= 1
        for number in entering:
            insert_frame(self._ordered, count, self._frames[number])
            count += 1
        self._numbers = numbers


def _place(count: int, fraction: float) -> int:
    """Place of the rank ``int(count * fraction)`` in an ordered window; ranks count from 1."""
    return max(int(count * fraction), 1) - 1


def sliding_background(block: FrameBlock, usable: NDArray[np.bool_], settings: FitSettings) -> Background:
    """Choose the background that the settings ask for.

    Parameters
    ----------
    block
        Raw frames, those of the windows among them.
    usable
        Which frames of the block may enter a window.
    settings
        ``background_range`` and ``background_percentile`` decide.
    """
    begin, end = settings.background_range
    if begin >= end:
        return NoBackground()
    window = _Window(block, usable, settings)
    if settings.background_percentile > 0:
        return PercentileBackground(block, window, settings)
    return MeanBackground(block, window, settings)
