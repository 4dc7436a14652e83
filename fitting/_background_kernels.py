"""Kernels of the sliding background windows: exact, whatever frame the slide began at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel


@kernel
def add_frame(total: NDArray[Any], frame: NDArray[Any], sign: int) -> None:
    """Add ``sign`` times an integer frame ``(y, x)`` to the running total ``(y, x)``."""
    height, width = frame.shape
    for y in range(height):
        for x in range(width):
            total[y, x] += sign * np.int32(frame[y, x])


@kernel
def slide_total(total: NDArray[Any], leaving: NDArray[Any], entering: NDArray[Any]) -> None:
    """Move the window by one frame: one leaves the running total, one enters."""
    height, width = entering.shape
    for y in range(height):
        for x in range(width):
            total[y, x] += np.int32(entering[y, x]) - np.int32(leaving[y, x])


@kernel
def mean_of_total(total: NDArray[Any], count: int, mean: NDArray[np.float32]) -> None:
    """Write ``total / count`` to ``mean``."""
    height, width = total.shape
    scale = 1.0 / count
    for y in range(height):
        for x in range(width):
            mean[y, x] = np.float32(total[y, x] * scale)


@kernel
def mean_of_frames(frames: NDArray[np.float32], numbers: NDArray[np.int64], mean: NDArray[np.float32]) -> None:
    """Write the mean of ``frames[numbers]`` to ``mean``, summed in double precision in the order given."""
    height, width = mean.shape
    row = np.empty(width, np.float64)
    for y in range(height):
        row[:] = 0.0
        for number in numbers:
            for x in range(width):
                row[x] += frames[number, y, x]
        for x in range(width):
            mean[y, x] = np.float32(row[x] / numbers.size)


@kernel
def insert_frame(ordered: NDArray[Any], count: int, frame: NDArray[Any]) -> None:
    """Insert each pixel into its ordered window ``(y, x, rank)``, of which ``count`` ranks are filled."""
    height, width = frame.shape
    for y in range(height):
        for x in range(width):
            value = frame[y, x]
            window = ordered[y, x]
            rank = count
            while rank > 0 and window[rank - 1] > value:
                window[rank] = window[rank - 1]
                rank -= 1
            window[rank] = value


@kernel
def remove_frame(ordered: NDArray[Any], count: int, frame: NDArray[Any]) -> None:
    """Take each pixel's value out of its ordered window, of which ``count`` ranks are filled."""
    height, width = frame.shape
    for y in range(height):
        for x in range(width):
            value = frame[y, x]
            window = ordered[y, x]
            rank = 0
            while window[rank] < value:
                rank += 1
            while rank < count - 1:
                window[rank] = window[rank + 1]
                rank += 1


@kernel
def replace_frame(ordered: NDArray[Any], count: int, leaving: NDArray[Any], entering: NDArray[Any]) -> None:
    """Move each pixel's ordered window by one frame: only the ranks between the two values shift."""
    height, width = entering.shape
    for y in range(height):
        for x in range(width):
            value = entering[y, x]
            old = leaving[y, x]
            window = ordered[y, x]
            rank = 0
            while window[rank] < old:
                rank += 1
            while rank < count - 1 and window[rank + 1] < value:
                window[rank] = window[rank + 1]
                rank += 1
            while rank > 0 and window[rank - 1] > value:
                window[rank] = window[rank - 1]
                rank -= 1
            window[rank] = value


@kernel
def rank_image(ordered: NDArray[Any], rank: int, image: NDArray[np.float32]) -> None:
    """Write the value of one rank of each pixel's ordered window to ``image``."""
    height, width = image.shape
    for y in range(height):
        for x in range(width):
            image[y, x] = np.float32(ordered[y, x, rank])
