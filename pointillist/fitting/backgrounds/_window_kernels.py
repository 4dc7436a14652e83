"""Kernels of sliding windows: exact for every type of pixel, whatever frame the slide began at.

Windows are ordered: the values of each pixel stand in ascending order; those that are missing stand at the end, as the
largest number of the type. One value leaves and one enters in a single pass over the ranks without branches, so that it
runs in vector lanes and takes as long for any data. Pixels are taken in strips, whose windows stay in the cache for
many frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Moves = NDArray[np.int64]


@kernel
def slide_ranks(
    values: NDArray[Any],
    absent: NDArray[Any],
    windows: NDArray[Any],
    prior: NDArray[Any],
    moves: tuple[Moves, Moves],
    ranks: NDArray[np.int64],
    images: tuple[NDArray[Any], NDArray[Any]],
) -> None:
    """Slide sorted windows over the frames, and write two ranks of each.

    Parameters
    ----------
    values
        Pixel values, ``(frame, pixel)``, uint8, uint16 or float32.
    absent
        Placeholder for missing frames, ``(strip,)``: the largest number of the dtype.
    windows
        Sorted windows, ``(strip, rank, pixel of the strip)``, updated.
    prior
        Working space, ``(pixel of the strip,)``, overwritten.
    moves
        Moves, ``(move, 3)``, int64: the frame that leaves, the frame that enters, -1 for none, and the number of ranks
        concerned; and ``(image,)``, int64: the number of moves made when an image is due.
    ranks
        Indices in the sorted window, ``(image, 2)``, int64, from 0.
    images
        Two images per window, ``(image, pixel)``, written: the values of the first and of the second rank.
    """
    steps, due = moves
    lower, upper = images
    for strip in range(windows.shape[0]):
        window = windows[strip]
        first = strip * absent.size
        stop = min(first + absent.size, values.shape[1])
        nothing = absent[: stop - first]
        carried = prior[: stop - first]
        move = 0
        for image in range(due.size):
            while move < due[image]:
                leaving = nothing if steps[move, 0] < 0 else values[steps[move, 0]][first:stop]
                entering = nothing if steps[move, 1] < 0 else values[steps[move, 1]][first:stop]
                replace_value(window, leaving, entering, carried, steps[move, 2])
                move += 1
            copy_rank(window, ranks[image, 0], lower[image][first:stop])
            copy_rank(window, ranks[image, 1], upper[image][first:stop])


@kernel
def replace_value(
    window: NDArray[Any], leaving: NDArray[Any], entering: NDArray[Any], prior: NDArray[Any], n_ranks: int
) -> None:
    """Replace one value of each sorted window ``(rank, pixel)`` by another.

    With ``d`` the window from which the one has left, rank ``i`` is ``max(d[i - 1], min(d[i], entering))``;
    ``prior`` carries ``d[i - 1]``.
    """
    for x in range(entering.size):
        prior[x] = min(window[0, x], entering[x])
    rank = 0
    while rank + 4 < n_ranks:
        shift_four_ranks(window, rank, leaving, entering, prior)
        rank += 4
    while rank + 1 < n_ranks:
        shift_rank(window, rank, leaving, entering, prior)
        rank += 1
    for x in range(entering.size):
        window[rank, x] = max(prior[x], entering[x])


@kernel
def shift_rank(
    window: NDArray[Any], rank: int, leaving: NDArray[Any], entering: NDArray[Any], prior: NDArray[Any]
) -> None:
    """Update one rank after a replacement."""
    for x in range(entering.size):
        d = window[rank, x] if window[rank, x] < leaving[x] else window[rank + 1, x]
        window[rank, x] = max(prior[x], min(d, entering[x]))
        prior[x] = d


@kernel
def shift_four_ranks(
    window: NDArray[Any], rank: int, leaving: NDArray[Any], entering: NDArray[Any], prior: NDArray[Any]
) -> None:
    """Update four ranks after a replacement, with fewer loads than one by one."""
    for x in range(entering.size):
        old, new = leaving[x], entering[x]
        s0, s1, s2, s3 = window[rank, x], window[rank + 1, x], window[rank + 2, x], window[rank + 3, x]
        d0 = s0 if s0 < old else s1
        d1 = s1 if s1 < old else s2
        d2 = s2 if s2 < old else s3
        d3 = s3 if s3 < old else window[rank + 4, x]
        window[rank, x] = max(prior[x], min(d0, new))
        window[rank + 1, x] = max(d0, min(d1, new))
        window[rank + 2, x] = max(d1, min(d2, new))
        window[rank + 3, x] = max(d2, min(d3, new))
        prior[x] = d3


@kernel
def copy_rank(window: NDArray[Any], rank: int, image: NDArray[Any]) -> None:
    """Copy one rank of a sorted window to a strip of an image."""
    for x in range(image.size):
        image[x] = window[rank, x]


@kernel
def slide_sums(
    values: NDArray[Any],
    total: NDArray[Any],
    moves: tuple[Moves, Moves],
    counts: NDArray[np.int64],
    means: NDArray[np.float32],
) -> None:
    """Slide sums of whole numbers over the frames, and write the mean of each window.

    Parameters
    ----------
    values
        Pixel values, ``(frame, pixel)``, uint8 or uint16.
    total
        Sum of the window, ``(pixel,)``, int32 or int64, updated.
    moves
        Moves of the window, in the format of :func:`slide_ranks`.
    counts
        Number of frames in the window, ``(image,)``, int64.
    means
        Mean images, ``(image, pixel)``, float32, written.
    """
    steps, due = moves
    move = 0
    for image in range(due.size):
        scale = 1.0 / max(counts[image], 1)
        while move + 1 < due[image]:
            add_frame(values, steps[move], total)
            move += 1
        if move < due[image] and steps[move, 0] >= 0 and steps[move, 1] >= 0:
            slide_total(total, values[steps[move, 0]], values[steps[move, 1]], scale, means[image])
        else:
            if move < due[image]:
                add_frame(values, steps[move], total)
            scale_total(total, scale, means[image])
        move = due[image]


@kernel
def add_frame(values: NDArray[Any], step: NDArray[np.int64], total: NDArray[Any]) -> None:
    """Subtract the frame that leaves from the running sum, and add the one that enters."""
    if step[0] >= 0:
        leaving = values[step[0]]
        for x in range(total.size):
            total[x] -= np.int32(leaving[x])
    if step[1] >= 0:
        entering = values[step[1]]
        for x in range(total.size):
            total[x] += np.int32(entering[x])


@kernel
def slide_total(
    total: NDArray[Any], leaving: NDArray[Any], entering: NDArray[Any], scale: float, mean: NDArray[np.float32]
) -> None:
    """Move the running sum by one frame, and write ``total * scale`` to ``mean``."""
    for x in range(mean.size):
        total[x] += np.int32(entering[x]) - np.int32(leaving[x])
        mean[x] = np.float32(total[x] * scale)


@kernel
def scale_total(total: NDArray[Any], scale: float, mean: NDArray[np.float32]) -> None:
    """Write ``total * scale`` to ``mean``."""
    for x in range(mean.size):
        mean[x] = np.float32(total[x] * scale)


@kernel
def mean_of_frames(values: NDArray[np.float32], numbers: NDArray[np.int64], mean: NDArray[np.float32]) -> None:
    """Write the mean of ``values[numbers]`` to ``mean``, summed in double precision in the order given."""
    strip = 1024
    total = np.empty(strip, np.float64)
    for first in range(0, mean.size, strip):
        stop = min(first + strip, mean.size)
        sums = total[: stop - first]
        sums[:] = 0.0
        for number in numbers:
            row = values[number][first:stop]
            for x in range(sums.size):
                sums[x] += row[x]
        result = mean[first:stop]
        for x in range(result.size):
            result[x] = np.float32(sums[x] / numbers.size)
