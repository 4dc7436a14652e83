"""Kernels that find medians: of a stack of images pixel by pixel, and of all pixels of one image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel


@kernel
def stack_ranks(
    values: NDArray[Any],
    ranks: tuple[int, int],
    stack: NDArray[Any],
    rows: tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.uint16]],
    images: tuple[NDArray[Any], NDArray[Any]],
) -> None:
    """Write two neighbouring ranks of each pixel over a stack of frames.

    The first is found bit by bit: it is the largest number that no more than ``rank`` values lie below.

    Parameters
    ----------
    values
        Pixel values, ``(frame, pixel)``, uint8, uint16 or uint32, 1 to 65535 frames.
    ranks
        Indices in the sorted stack, from 0; the second is that of the first or the next one.
    stack
        Working space, ``(frame, pixel of the strip)``, dtype of the values, overwritten.
    rows
        Working space, four arrays of ``(pixel of the strip,)``, overwritten: three of the values' dtype, and counts.
    images
        Two images, ``(pixel,)``, written: the values of the first and of the second rank.
    """
    lower, upper = images
    n_strip = stack.shape[1]
    for first in range(0, lower.size, n_strip):
        stop = min(first + n_strip, lower.size)
        n = stop - first
        low, bound, high, count = rows[0][:n], rows[1][:n], rows[2][:n], rows[3][:n]
        for frame in range(values.shape[0]):
            copy_row(values[frame][first:stop], stack[frame][:n])
        start_search(stack, low, high)
        gap, step = widest_gap(low, high), 1
        while 2 * step <= gap:
            step *= 2
        while step:
            raise_bound(low, high, step, bound)
            count_below(stack, bound, count)
            accept_bound(count, ranks[0], bound, low)
            step //= 2
        copy_row(low, lower[first:stop])
        if ranks[1] > ranks[0]:
            find_next(stack, low, ranks[1], (bound, high, count))
        copy_row(high if ranks[1] > ranks[0] else low, upper[first:stop])


@kernel
def copy_row(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Copy a row of pixels."""
    for x in range(target.size):
        target[x] = source[x]


@kernel
def start_search(stack: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> None:
    """Write the least and the largest value of each pixel."""
    copy_row(stack[0], low)
    copy_row(stack[0], high)
    for frame in range(1, stack.shape[0]):
        for x in range(low.size):
            low[x] = min(low[x], stack[frame, x])
        for x in range(low.size):
            high[x] = max(high[x], stack[frame, x])


@kernel
def widest_gap(low: NDArray[Any], high: NDArray[Any]) -> int:
    """Return the largest ``high - low`` of a row."""
    gap = 0
    for x in range(low.size):
        gap = max(gap, int(high[x]) - int(low[x]))
    return gap


@kernel
def raise_bound(low: NDArray[Any], high: NDArray[Any], step: int, bound: NDArray[Any]) -> None:
    """Write ``low + step``, and no more than ``high``."""
    for x in range(low.size):
        gap = high[x] - low[x]
        bound[x] = low[x] + min(gap, bound.dtype.type(step))


@kernel
def count_below(stack: NDArray[Any], bound: NDArray[Any], count: NDArray[np.uint16]) -> None:
    """Count the values of each pixel that lie below its bound."""
    count[:] = 0
    frame = 0
    while frame + 4 <= stack.shape[0]:
        count_four(stack, frame, bound, count)
        frame += 4
    while frame < stack.shape[0]:
        for x in range(count.size):
            count[x] += np.uint16(stack[frame, x] < bound[x])
        frame += 1


@kernel
def count_four(stack: NDArray[Any], frame: int, bound: NDArray[Any], count: NDArray[np.uint16]) -> None:
    """Count in four frames at once, with fewer loads than one by one."""
    for x in range(count.size):
        b = bound[x]
        one = np.uint16(stack[frame, x] < b) + np.uint16(stack[frame + 1, x] < b)
        two = np.uint16(stack[frame + 2, x] < b) + np.uint16(stack[frame + 3, x] < b)
        count[x] += np.uint16(one + two)


@kernel
def accept_bound(count: NDArray[np.uint16], rank: int, bound: NDArray[Any], low: NDArray[Any]) -> None:
    """Raise ``low`` to the bound where no more than ``rank`` values lie below it."""
    most = np.uint16(rank)
    for x in range(low.size):
        low[x] = bound[x] if count[x] <= most else low[x]


@kernel
def find_next(
    stack: NDArray[Any], low: NDArray[Any], rank: int, rows: tuple[NDArray[Any], NDArray[Any], NDArray[np.uint16]]
) -> None:
    """Write the value of ``rank`` to the second of the rows; ``low`` is that of the rank before.

    The second row holds the largest value of each pixel, the others are overwritten.
    """
    following, high, count = rows
    copy_row(high, following)
    count[:] = 0
    for frame in range(stack.shape[0]):
        for x in range(low.size):
            count[x] += np.uint16(stack[frame, x] <= low[x])
        for x in range(low.size):
            value = stack[frame, x]
            following[x] = min(following[x], value if value > low[x] else following[x])
    most = np.uint16(rank)
    for x in range(low.size):
        high[x] = low[x] if count[x] > most else following[x]


@kernel
def count_values(image: NDArray[Any], least: int, counts: NDArray[np.int32]) -> None:
    """Count how often each whole number occurs; ``counts[i]`` is of ``least + i``."""
    for x in range(image.size):
        counts[np.int64(image[x]) - least] += 1


@kernel
def value_range(image: NDArray[Any]) -> tuple[int, int]:
    """Return the least and the largest number."""
    least, largest = image[0], image[0]
    for x in range(image.size):
        least = min(least, image[x])
    for x in range(image.size):
        largest = max(largest, image[x])
    return least, largest


@kernel
def ranked_value(counts: NDArray[np.int32], rank: int) -> int:
    """Return the value of a rank, from 0, among the counted numbers."""
    value, below = 0, counts[0]
    while below <= rank:
        value += 1
        below += counts[value]
    return value


@kernel
def average_images(one: NDArray[Any], other: NDArray[Any], average: NDArray[np.float32]) -> None:
    """Write the mean of two images."""
    for x in range(average.size):
        average[x] = (np.float32(one[x]) + np.float32(other[x])) * np.float32(0.5)


@kernel
def raise_image(image: NDArray[Any], offset: float, raised: NDArray[np.float32]) -> None:
    """Write an image plus a number."""
    step = np.float32(offset)
    for x in range(raised.size):
        raised[x] = np.float32(image[x]) + step


@kernel
def twice_difference(frame: NDArray[Any], image: NDArray[np.float32], difference: NDArray[np.int32]) -> None:
    """Write ``2 (frame - image)``; a median of whole numbers is a multiple of one half."""
    for x in range(frame.size):
        difference[x] = 2 * np.int32(frame[x]) - np.int32(np.float32(2) * image[x])
