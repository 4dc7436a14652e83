"""Kernels of the detection: band-pass, threshold, connected components, neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Line = NDArray[np.float32]
Image = NDArray[np.float32]


@kernel
def _mirrored(position: int, length: int) -> int:
    """Mirror a position at the edges of ``[0, length)``, edge pixels repeated."""
    position %= 2 * length
    return 2 * length - 1 - position if position >= length else position


@kernel
def mirror_edges(padded: Image, pad: int) -> None:
    """Fill the ``pad`` outermost rows and columns of an image with the mirror image of what lies inside."""
    height, width = padded.shape[0] - 2 * pad, padded.shape[1] - 2 * pad
    for tap in range(1, pad + 1):
        left, right = pad + _mirrored(-tap, width), pad + _mirrored(width - 1 + tap, width)
        for y in range(pad, pad + height):
            padded[y, pad - tap] = padded[y, left]
            padded[y, pad + width - 1 + tap] = padded[y, right]
    for tap in range(1, pad + 1):
        padded[pad - tap] = padded[pad + _mirrored(-tap, height)]
        padded[pad + height - 1 + tap] = padded[pad + _mirrored(height - 1 + tap, height)]


@kernel
def _scale(line: Line, weight: float, out: Line) -> None:
    for k in range(out.size):
        out[k] = weight * line[k]


@kernel
def _add_pair(left: Line, right: Line, weight: float, out: Line) -> None:
    for k in range(out.size):
        out[k] += weight * (left[k] + right[k])


@kernel
def _add_two_pairs(inner: tuple[Line, Line], outer: tuple[Line, Line], weights: tuple[float, float], out: Line) -> None:
    # Two taps a pass: half the traffic to and from ``out``.
    a, b = inner
    c, d = outer
    near, far = weights
    for k in range(out.size):
        out[k] += near * (a[k] + b[k]) + far * (c[k] + d[k])


@kernel
def _average(line: Line, at: int, stride: int, weights: Line, out: Line) -> None:
    """Average about the places from ``at`` on, neighbours being ``stride`` apart.

    ``out`` says how many places. A stride of one row averages whole rows at a time, a stride of 1 along the row.
    """
    n = out.size
    _scale(line[at : at + n], weights[0], out)
    for tap in range(1, weights.size - 1, 2):
        near, far = tap * stride, (tap + 1) * stride
        inner = line[at - near : at - near + n], line[at + near : at + near + n]
        outer = line[at - far : at - far + n], line[at + far : at + far + n]
        _add_two_pairs(inner, outer, (weights[tap], weights[tap + 1]), out)
    if weights.size % 2 == 0:
        far = (weights.size - 1) * stride
        _add_pair(line[at - far : at - far + n], line[at + far : at + far + n], weights[-1], out)


@kernel
def _clip_difference(narrow: Line, wide: Line, out: Line) -> None:
    for k in range(out.size):
        out[k] = max(narrow[k] - wide[k], np.float32(0))


@kernel
def band_pass(padded: Image, pad: int, weights: tuple[Line, Line], border: int, filtered: Image) -> None:
    """Subtract a wide Gaussian average from a narrow one, clipped below at 0.

    Parameters
    ----------
    padded
        The image with ``pad`` mirrored rows and columns at each edge.
    pad
        px, no less than either average reaches.
    weights
        Of the narrow and of the wide average, from the centre outwards.
    border
        Rows and columns at each edge that are 0 in the result.
    filtered
        ``(y, x)``, written.
    """
    height, width = filtered.shape
    stride = padded.shape[1]
    flat = padded.reshape(-1)
    n_rows = max(1, 4096 // stride)  # a strip stays in the first-level cache
    down = np.zeros(n_rows * stride + 2 * pad, np.float32)
    narrow, wide = np.empty(n_rows * stride, np.float32), np.empty(n_rows * stride, np.float32)
    filtered[:] = 0.0
    for start in range(border, height - border, n_rows):
        stop = min(start + n_rows, height - border)
        n = (stop - start) * stride
        for kind, out in enumerate((narrow, wide)):
            _average(flat, (start + pad) * stride, stride, weights[kind], down[pad : pad + n])
            _average(down, pad, 1, weights[kind], out[:n])
        for y in range(start, stop):
            at = (y - start) * stride + pad
            inside = slice(at + border, at + width - border)
            _clip_difference(narrow[inside], wide[inside], filtered[y, border : width - border])


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
    points: NDArray[np.float32], side: float, heads: NDArray[np.int32], following: NDArray[np.int32]
) -> None:
    """Chain the points of each square cell: ``heads[row, column]`` is its first, -1 none."""
    heads[:] = -1
    for index in range(points.shape[0] - 1, -1, -1):
        row, column = int(points[index, 1] / side), int(points[index, 0] / side)
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
    heads, following, side = cells
    distances = np.full(nearest.size, np.inf)
    x, y = points[index, 0], points[index, 1]
    row, column = int(y / side), int(x / side)
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
    """Sort points into square cells no narrower than the radius: heads, chains and side of the cells."""
    side = max(radius, 1.0)
    heads = np.empty((int(points[:, 1].max() / side) + 1, int(points[:, 0].max() / side) + 1), np.int32)
    following = np.empty(points.shape[0], np.int32)
    _sort_into_cells(points, side, heads, following)
    return heads, following, side


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
