"""Backgrounds of windows that move along the movie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds._image_kernels import average_images, raise_image
from pointillist.fitting.backgrounds._window_kernels import mean_of_frames, slide_ranks, slide_sums
from pointillist.fitting.backgrounds.medians import image_median
from pointillist.fitting.backgrounds.schedule import Span, schedule

IsUsable = Callable[[int], bool]
Ranks = Callable[[int], tuple[int, int]]
Combine = Callable[[NDArray[Any], NDArray[Any], NDArray[np.float32]], None]

LONG_WINDOW = 2**15
"""Frames whose sum, of whole numbers of 16 bits, does not fit into 32 bits."""

_STRIP_BYTES = 2048
_BATCH_BYTES = 1 << 24


class RollingWindow(Protocol):
    """A window that moves along the frames."""

    @property
    def batch_size(self) -> int:
        """Number of spans per call that is fastest."""

    def slide(self, frames: NDArray[Any], first: int, spans: Sequence[Span], is_usable: IsUsable) -> None:
        """Move the window from span to span.

        Parameters
        ----------
        frames
            Frames ``(frame, y, x)``: those of the spans and those that the window has held since the last call.
        first
            Number of ``frames[0]`` within the movie.
        spans
            Windows ``[first, stop)``; neither end ever decreases, from call to call either.
        is_usable
            Function that tells by number whether a frame may enter a window.
        """

    def image(self, number: int) -> NDArray[np.float32] | None:
        """Return the background of a span of the last slide, ``(y, x)``; None if no frame of it is usable.

        The next call of either method may overwrite it.
        """


class RollingMean:
    """Mean of whole numbers, summed exactly as the window slides."""

    batch_size = 1  # frames, sum and mean then stay in the cache

    def __init__(self, longest: int, shape: tuple[int, ...]) -> None:
        # 32 bits take half the time.
        self._total = np.zeros(int(np.prod(shape)), np.int32 if longest < LONG_WINDOW else np.int64)
        self._reached: tuple[Span, int] = ((0, 0), 0)
        self._counts = np.empty(0, np.int64)
        self._means = np.empty((0, *shape), np.float32)

    def slide(self, frames: NDArray[Any], first: int, spans: Sequence[Span], is_usable: IsUsable) -> None:
        """Move the window from span to span; see :class:`RollingWindow`."""
        plan, self._reached = schedule(self._reached, spans, first, is_usable)
        if len(self._means) < len(spans):
            self._means = np.empty((len(spans), *self._means.shape[1:]), np.float32)
        self._counts = plan.counts
        slide_sums(_flat(frames), self._total, (plan.steps, plan.due), plan.counts, _flat(self._means))

    def image(self, number: int) -> NDArray[np.float32] | None:
        """Return the background of a span; see :class:`RollingWindow`."""
        return self._means[number] if self._counts[number] else None


class FloatingMean:
    """Mean of floating-point numbers, summed anew for each window, so that rounding depends on the window alone."""

    batch_size = 1

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean = np.empty(shape, np.float32)
        self._values = np.empty((0, 0), np.float32)
        self._numbers: list[NDArray[np.int64]] = []

    def slide(self, frames: NDArray[Any], first: int, spans: Sequence[Span], is_usable: IsUsable) -> None:
        """Move the window from span to span; see :class:`RollingWindow`."""
        self._values = _flat(frames)
        usable = ([number - first for number in range(*span) if is_usable(number)] for span in spans)
        self._numbers = [np.array(numbers, np.int64) for numbers in usable]

    def image(self, number: int) -> NDArray[np.float32] | None:
        """Return the background of a span; see :class:`RollingWindow`."""
        numbers = self._numbers[number]
        if not numbers.size:
            return None
        mean_of_frames(self._values, numbers, self._mean.reshape(-1))
        return self._mean


class SeparateWindows:
    """Windows that are computed one by one, each from all its frames.

    Parameters
    ----------
    compute
        Function that returns the background of a window of frames ``(frame, y, x)``.
    """

    batch_size = 1

    def __init__(self, compute: Callable[[NDArray[Any]], NDArray[np.float32]]) -> None:
        self._compute = compute
        self._frames: NDArray[Any] = np.empty((0, 0, 0))
        self._numbers: list[list[int]] = []

    def slide(self, frames: NDArray[Any], first: int, spans: Sequence[Span], is_usable: IsUsable) -> None:
        """Move the window from span to span; see :class:`RollingWindow`."""
        self._frames = frames
        self._numbers = [[number - first for number in range(*span) if is_usable(number)] for span in spans]

    def image(self, number: int) -> NDArray[np.float32] | None:
        """Return the background of a span; see :class:`RollingWindow`."""
        numbers = self._numbers[number]
        if not numbers:
            return None
        return np.ascontiguousarray(self._compute(self._frames[numbers]), np.float32)


class RollingRanks:
    """Two ranks of a sorted window, and the background that is computed from them.

    Parameters
    ----------
    ranks
        Function that returns two indices in the sorted window of some frames, from 0.
    combine
        Function that computes the background from the two values of each pixel, and writes it.
    longest
        Number of frames in the longest window, >= 1.
    shape
        Shape of a frame, ``(y, x)``, px.
    dtype
        Dtype of the frames: uint8, uint16 or float32.
    """

    def __init__(
        self, ranks: Ranks, combine: Combine, longest: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        n_pixels, width = int(np.prod(shape)), _STRIP_BYTES // dtype.itemsize
        largest = np.inf if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
        self.batch_size = min(max(_BATCH_BYTES // (n_pixels * dtype.itemsize), 8), 32)
        self._ranks, self._combine = ranks, combine
        self._absent = np.full(min(width, n_pixels), largest, dtype)
        self._windows = np.full((-(-n_pixels // self._absent.size), longest, self._absent.size), largest, dtype)
        self._prior = np.empty_like(self._absent)
        self._lower = self._upper = np.empty((0, n_pixels), dtype)
        self._image = np.empty(shape, np.float32)
        self._reached: tuple[Span, int] = ((0, 0), 0)
        self._counts = np.empty(0, np.int64)

    def slide(self, frames: NDArray[Any], first: int, spans: Sequence[Span], is_usable: IsUsable) -> None:
        """Move the window from span to span; see :class:`RollingWindow`."""
        plan, self._reached = schedule(self._reached, spans, first, is_usable)
        if len(self._lower) < len(spans):
            self._lower, self._upper = np.empty((2, len(spans), self._image.size), frames.dtype)
        self._counts = plan.counts
        ranks = np.array([self._ranks(int(count)) for count in plan.counts], np.int64)
        images = self._lower, self._upper
        slide_ranks(_flat(frames), self._absent, self._windows, self._prior, (plan.steps, plan.due), ranks, images)

    def image(self, number: int) -> NDArray[np.float32] | None:
        """Return the background of a span; see :class:`RollingWindow`."""
        if not self._counts[number]:
            return None
        self._combine(self._lower[number], self._upper[number], self._image.reshape(-1))
        return self._image


def average(lower: NDArray[Any], upper: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Write the mean of two images, ``(pixel,)``."""
    average_images(lower, upper, out)


def raise_to_upper(lower: NDArray[Any], upper: NDArray[Any], out: NDArray[np.float32]) -> None:
    """Write the lower image, raised to the median of the upper one, ``(pixel,)``."""
    raise_image(lower, image_median(upper) - image_median(lower), out)


def _flat(frames: NDArray[Any]) -> NDArray[Any]:
    return frames.reshape(len(frames), -1)
