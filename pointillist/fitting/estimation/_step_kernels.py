"""Kernels of one step of the search for the optimum.

A step is a Gauss-Newton step, or a Fisher scoring step. It is shortened as a whole if it would change a position or a
width too much. If the slope along the step has changed its sign at its end, the step was too long, and is reverted to
the point where the slope, interpolated between the two ends, vanishes. If most of the slope is left, the next step is
lengthened. Neither sums of squares nor likelihoods are compared, since single precision does not resolve their changes.

The likelihood is steep where a model expects too little light, and flat where it expects too much: whole steps from a
poor start are too long again and again. After a step that was too long, the next ones therefore grow from the part of
it that was kept, and the amplitude follows the width, so that the photons change as the step predicts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS
from pointillist.fitting.estimation._solution_kernels import factorise, solve
from pointillist.fitting.estimation.lanes import LaneArray, Lanes, full, load, square_root, store, where_less
from pointillist.fitting.estimation.result_codes import CONVERGED, LEFT_REGION, OUT_OF_STEPS, STUCK
from pointillist.fitting.jit import kernel

UNLIMITED = 1e30
"""Bound of an unbounded parameter."""
MAX_EVALUATIONS = 100
TOLERANCE, LIKELIHOOD_TOLERANCE = 3e-6, 1e-6
"""Square of the distance to the optimum at which a search ends, in standard errors. Steps shrink geometrically, so the
last two steps determine the distance."""

CODE, SQUARES, EVALUATIONS, SHORTENED, PREDICTED, SQUARE, SHARE = range(7)
"""Rows of the state of a search: result code, or 0 during the search; weighted sum of squared residuals; number of
evaluations; number of times that the step was shortened; predicted change of the slope; square of the step, in standard
errors; fraction of the whole step that was taken."""
N_STATE = 7

REVERTED = 1e30
"""Square of a step that was partly reverted, for the test of convergence."""
_MAX_SHORTENED = 12
_REVERSED = 0.5  # of the slope at the start of a step, with the other sign at its end: the step was too long
_LAGGING, _MAX_LAG = 0.3, 0.6  # of the slope at the start of a step, left at its end: steps are too short
_NEAR = 0.3  # square of a step, in standard errors, below which the slope left at its end sets the length of the next
_ROUNDING = 5e-8  # of the peak: error of the profiles of spots in single precision
_GROWTH = 3.0  # of the share of a whole step that is taken, from one step to the next
_PENALTY = 1e15
_FARTHEST_PX, _LARGEST_CHANGE = 1.0, 0.4  # of a step: of a position, and of a width in units of itself


@kernel
def select_free(
    products: LaneArray,
    gradient: LaneArray,
    free: NDArray[np.int64],
    is_tied: bool,
    matrix: LaneArray,
    right: LaneArray,
) -> None:
    """Select the equations of the free parameters; the derivative by a shared width is the sum of those by both."""
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
    """Hold a parameter at the bound that its gradient points beyond, by a large element on the diagonal."""
    for i in range(free.size):
        k = free[i]
        value, g = load(p, k), load(right, i)
        is_low = where_less(load(low, k), value, 0.0, where_less(g, 0.0, _PENALTY, 0.0))
        is_high = where_less(value, load(high, k), 0.0, where_less(0.0, g, _PENALTY, 0.0))
        diagonal = i * (i + 1) // 2 + i
        store(matrix, diagonal, load(matrix, diagonal) + is_low + is_high)


@kernel
def _absolute(a: Lanes) -> Lanes:
    return where_less(a, 0.0, -a, a)


@kernel
def limit_step(p: LaneArray, free: NDArray[np.int64], full_step: LaneArray, share: Lanes) -> Lanes:
    """Return the largest allowed fraction of a step, up to ``share``."""
    for i in range(1, free.size):
        k = free[i]
        if k < 5:
            limit = full(_FARTHEST_PX) if k < 3 else _LARGEST_CHANGE * load(p, k)
            length = _absolute(load(full_step, i))
            share = where_less(share * length, limit, share, limit / length)
    return share


@kernel
def conserve_photons(p: LaneArray, free: NDArray[np.int64], full_step: LaneArray, share: Lanes) -> Lanes:
    """Return the step of the amplitude for which the photons, amplitude times both widths, change as predicted."""
    amplitude, area = load(p, 0), full(1.0)
    light = amplitude + share * load(full_step, 0)
    for i in range(free.size):
        k = free[i]
        if 2 < k < 5:
            ratio = 1.0 + share * load(full_step, i) / load(p, k)
            is_both = k == 3 and (i + 1 == free.size or free[i + 1] != 4)
            for _ in range(2 if is_both else 1):
                light, area = light + amplitude * (ratio - 1.0), area * ratio
    change: Lanes = (light - amplitude * area) / (area * share)
    return change


@kernel
def scale_step(slope: Lanes, least: Lanes, state: LaneArray) -> Lanes:
    """Return the next step over the whole one: above 1 if more than ``least`` of the last slope is left, else 1."""
    ratio = slope / load(state, PREDICTED)
    scaled = 1.0 / (1.0 - where_less(ratio, _MAX_LAG, ratio, _MAX_LAG))
    return where_less(least, ratio, scaled, 1.0)


@kernel
def solve_step(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    matrix: LaneArray,
    right: LaneArray,
    lower: LaneArray,
    step: LaneArray,
    full_step: LaneArray,
) -> tuple[Lanes, Lanes]:
    """Write the whole step; return the slope along the last step, and the square of the whole one."""
    n = free.size
    slope = full(0.0)
    for i in range(n):
        slope = slope + load(right, i) * load(step, i)
    hold_at_bounds(p, low, high, free, matrix, right)
    factorise(matrix, n, lower)
    return slope, solve(lower, n, right, full_step)


@kernel
def take_step(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    right: LaneArray,
    step: LaneArray,
    full_step: LaneArray,
    share: Lanes,
    slope: Lanes,
    square: Lanes,
    state: LaneArray,
) -> Lanes:
    """Take a ``share`` of the whole step, or revert the excess of the last one."""
    predicted = load(state, PREDICTED)
    is_overshoot = where_less(slope, -_REVERSED * predicted, 1.0, 0.0)
    kept = predicted / (predicted - slope)
    next_predicted = full(0.0)
    for i in range(free.size):
        k = free[i]
        value, last = load(p, k), load(step, i)
        target = where_less(0.5, is_overshoot, value - (1.0 - kept) * last, value + share * load(full_step, i))
        target = where_less(target, load(low, k), load(low, k), target)
        target = where_less(load(high, k), target, load(high, k), target)
        target = where_less(-2.0 * UNLIMITED, target, target, value)  # a step that is NaN is not taken
        taken = where_less(0.5, is_overshoot, kept * last, target - value)
        store(step, i, taken)
        store(p, k, target)
        next_predicted = next_predicted + load(right, i) * taken
    store(state, PREDICTED, where_less(0.5, is_overshoot, kept * predicted, next_predicted))
    store(state, SHORTENED, where_less(0.5, is_overshoot, load(state, SHORTENED) + 1.0, 0.0))
    return where_less(0.5, is_overshoot, REVERTED, square)


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
    full_step: LaneArray,
    state: LaneArray,
) -> Lanes:
    """Take the next step from the parameters of the equations; return the square of the whole step.

    Parameters
    ----------
    p, low, high, free
        Parameters, their least and greatest values, and the indices of the free ones.
    matrix, right
        Normal equations of the free parameters.
    lower, full_step
        Working space, overwritten.
    step
        Last step, replaced by the one that is taken.
    state
        State of the search, ``N_STATE`` rows, updated.
    """
    slope, square = solve_step(p, low, high, free, matrix, right, lower, step, full_step)
    share = limit_step(p, free, full_step, scale_step(slope, full(_LAGGING), state))
    return take_step(p, low, high, free, right, step, full_step, share, slope, square, state)


@kernel
def advance_likelihood(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    matrix: LaneArray,
    right: LaneArray,
    lower: LaneArray,
    step: LaneArray,
    full_step: LaneArray,
    state: LaneArray,
) -> Lanes:
    """Take the next step to the greatest likelihood; parameters and return value are those of :func:`advance`."""
    slope, square = solve_step(p, low, high, free, matrix, right, lower, step, full_step)
    last_share, predicted = load(state, SHARE), load(state, PREDICTED)
    least = where_less(square, _NEAR, -_REVERSED, _LAGGING)
    share, longest = scale_step(slope, least, state), _GROWTH * last_share
    share = limit_step(p, free, full_step, where_less(share, longest, share, longest))
    store(full_step, 0, conserve_photons(p, free, full_step, share))
    shortened = last_share * predicted / (predicted - slope)
    store(state, SHARE, where_less(slope, -_REVERSED * predicted, shortened, share))
    return take_step(p, low, high, free, right, step, full_step, share, slope, square, state)


@kernel
def check_convergence(
    p: LaneArray, square: Lanes, squares: Lanes, half: int, tolerance: float, state: LaneArray
) -> None:
    """Write a code if a lane's search has ended, else 0; ``tolerance`` is the square of the allowed distance."""
    evaluations = load(state, EVALUATIONS) + 1.0
    store(state, EVALUATIONS, evaluations)
    store(state, SQUARES, squares)
    n = 2 * half + 1
    code = where_less(evaluations, MAX_EVALUATIONS, 0.0, float(OUT_OF_STEPS))
    code = where_less(load(state, SHORTENED), _MAX_SHORTENED, code, float(STUCK))
    for k in range(1, 3):
        code = where_less(_absolute(load(p, k)), 2.0 * n, code, float(LEFT_REGION))
    # Errors of least squares are scaled with the sum of squares, and so is the limit of a small step.
    misfit = squares * (1.0 / (n * n))
    limit = tolerance * (1.0 + misfit)
    ratio = square / load(state, SQUARE)
    ratio = where_less(ratio, 0.98, ratio, 0.98)
    # If the model does not fit the data, convergence in some direction is slower than the last steps suggest.
    least = where_less(misfit, 2.0, 0.0, 0.5)
    ratio = where_less(ratio, least, least, ratio)
    store(state, SQUARE, square)
    remaining = 1.0 - square_root(ratio)
    is_near = where_less(square, 0.01, 1.0, 0.0)
    code = where_less(square * ratio, limit * is_near * remaining * remaining, float(CONVERGED), code)
    store(state, CODE, where_less(square, 2e30, code, float(STUCK)))  # so that NaN ends a search too


@kernel
def check_rounding(p: LaneArray, products: LaneArray, square: Lanes, state: LaneArray) -> None:
    """End searches whose steps are rounding errors, and exclude reverted steps from the ratio of steps.

    The profiles of a spot are exact within some 5e-8 of their peaks. Times the amplitude and the weights of the
    pixels, such errors cause steps that never shrink.
    """
    error = _ROUNDING * load(p, 0)
    rounding = error * error * load(products, 20)
    rounding = where_less(rounding, 0.01, rounding, 0.01)
    store(state, CODE, where_less(square, rounding, float(CONVERGED), load(state, CODE)))
    last = load(state, SQUARE)
    store(state, SQUARE, where_less(last, REVERTED, last, 0.0))
