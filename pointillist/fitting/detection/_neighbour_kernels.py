"""Kernels that remove neighbouring candidates, in time proportional to their number.

This holds for any positions, since a frame has at most about one candidate per pixel and a cell therefore has few.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Points = NDArray[np.float32]
Cells = tuple[NDArray[np.int32], NDArray[np.int32], int]
"""First point of each bucket and the point after each point, -1 for none; largest number of rings of cells."""

CELLS_PER_PX = 0.25
FEW = 64
"""Number of points up to which comparing all of them is faster than searching cells."""


@kernel
def _bucket(row: int, column: int, n_buckets: int) -> int:
    """Return the bucket of a cell; adjacent cells mostly have different ones."""
    return ((row * 73856093) ^ (column * 19349663)) & (n_buckets - 1)


@kernel
def _cell(points: Points, index: int) -> tuple[int, int]:
    """Return row and column of the cell that a point is in."""
    return int(points[index, 1] * CELLS_PER_PX), int(points[index, 0] * CELLS_PER_PX)


@kernel
def _sort_into_cells(points: Points, radius: float) -> Cells:
    """Link the points of each square cell; the number of buckets is a power of 2, about that of the points."""
    n_buckets, farthest = 16, 0.0
    while n_buckets < points.shape[0]:
        n_buckets *= 2
    heads, following = np.full(n_buckets, -1, np.int32), np.empty(points.shape[0], np.int32)
    for index in range(points.shape[0] - 1, -1, -1):
        row, column = _cell(points, index)
        bucket = _bucket(row, column, n_buckets)
        following[index] = heads[bucket]
        heads[bucket] = index
        farthest = max(farthest, float(points[index, 0]), float(points[index, 1]))
    return heads, following, int(min(radius, farthest) * CELLS_PER_PX) + 2


@kernel
def _insert(distance: float, point: int, nearest: NDArray[np.int32], distances: NDArray[np.float64]) -> None:
    """Insert a point into the list of the nearest; points at equal distances are in order of index."""
    rank = nearest.size
    while rank > 0 and (
        distances[rank - 1] > distance or (distances[rank - 1] == distance and nearest[rank - 1] > point)
    ):
        rank -= 1
        if rank + 1 < nearest.size:
            distances[rank + 1], nearest[rank + 1] = distances[rank], nearest[rank]
        distances[rank], nearest[rank] = distance, point


@kernel
def _list_nearest(
    points: Points,
    index: int,
    radius: float,
    cells: Cells,
    nearest: NDArray[np.int32],
    distances: NDArray[np.float64],
) -> None:
    """List the points strictly within ``radius`` of one of them, itself included, nearest first; -1 fills the list.

    Unless there are few points, cells are searched ring by ring outwards, until all further cells are too far away.
    """
    heads, following, n_rings = cells
    nearest[:], distances[:] = -1, np.inf
    x, y = np.float64(points[index, 0]), np.float64(points[index, 1])
    if points.shape[0] <= FEW:
        for other in range(points.shape[0]):
            distance = (points[other, 0] - x) ** 2 + (points[other, 1] - y) ** 2
            if distance < radius * radius:
                _insert(distance, other, nearest, distances)
        return
    row, column = _cell(points, index)
    last = nearest.size - 1
    for ring in range(n_rings):
        # Slightly reduced, so that rounding excludes no point.
        nearer = 0.999999 * (ring - 1) / CELLS_PER_PX
        if ring > 0 and (nearer >= radius or nearer * nearer > distances[last]):
            break
        for cell_row in range(row - ring, row + ring + 1):
            is_side = abs(cell_row - row) < ring
            for cell_column in range(column - ring, column + ring + 1, 2 * ring if is_side else 1):
                other = int(heads[_bucket(cell_row, cell_column, heads.size)])
                while other >= 0:
                    distance = (points[other, 0] - x) ** 2 + (points[other, 1] - y) ** 2
                    is_near = distance < radius * radius and distance <= distances[last]
                    # Other cells may share the bucket; their points are found from their own cell.
                    if is_near and _cell(points, other) == (cell_row, cell_column):
                        _insert(distance, other, nearest, distances)
                    other = int(following[other])


@kernel
def keep_apart(points: Points, radius: float, kept: NDArray[np.bool_]) -> None:
    """Keep the points whose nearest neighbour is farther than ``radius`` away.

    Parameters
    ----------
    points
        Points ``(point, 3)``, float32: x and y in px, value; at least one.
    radius
        Distance, px, > 0.
    kept
        Mask of the kept points, ``(point,)``, bool, written.
    """
    reach = np.nextafter(radius, np.inf)
    cells = _sort_into_cells(points, reach)
    nearest, distances = np.empty(2, np.int32), np.empty(2)
    for index in range(points.shape[0]):
        _list_nearest(points, index, reach, cells, nearest, distances)
        kept[index] = nearest[1] < 0


@kernel
def keep_brightest(points: Points, radius: float, kept: NDArray[np.bool_]) -> None:
    """Keep the point of the highest value among neighbours.

    Each point not yet visited is weighed against its nearest neighbours within ``radius``, at most five with itself;
    the highest is kept, all are visited.

    Parameters
    ----------
    points
        Points ``(point, 3)``, float32: x and y in px, value; at least one.
    radius
        Distance, px, > 0.
    kept
        Mask of the kept points, ``(point,)``, bool, written.
    """
    cells = _sort_into_cells(points, radius)
    nearest, distances = np.empty(5, np.int32), np.empty(5)
    is_visited = np.zeros(points.shape[0], np.bool_)
    kept[:] = False
    for index in range(points.shape[0]):
        if is_visited[index]:
            continue
        _list_nearest(points, index, radius, cells, nearest, distances)
        brightest = index
        for rank in range(nearest.size):
            other = int(nearest[rank])
            if other >= 0:
                is_visited[other] = True
                if points[other, 2] > points[brightest, 2]:
                    brightest = other
        kept[brightest] = True
        is_visited[index] = True
