"""Kernels of the search for the optimum: each lane is independent, and takes the next spot when its search ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS, N_PRODUCTS, N_SUMS, Shape, write_equations
from pointillist.fitting.estimation._extraction_kernels import IS_USABLE, LEAST_BACKGROUND, N_NUMBERS, buffer_parts
from pointillist.fitting.estimation._profile_kernels import Model, write_profiles
from pointillist.fitting.estimation._step_kernels import (
    CODE,
    LIKELIHOOD_TOLERANCE,
    N_STATE,
    PREDICTED,
    SHARE,
    TOLERANCE,
    UNLIMITED,
    advance,
    advance_likelihood,
    check_convergence,
    check_rounding,
    select_free,
)
from pointillist.fitting.estimation.lanes import N_LANES, LaneArray, load_one, row_slice, store, store_one
from pointillist.fitting.jit import kernel

N_RESULT = N_PARAMETERS + N_PRODUCTS + N_STATE
"""Rows of :func:`result_parts`."""

_EMPTY, _IDLE = -1, -2


@kernel
def _copy_lane(source: LaneArray, start: tuple[int, int, int], target: LaneArray, end: tuple[int, int]) -> None:
    """Copy from a lane (first row, lane, how many) to a lane (first row, lane).

    They are tuples since a kernel is compiled for each whole number that it is called with.
    """
    for k in range(start[2]):
        store_one(target, end[0] + k, end[1], load_one(source, start[0] + k, start[1]))


@kernel
def result_parts(results: LaneArray, block: int) -> tuple[LaneArray, LaneArray, LaneArray]:
    """Return the results of sixteen spots: parameters, normal matrix, state of the search."""
    first = N_RESULT * block
    matrix, state = first + N_PARAMETERS, first + N_PARAMETERS + N_PRODUCTS
    return (
        row_slice(results, first, N_PARAMETERS),
        row_slice(results, matrix, N_PRODUCTS),
        row_slice(results, state, N_STATE),
    )


def work_rows(half: int) -> int:
    """Return the number of rows of working space of :func:`search`, for regions of ``2 half + 1`` px squared."""
    n = 2 * half + 1
    return 2 * n * n + 1 + n * (N_SUMS + 6) + 3 * N_PRODUCTS + 8 * N_PARAMETERS + N_STATE


@kernel
def search(
    buffer: LaneArray,
    capacity: int,
    n_spots: int,
    free: NDArray[np.int64],
    bounds: NDArray[np.float32],
    model: Model,
    shape: Shape,
    work: LaneArray,
    results: LaneArray,
) -> None:
    """Fit many spots.

    Parameters
    ----------
    buffer, capacity
        Buffer of extracted regions, and the number of spots that it has room for; see
        :func:`pointillist.fitting.estimation._extraction_kernels.buffer_parts`.
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
    results
        Results, ``N_RESULT`` rows for every sixteen spots, written; see :func:`result_parts`.
    """
    half, aspect, is_tied = shape[0], shape[1], model[1]
    tolerance = LIKELIHOOD_TOLERANCE if model[0] else TOLERANCE
    n = 2 * half + 1
    _, data, numbers = buffer_parts(buffer, half, capacity)
    n_elements = free.size * (free.size + 1) // 2
    n_data = 2 * n * n + 1
    pixels, sums = row_slice(work, 0, n_data), row_slice(work, n_data, n * N_SUMS)
    row = n_data + n * N_SUMS
    profile_x, profile_y = row_slice(work, row, 3 * n), row_slice(work, row + 3 * n, 3 * n)
    row += 6 * n
    products, matrix, lower = row_slice(work, row, 36), row_slice(work, row + 36, 36), row_slice(work, row + 72, 36)
    p, low, high = row_slice(work, row + 108, 8), row_slice(work, row + 116, 8), row_slice(work, row + 124, 8)
    gradient, right = row_slice(work, row + 132, 8), row_slice(work, row + 140, 8)
    step, full_step, state = (
        row_slice(work, row + 148, 8),
        row_slice(work, row + 156, 8),
        row_slice(work, row + 164, N_STATE),
    )
    for k in range(N_PARAMETERS):
        store(low, k, bounds[0, k])
        store(high, k, bounds[1, k])
        store(p, k, 1.0)  # for lanes without a spot
        store(step, k, 0.0)
    spot_of = np.full(N_LANES, _EMPTY)
    following, n_active = 0, N_LANES
    store(state, CODE, 1.0)
    while True:
        for lane in range(N_LANES):
            if load_one(state, CODE, lane) == 0.0 or spot_of[lane] == _IDLE:
                continue
            spot = spot_of[lane]
            if spot != _EMPTY:
                block, slot = spot // N_LANES, spot % N_LANES
                result_p, result_matrix, result_state = result_parts(results, block)
                _copy_lane(p, (0, lane, N_PARAMETERS), result_p, (0, slot))
                _copy_lane(matrix, (0, lane, n_elements), result_matrix, (0, slot))
                _copy_lane(state, (0, lane, N_STATE), result_state, (0, slot))
            spot_of[lane] = _IDLE
            while following < n_spots:
                block, slot = following // N_LANES, following % N_LANES
                following += 1
                if load_one(numbers, block * N_NUMBERS + IS_USABLE, slot) != 0.0:
                    _copy_lane(data, (block * n_data, slot, n_data), pixels, (0, lane))
                    _copy_lane(numbers, (block * N_NUMBERS, slot, N_PARAMETERS), p, (0, lane))
                    _copy_lane(numbers, (block * N_NUMBERS + LEAST_BACKGROUND, slot, 1), low, (5, lane))
                    for k in range(N_STATE):
                        store_one(state, k, lane, 0.0)
                    store_one(state, PREDICTED, lane, UNLIMITED)
                    store_one(state, SHARE, lane, UNLIMITED)
                    spot_of[lane] = following - 1
                    break
            if spot_of[lane] == _IDLE:
                n_active -= 1
        if n_active == 0:
            return
        write_profiles(p, model, half, aspect, profile_x, profile_y)
        squares = write_equations(pixels, p, profile_x, profile_y, shape, sums, products, gradient)
        select_free(products, gradient, free, is_tied, matrix, right)
        if model[0]:
            square = advance_likelihood(p, low, high, free, matrix, right, lower, step, full_step, state)
        else:
            square = advance(p, low, high, free, matrix, right, lower, step, full_step, state)
        check_convergence(p, square, squares, half, tolerance, state)
        if model[0]:
            check_rounding(p, products, square, state)
