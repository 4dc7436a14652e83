"""Kernels that thin out candidates that lie together, in time that grows with their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Points = NDArray[np.float32]
Cells = tuple[NDArray[np.int32], NDArray[np.int32], float]
"""First point of each cell, ``(row, column)``; the point after each point; cells per px. -1 is none."""


@kernel
def _sort_into_cells(points: Points, radius: float) -> Cells:
    """Chain the points of each square cell: about one point a cell, none wider than the radius."""
    height, width = np.float64(points[:, 1].max()) + 1, np.float64(points[:, 0].max()) + 1
    side = max(min(radius, np.sqrt(height * width / points.shape[0])), 1.0)
    heads = np.full((int(height / side) + 1, int(width / side) + 1), -1, np.int32)
    following = np.empty(points.shape[0], np.int32)
    for index in range(points.shape[0] - 1, -1, -1):
        row, column = int(points[index, 1] / side), int(points[index, 0] / side)
        following[index] = heads[row, column]
        heads[row, column] = index
    return heads, following, 1 / side


@kernel
def _insert(distance: float, point: int, nearest: NDArray[np.int32], distances: NDArray[np.float64]) -> None:
    """Sort a point into the list of the nearest; of those at one distance the first comes first."""
    place = nearest.size
    while place > 0 and (
        distances[place - 1] > distance or (distances[place - 1] == distance and nearest[place - 1] > point)
    ):
        place -= 1
        if place + 1 < nearest.size:
            distances[place + 1], nearest[place + 1] = distances[place], nearest[place]
        distances[place], nearest[place] = distance, point


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

    The cells are searched from within outwards, ring by ring, until what lies beyond is too far away.
    """
    heads, following, scale = cells
    nearest[:], distances[:] = -1, np.inf
    x, y = np.float64(points[index, 0]), np.float64(points[index, 1])
    row, column = int(y * scale), int(x * scale)
    n_rows, n_columns = heads.shape
    last = nearest.size - 1
    for ring in range(max(n_rows, n_columns)):
        # A little less than it is, so that rounding hides nobody.
        nearer = 0.999999 * (ring - 1) / scale
        if ring > 0 and (nearer >= radius or nearer * nearer > distances[last]):
            break
        for cell_row in range(max(row - ring, 0), min(row + ring + 1, n_rows)):
            is_side = abs(cell_row - row) < ring
            for cell_column in range(column - ring, column + ring + 1, 2 * ring if is_side else 1):
                if not 0 <= cell_column < n_columns:
                    continue
                other = int(heads[cell_row, cell_column])
                while other >= 0:
                    distance = (points[other, 0] - x) ** 2 + (points[other, 1] - y) ** 2
                    if distance < radius * radius and distance <= distances[last]:
                        _insert(distance, other, nearest, distances)
                    other = int(following[other])


@kernel
def keep_apart(points: Points, radius: float, kept: NDArray[np.bool_]) -> None:
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
    cells = _sort_into_cells(points, reach)
    nearest, distances = np.empty(2, np.int32), np.empty(2)
    for index in range(points.shape[0]):
        _list_nearest(points, index, reach, cells, nearest, distances)
        kept[index] = nearest[1] < 0


@kernel
def keep_brightest(points: Points, radius: float, kept: NDArray[np.bool_]) -> None:
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
    cells = _sort_into_cells(points, radius)
    nearest, distances = np.empty(5, np.int32), np.empty(5)
    is_visited = np.zeros(points.shape[0], np.bool_)
    kept[:] = False
    for index in range(points.shape[0]):
        if is_visited[index]:
            continue
        _list_nearest(points, index, radius, cells, nearest, distances)
        brightest = index
        for place in range(nearest.size):
            other = int(nearest[place])
            if other >= 0:
                is_visited[other] = True
                if points[other, 2] > points[brightest, 2]:
                    brightest = other
        kept[brightest] = True
        is_visited[index] = True
