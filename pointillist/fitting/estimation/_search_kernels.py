"""Kernels of the search for the optimum: each lane by itself, filled again as soon as its spot is done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS, N_PRODUCTS, N_SUMS, Shape, write_equations
from pointillist.fitting.estimation._profile_kernels import Model, write_profiles
from pointillist.fitting.estimation._extraction_kernels import IS_USABLE, LEAST_BACKGROUND, N_NUMBERS, staged_parts
from pointillist.fitting.estimation._step_kernels import (
    CODE,
    LIKELIHOOD_TOLERANCE,
    N_CONTROL,
    PROMISED,
    SHARE,
    TOLERANCE,
    UNLIMITED,
    advance,
    advance_likelihood,
    condense,
    judge,
    judge_rounding,
)
from pointillist.fitting.estimation.lanes import N_LANES, LaneArray, cut, load_one, store, store_one
from pointillist.fitting.jit import kernel

N_END = N_PARAMETERS + N_PRODUCTS + N_CONTROL
"""Rows of :func:`end_parts`."""

_NOBODY, _IDLE = -1, -2


@kernel
def _move(source: LaneArray, start: tuple[int, int, int], target: LaneArray, end: tuple[int, int]) -> None:
    """Copy from a lane (first row, lane, how many) to a lane (first row, lane).

    They are tuples since a kernel is compiled for each whole number that it is called with.
    """
    for k in range(start[2]):
        store_one(target, end[0] + k, end[1], load_one(source, start[0] + k, start[1]))


@kernel
def end_parts(ends: LaneArray, block: int) -> tuple[LaneArray, LaneArray, LaneArray]:
    """Return where the searches of sixteen spots have ended: parameters, normal matrix, what the lanes remember."""
    first = N_END * block
    matrix, control = first + N_PARAMETERS, first + N_PARAMETERS + N_PRODUCTS
    return cut(ends, first, N_PARAMETERS), cut(ends, matrix, N_PRODUCTS), cut(ends, control, N_CONTROL)


def work_rows(half: int) -> int:
    """Return how many rows :func:`search` works in, for regions of ``2 half + 1`` px squared."""
    n = 2 * half + 1
    return 2 * n * n + 1 + n * (N_SUMS + 6) + 3 * N_PRODUCTS + 8 * N_PARAMETERS + N_CONTROL


@kernel
def search(
    staged: LaneArray,
    capacity: int,
    n_spots: int,
    free: NDArray[np.int64],
    bounds: NDArray[np.float32],
    model: Model,
    shape: Shape,
    work: LaneArray,
    ends: LaneArray,
) -> None:
    """Fit many spots.

    Parameters
    ----------
    staged, capacity
        Buffer of extracted regions, and the number of spots that it has room for; see
        :func:`pointillist.fitting.estimation._extraction_kernels.staged_parts`.
    n_spots
        Number of spots in the buffer.
    bounds
        Least and greatest values of the parameters, ``(2, N_PARAMETERS)``, float32.
    free
        Indices of the free parameters, ascending.
    model, shape
        Model of the spots, and shape of their regions.
    work
        Working space of :func:`work_rows` rows.
    ends
        Results, ``N_END`` rows for every sixteen spots, written; see :func:`end_parts`.
    """
    half, aspect, is_tied = shape[0], shape[1], model[1]
    tolerance = LIKELIHOOD_TOLERANCE if model[0] else TOLERANCE
    n = 2 * half + 1
    _, data, numbers = staged_parts(staged, half, capacity)
    n_elements = free.size * (free.size + 1) // 2
    n_data = 2 * n * n + 1
    pixels, sums = cut(work, 0, n_data), cut(work, n_data, n * N_SUMS)
    row = n_data + n * N_SUMS
    along_x, along_y = cut(work, row, 3 * n), cut(work, row + 3 * n, 3 * n)
    row += 6 * n
    products, matrix, lower = cut(work, row, 36), cut(work, row + 36, 36), cut(work, row + 72, 36)
    p, low, high = cut(work, row + 108, 8), cut(work, row + 116, 8), cut(work, row + 124, 8)
    gradient, right = cut(work, row + 132, 8), cut(work, row + 140, 8)
    step, found, control = cut(work, row + 148, 8), cut(work, row + 156, 8), cut(work, row + 164, N_CONTROL)
    for k in range(N_PARAMETERS):
        store(low, k, bounds[0, k])
        store(high, k, bounds[1, k])
        store(p, k, 1.0)  # of lanes that never get a spot
        store(step, k, 0.0)
    spot_of = np.full(N_LANES, _NOBODY)
    following, n_active = 0, N_LANES
    store(control, CODE, 1.0)
    while True:
        for lane in range(N_LANES):
            if load_one(control, CODE, lane) == 0.0 or spot_of[lane] == _IDLE:
                continue
            spot = spot_of[lane]
            if spot != _NOBODY:
                block, place = spot // N_LANES, spot % N_LANES
                end_p, end_matrix, end_control = end_parts(ends, block)
                _move(p, (0, lane, N_PARAMETERS), end_p, (0, place))
                _move(matrix, (0, lane, n_elements), end_matrix, (0, place))
                _move(control, (0, lane, N_CONTROL), end_control, (0, place))
            spot_of[lane] = _IDLE
            while following < n_spots:
                block, place = following // N_LANES, following % N_LANES
                following += 1
                if load_one(numbers, block * N_NUMBERS + IS_USABLE, place) != 0.0:
                    _move(data, (block * n_data, place, n_data), pixels, (0, lane))
                    _move(numbers, (block * N_NUMBERS, place, N_PARAMETERS), p, (0, lane))
                    _move(numbers, (block * N_NUMBERS + LEAST_BACKGROUND, place, 1), low, (5, lane))
                    for k in range(N_CONTROL):
                        store_one(control, k, lane, 0.0)
                    store_one(control, PROMISED, lane, UNLIMITED)
                    store_one(control, SHARE, lane, UNLIMITED)
                    spot_of[lane] = following - 1
                    break
            if spot_of[lane] == _IDLE:
                n_active -= 1
        if n_active == 0:
            return
        write_profiles(p, model, half, aspect, along_x, along_y)
        squares = write_equations(pixels, p, along_x, along_y, shape, sums, products, gradient)
        condense(products, gradient, free, is_tied, matrix, right)
        if model[0]:
            square = advance_likelihood(p, low, high, free, matrix, right, lower, step, found, control)
        else:
            square = advance(p, low, high, free, matrix, right, lower, step, found, control)
        judge(p, square, squares, half, tolerance, control)
        if model[0]:
            judge_rounding(p, products, square, control)
