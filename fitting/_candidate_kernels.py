"""Kernels that turn a filtered frame into candidates: threshold, connected components, neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel


@kernel
def mark_above(
    filtered: NDArray[np.float32],
    threshold_squared: NDArray[np.float32],
    factor: float,
    mask: NDArray[np.uint8],
) -> int:
    """Mark the pixels whose filtered value squared exceeds ``factor * threshold_squared``; count them."""
    height, width = filtered.shape
    count = 0
    scale = np.float32(factor)
    for y in range(height):
        for x in range(width):
            value = filtered[y, x]
            is_above = value * value > scale * threshold_squared[y, x]
            mask[y, x] = is_above
            count += is_above
    return count


@kernel
def _fill(mask: NDArray[np.uint8], y: int, x: int, stack: NDArray[np.int32], box: NDArray[np.int64]) -> None:
    """Clear the 4-connected component at ``(y, x)``; write its bounding box (y and x, start and stop) to ``box``."""
    height, width = mask.shape
    box[0], box[1], box[2], box[3] = y, y + 1, x, x + 1
    stack[0] = y * width + x
    mask[y, x] = 0
    depth = 1
    while depth:
        depth -= 1
        y, x = divmod(np.int64(stack[depth]), width)
        box[0], box[1] = min(box[0], y), max(box[1], y + 1)
        box[2], box[3] = min(box[2], x), max(box[3], x + 1)
        for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
            v, u = y + dy, x + dx
            if 0 <= v < height and 0 <= u < width and mask[v, u]:
                mask[v, u] = 0
                stack[depth] = v * width + u
                depth += 1


@kernel
def find_components(
    mask: NDArray[np.uint8],
    filtered: NDArray[np.float32],
    stack: NDArray[np.int32],
    found: NDArray[np.float32],
) -> int:
    """Locate the 4-connected components of a mask, which is cleared; count them.

    Parameters
    ----------
    mask, filtered
        ``(y, x)``.
    stack
        Scratch; as many places as the mask has marked pixels.
    found
        ``(component, 3)``, written: x and y of the centroid of the filtered image over the component's bounding box,
        px, and the filtered value at the centroid.
    """
    height, width = mask.shape
    box = np.empty(4, np.int64)
    count = 0
    for y in range(height):
        for x in range(width):
            if not mask[y, x]:
                continue
            _fill(mask, y, x, stack, box)
            weight = sum_x = sum_y = 0.0
            for v in range(box[0], box[1]):
                for u in range(box[2], box[3]):
                    value = np.float64(filtered[v, u])
                    weight += value
                    sum_x += value * u
                    sum_y += value * v
            found[count, 0] = sum_x / weight
            found[count, 1] = sum_y / weight
            found[count, 2] = filtered[int(sum_y / weight + 0.5), int(sum_x / weight + 0.5)]
            count += 1
    return count


@kernel
def _sort_into_cells(
    points: NDArray[np.float32], scale: float, heads: NDArray[np.int32], following: NDArray[np.int32]
) -> None:
    """Chain the points of each square cell: ``heads[row, column]`` is its first, -1 none."""
    heads[:] = -1
    for index in range(points.shape[0] - 1, -1, -1):
        row, column = int(points[index, 1] * scale), int(points[index, 0] * scale)
        following[index] = heads[row, column]
        heads[row, column] = index


@kernel
def _list_nearest(
    points: NDArray[np.float32],
    index: int,
    radius: float,
    cells: tuple[NDArray[np.int32], NDArray[np.int32], float],
    nearest: NDArray[np.int32],
) -> int:
    """List the points strictly within ``radius`` of one of them, itself included, nearest first; count them.

    No more than ``nearest.size`` are listed.
    """
    heads, following, scale = cells
    distances = np.full(nearest.size, np.inf)
    x, y = points[index, 0], points[index, 1]
    row, column = int(y * scale), int(x * scale)
    count = 0
    for cell_row in range(max(row - 1, 0), min(row + 2, heads.shape[0])):
        for cell_column in range(max(column - 1, 0), min(column + 2, heads.shape[1])):
            other = heads[cell_row, cell_column]
            while other >= 0:
                distance = np.float64(points[other, 0] - x) ** 2 + np.float64(points[other, 1] - y) ** 2
                if distance < radius * radius and distance < distances[-1]:
                    place = min(count, nearest.size - 1)
                    while place > 0 and distances[place - 1] > distance:
                        distances[place], nearest[place] = distances[place - 1], nearest[place - 1]
                        place -= 1
                    distances[place], nearest[place] = distance, other
                    count = min(count + 1, nearest.size)
                other = following[other]
    return count


@kernel
def _cells_of(points: NDArray[np.float32], radius: float) -> tuple[NDArray[np.int32], NDArray[np.int32], float]:
    """Sort points into square cells no narrower than the radius: heads and chains of the cells, cells per px."""
    # A little wider, so that rounding puts no two points that are near into cells that are not.
    scale = 0.999999 / max(radius, 1.0)
    heads = np.empty((int(points[:, 1].max() * scale) + 1, int(points[:, 0].max() * scale) + 1), np.int32)
    following = np.empty(points.shape[0], np.int32)
    _sort_into_cells(points, scale, heads, following)
    return heads, following, scale


@kernel
def keep_apart(points: NDArray[np.float32], radius: float, kept: NDArray[np.bool_]) -> None:
    """Keep the points whose nearest neighbour is farther than ``radius`` away.

    Parameters
    ----------
    points
        ``(point, 3)``: x, y, value; at least one.
    radius
        px.
    kept
        ``(point,)``, written.
    """
    reach = np.nextafter(radius, np.inf)
    cells = _cells_of(points, reach)
    nearest = np.empty(2, np.int32)
    for index in range(points.shape[0]):
        kept[index] = _list_nearest(points, index, reach, cells, nearest) == 1


@kernel
def keep_brightest(points: NDArray[np.float32], radius: float, kept: NDArray[np.bool_]) -> None:
    """Of points that lie together keep the one of the highest value.

    Each point not yet visited is weighed against its nearest neighbours within ``radius``, at most five with itself;
    the highest is kept, all are visited.

    Parameters
    ----------
    points
        ``(point, 3)``: x, y, value; at least one.
    radius
        px.
    kept
        ``(point,)``, written.
    """
    cells = _cells_of(points, radius)
    nearest = np.empty(5, np.int32)
    is_visited = np.zeros(points.shape[0], np.bool_)
    kept[:] = False
    for index in range(points.shape[0]):
        if is_visited[index]:
            continue
        brightest = index
        for place in range(_list_nearest(points, index, radius, cells, nearest)):
            other = nearest[place]
            is_visited[other] = True
            if points[other, 2] > points[brightest, 2]:
                brightest = other
        kept[brightest] = True
        is_visited[index] = True
