"""Kernels that find the connected components of a mask and their centroids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]
Mask = NDArray[np.uint8]

MAX_BOX_RATIO = 16
"""Largest ratio of the pixels of a bounding box to those of its component that is summed pixel by pixel."""


@kernel
def _push(mask: Mask, y: int, x: int, stack: NDArray[np.int32], depth: int) -> int:
    """Move a marked pixel from the mask to the stack; return the depth of the stack."""
    if mask[y, x]:
        mask[y, x] = 0
        stack[depth, 0], stack[depth, 1] = y, x
        return depth + 1
    return depth


@kernel
def _fill(mask: Mask, y: int, x: int, stack: NDArray[np.int32], box: NDArray[np.int32]) -> int:
    """Clear the 4-connected component at ``(y, x)``; write its bounding box (y and x, start and stop); count it."""
    height, width = mask.shape
    box[0], box[1], box[2], box[3] = y, y + 1, x, x + 1
    stack[0, 0], stack[0, 1] = y, x
    mask[y, x] = 0
    depth, count = 1, 1
    while depth:
        depth -= 1
        y, x = int(stack[depth, 0]), int(stack[depth, 1])
        box[0], box[1] = min(box[0], y), max(box[1], y + 1)
        box[2], box[3] = min(box[2], x), max(box[3], x + 1)
        before = depth
        if y > 0:
            depth = _push(mask, y - 1, x, stack, depth)
        if x > 0:
            depth = _push(mask, y, x - 1, stack, depth)
        if x + 1 < width:
            depth = _push(mask, y, x + 1, stack, depth)
        if y + 1 < height:
            depth = _push(mask, y + 1, x, stack, depth)
        count += depth - before
    return count


@kernel
def _add_moments(filtered: Image, box: NDArray[np.int32], moments: NDArray[np.float64]) -> None:
    """Write the sum of the values in a box, and of the values times x and times y."""
    weight = sum_x = sum_y = 0.0
    for y in range(box[0], box[1]):
        for x in range(box[2], box[3]):
            value = np.float64(filtered[y, x])
            weight += value
            sum_x += value * x
            sum_y += value * y
    moments[0], moments[1], moments[2] = weight, sum_x, sum_y


@kernel
def _add_moments_by_rows(
    filtered: Image, boxes: NDArray[np.int32], sparse: NDArray[np.int64], moments: NDArray[np.float64]
) -> None:
    """Compute the sums of :func:`_add_moments` for many boxes, possibly nested; each row is summed once for all.

    A component has pixels in each row of its box, so that the time is bounded by the pixels of the components.
    ``sparse`` has the indices of the boxes, in order of their first rows.
    """
    height, width = filtered.shape
    sums, sums_x = np.zeros(width + 1), np.zeros(width + 1)
    open_boxes, n_open, following = np.empty_like(sparse), 0, 0
    for y in range(boxes[sparse[0], 0], height):
        while following < sparse.size and boxes[sparse[following], 0] == y:
            open_boxes[n_open] = sparse[following]
            n_open += 1
            following += 1
        if n_open == 0:
            continue
        for x in range(width):
            value = np.float64(filtered[y, x])
            sums[x + 1] = sums[x] + value
            sums_x[x + 1] = sums_x[x] + value * x
        n_remaining = 0
        for index in range(n_open):
            number = open_boxes[index]
            start, stop = boxes[number, 2], boxes[number, 3]
            row = sums[stop] - sums[start]
            moments[number, 0] += row
            moments[number, 1] += sums_x[stop] - sums_x[start]
            moments[number, 2] += row * y
            if boxes[number, 1] > y + 1:
                open_boxes[n_remaining] = number
                n_remaining += 1
        n_open = n_remaining


@kernel
def find_components(mask: Mask, is_marked: Mask, n_marked: int, filtered: Image) -> NDArray[np.float32]:
    """Locate the 4-connected components of a mask, which is cleared.

    Parameters
    ----------
    mask
        Mask ``(y, x)``, uint8, cleared; a multiple of eight columns wide, 0 in those beyond the image.
    is_marked
        Flags of the rows with a marked pixel, ``(y,)``, uint8.
    n_marked
        Number of marked pixels.
    filtered
        Filtered image ``(y, x)``, float32.

    Returns
    -------
    NDArray
        Components ``(component, 3)``, float32: x and y of the centroid of the filtered image over the component's
        bounding box, px, and the filtered value at the centroid; in order of their first pixels, row by row.
    """
    words = mask.view(np.uint64)
    stack = np.empty((n_marked, 2), np.int32)
    boxes = np.empty((n_marked, 4), np.int32)
    moments = np.zeros((n_marked, 3))
    sparse, n_sparse, count = np.empty(n_marked, np.int64), 0, 0
    for y in range(mask.shape[0]):
        if not is_marked[y]:
            continue
        for word in range(words.shape[1]):
            if not words[y, word]:
                continue
            for x in range(8 * word, 8 * word + 8):
                if not mask[y, x]:
                    continue
                box = boxes[count]
                n_pixels = _fill(mask, y, x, stack, box)
                if (box[1] - box[0]) * (box[3] - box[2]) <= MAX_BOX_RATIO * n_pixels:
                    _add_moments(filtered, box, moments[count])
                else:
                    sparse[n_sparse] = count
                    n_sparse += 1
                count += 1
    if n_sparse:
        _add_moments_by_rows(filtered, boxes, sparse[:n_sparse], moments)
    found = np.empty((count, 3), np.float32)
    for number in range(count):
        x, y = moments[number, 1] / moments[number, 0], moments[number, 2] / moments[number, 0]
        found[number, 0], found[number, 1] = x, y
        found[number, 2] = filtered[int(y + 0.5), int(x + 0.5)]
    return found
