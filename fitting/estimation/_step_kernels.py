"""Kernels of one step of the search for the optimum.

A step is that of Gauss, Newton and Fisher. It is shortened as a whole where it would carry a position or a width too
far. Where the slope along it turns out to have changed its sign, the step was too long, and is taken back to where
the slope, between its two ends, would vanish; where most of the slope is left, the next step is stretched. No sum of
squares nor likelihood is compared, of which single precision keeps too little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.estimation._equation_kernels import N_PARAMETERS
from fitting.estimation._solution_kernels import factorise, solve
from fitting.estimation.lanes import LaneArray, Lanes, full, load, square_root, store, where_less
from fitting.estimation.result_codes import CONVERGED, LEFT_REGION, OUT_OF_STEPS, STUCK
from fitting.jit import kernel

UNLIMITED = 1e30
"""A bound that is none."""
MAX_EVALUATIONS = 100
TOLERANCE = 3e-6
"""Square of the way that is left to the optimum, in standard errors. Steps shrink evenly, so the last two tell it."""

CODE, SQUARES, EVALUATIONS, SHORTENED, PROMISED, SQUARE = range(6)
"""Rows of what lanes remember: result code, or 0 while they search; weighted sum of squared residuals; evaluations; how
often the step was shortened; how much of the slope it was to use up; its square, in standard errors."""
N_CONTROL = 6

_MAX_SHORTENED = 12
_TURNED = 0.5  # of the slope at the start of a step, with the other sign at its end: the step was too long
_LAGGING, _MAX_LAG = 0.3, 0.6  # of the slope at the start of a step, left at its end: steps are too short
_STIFF = 1e15
_FARTHEST_PX, _LARGEST_CHANGE = 1.0, 0.4  # of a step: of a position, and of a width in units of itself


@kernel
def condense(
    products: LaneArray,
    gradient: LaneArray,
    free: NDArray[np.int64],
    is_tied: bool,
    matrix: LaneArray,
    right: LaneArray,
) -> None:
    """Keep what belongs to the free parameters; where both widths are one, its derivative is the sum of theirs."""
    if is_tied:
        for k in range(3):
            store(products, 6 + k, load(products, 6 + k) + load(products, 10 + k))
        store(products, 9, load(products, 9) + 2.0 * load(products, 13) + load(products, 14))
        for k in range(5, N_PARAMETERS):
            row = k * (k + 1) // 2
            store(products, row + 3, load(products, row + 3) + load(products, row + 4))
        store(gradient, 3, load(gradient, 3) + load(gradient, 4))
    for i in range(free.size):
        row = free[i] * (free[i] + 1) // 2
        for j in range(i + 1):
            store(matrix, i * (i + 1) // 2 + j, load(products, row + free[j]))
        store(right, i, load(gradient, free[i]))


@kernel
def hold_at_bounds(
    p: LaneArray, low: LaneArray, high: LaneArray, free: NDArray[np.int64], matrix: LaneArray, right: LaneArray
) -> None:
    """Make a parameter that is driven against its bound so stiff that it stays, and no other reckons with it."""
    for i in range(free.size):
        k = free[i]
        value, g = load(p, k), load(right, i)
        is_low = where_less(load(low, k), value, 0.0, where_less(g, 0.0, _STIFF, 0.0))
        is_high = where_less(value, load(high, k), 0.0, where_less(0.0, g, _STIFF, 0.0))
        diagonal = i * (i + 1) // 2 + i
        store(matrix, diagonal, load(matrix, diagonal) + is_low + is_high)


@kernel
def _absolute(a: Lanes) -> Lanes:
    return where_less(a, 0.0, -a, a)


@kernel
def _share_allowed(p: LaneArray, free: NDArray[np.int64], found: LaneArray, share: Lanes) -> Lanes:
    """Return which part of a step may be taken, of the ``share`` that is wanted."""
    for i in range(1, free.size):
        k = free[i]
        if k < 5:
            limit = full(_FARTHEST_PX) if k < 3 else _LARGEST_CHANGE * load(p, k)
            length = _absolute(load(found, i))
            share = where_less(share * length, limit, share, limit / length)
    return share


@kernel
def advance(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    matrix: LaneArray,
    right: LaneArray,
    lower: LaneArray,
    step: LaneArray,
    found: LaneArray,
    control: LaneArray,
) -> Lanes:
    """Take the next step from where equations have been written; return the square of the whole step.

    Parameters
    ----------
    p, low, high, free
        The parameters; their least and greatest values; which ones are free.
    matrix, right
        The equations.
    lower, found
        Working space.
    step
        The last step, replaced by the one that is taken.
    control
        What lanes remember.
    """
    n = free.size
    slope = full(0.0)
    for i in range(n):
        slope = slope + load(right, i) * load(step, i)
    promised = load(control, PROMISED)
    is_over = where_less(slope, -_TURNED * promised, 1.0, 0.0)
    kept = promised / (promised - slope)
    hold_at_bounds(p, low, high, free, matrix, right)
    factorise(matrix, n, lower)
    square = solve(lower, n, right, found)
    ratio = slope / promised
    stretched = 1.0 / (1.0 - where_less(ratio, _MAX_LAG, ratio, _MAX_LAG))
    stretched = where_less(_LAGGING, ratio, stretched, 1.0)
    share = _share_allowed(p, free, found, stretched)
    next_promised = full(0.0)
    for i in range(n):
        k = free[i]
        value, last = load(p, k), load(step, i)
        target = where_less(0.5, is_over, value - (1.0 - kept) * last, value + share * load(found, i))
        target = where_less(target, load(low, k), load(low, k), target)
        target = where_less(load(high, k), target, load(high, k), target)
        target = where_less(-2.0 * UNLIMITED, target, target, value)  # a step that is no number is not taken
        taken = where_less(0.5, is_over, kept * last, target - value)
        store(step, i, taken)
        store(p, k, target)
        next_promised = next_promised + load(right, i) * taken
    store(control, PROMISED, where_less(0.5, is_over, kept * promised, next_promised))
    store(control, SHORTENED, where_less(0.5, is_over, load(control, SHORTENED) + 1.0, 0.0))
    return where_less(0.5, is_over, 1e30, square)


@kernel
def judge(p: LaneArray, square: Lanes, squares: Lanes, half: int, control: LaneArray) -> None:
    """Write a code where a lane's search has ended, else 0."""
    evaluations = load(control, EVALUATIONS) + 1.0
    store(control, EVALUATIONS, evaluations)
    store(control, SQUARES, squares)
    n = 2 * half + 1
    code = where_less(evaluations, MAX_EVALUATIONS, 0.0, float(OUT_OF_STEPS))
    code = where_less(load(control, SHORTENED), _MAX_SHORTENED, code, float(STUCK))
    for k in range(1, 3):
        code = where_less(_absolute(load(p, k)), 2.0 * n, code, float(LEFT_REGION))
    # Errors of least squares are scaled with the sum of squares, and with them what a small step is.
    misfit = squares * (1.0 / (n * n))
    limit = TOLERANCE * (1.0 + misfit)
    ratio = square / load(control, SQUARE)
    ratio = where_less(ratio, 0.98, ratio, 0.98)
    # Where the model is not that of the data, some direction is slower than the others make believe.
    least = where_less(misfit, 2.0, 0.0, 0.5)
    ratio = where_less(ratio, least, least, ratio)
    store(control, SQUARE, square)
    to_go = 1.0 - square_root(ratio)
    is_near = where_less(square, 0.01, 1.0, 0.0)
    code = where_less(square * ratio, limit * is_near * to_go * to_go, float(CONVERGED), code)
    store(control, CODE, where_less(square, 2e30, code, float(STUCK)))  # so that NaN ends a search too
