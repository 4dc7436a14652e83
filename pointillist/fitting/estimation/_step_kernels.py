"""Kernels of one step of the search for the optimum.

A step is that of Gauss, Newton and Fisher. It is shortened as a whole where it would carry a position or a width too
far. Where the slope along it turns out to have changed its sign, the step was too long, and is taken back to where
the slope, between its two ends, would vanish; where most of the slope is left, the next step is stretched. No sum of
squares nor likelihood is compared, of which single precision keeps too little.

The likelihood is steep where a model expects too little light, and flat where it expects too much: whole steps from a
poor start go too far, again and again. So after a step that was too long the next ones grow from what was kept of it,
and the amplitude follows the width, so that a step keeps the light that it promises.
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
"""A bound that is none."""
MAX_EVALUATIONS = 100
TOLERANCE, LIKELIHOOD_TOLERANCE = 3e-6, 1e-6
"""Square of the way that is left to the optimum, in standard errors. Steps shrink evenly, so the last two tell it."""

CODE, SQUARES, EVALUATIONS, SHORTENED, PROMISED, SQUARE, SHARE = range(7)
"""Rows of what lanes remember: result code, or 0 while they search; weighted sum of squared residuals; evaluations; how
often the step was shortened; how much of the slope it was to use up; its square, in standard errors; which part of a
whole step it was."""
N_CONTROL = 7

TAKEN_BACK = 1e30
"""Square of a step, as far as the end of a search is concerned, that was taken back in part."""
_MAX_SHORTENED = 12
_TURNED = 0.5  # of the slope at the start of a step, with the other sign at its end: the step was too long
_LAGGING, _MAX_LAG = 0.3, 0.6  # of the slope at the start of a step, left at its end: steps are too short
_NEAR = 0.3  # square of a step, in standard errors, from which on slopes left at its end tell how long the next is
_ROUNDING = 5e-8  # of the peak: what the profiles of spots in single precision are exact within, apart from the pixels
_GROWTH = 3.0  # of the share of a whole step that is taken, from one step to the next
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
def share_allowed(p: LaneArray, free: NDArray[np.int64], found: LaneArray, share: Lanes) -> Lanes:
    """Return which part of a step may be taken, of the ``share`` that is wanted."""
    for i in range(1, free.size):
        k = free[i]
        if k < 5:
            limit = full(_FARTHEST_PX) if k < 3 else _LARGEST_CHANGE * load(p, k)
            length = _absolute(load(found, i))
            share = where_less(share * length, limit, share, limit / length)
    return share


@kernel
def keep_light(p: LaneArray, free: NDArray[np.int64], found: LaneArray, share: Lanes) -> Lanes:
    """Return the step of the amplitude on which light, amplitude times both widths, changes as it promises to."""
    amplitude, area = load(p, 0), full(1.0)
    light = amplitude + share * load(found, 0)
    for i in range(free.size):
        k = free[i]
        if 2 < k < 5:
            ratio = 1.0 + share * load(found, i) / load(p, k)
            is_both = k == 3 and (i + 1 == free.size or free[i + 1] != 4)
            for _ in range(2 if is_both else 1):
                light, area = light + amplitude * (ratio - 1.0), area * ratio
    change: Lanes = (light - amplitude * area) / (area * share)
    return change


@kernel
def stretch(slope: Lanes, least: Lanes, control: LaneArray) -> Lanes:
    """Return how much of the whole step to take: where more than a share of the last slope is left, what uses it up."""
    ratio = slope / load(control, PROMISED)
    stretched = 1.0 / (1.0 - where_less(ratio, _MAX_LAG, ratio, _MAX_LAG))
    return where_less(least, ratio, stretched, 1.0)


@kernel
def seek(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    matrix: LaneArray,
    right: LaneArray,
    lower: LaneArray,
    step: LaneArray,
    found: LaneArray,
) -> tuple[Lanes, Lanes]:
    """Write the whole step; return the slope along the last step, and the square of the whole one."""
    n = free.size
    slope = full(0.0)
    for i in range(n):
        slope = slope + load(right, i) * load(step, i)
    hold_at_bounds(p, low, high, free, matrix, right)
    factorise(matrix, n, lower)
    return slope, solve(lower, n, right, found)


@kernel
def move(
    p: LaneArray,
    low: LaneArray,
    high: LaneArray,
    free: NDArray[np.int64],
    right: LaneArray,
    step: LaneArray,
    found: LaneArray,
    share: Lanes,
    slope: Lanes,
    square: Lanes,
    control: LaneArray,
) -> Lanes:
    """Take a ``share`` of the whole step, or take back what was too long of the last one."""
    promised = load(control, PROMISED)
    is_over = where_less(slope, -_TURNED * promised, 1.0, 0.0)
    kept = promised / (promised - slope)
    next_promised = full(0.0)
    for i in range(free.size):
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
    return where_less(0.5, is_over, TAKEN_BACK, square)


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
        Parameters, their least and greatest values, and the indices of the free ones.
    matrix, right
        Normal equations of the free parameters.
    lower, found
        Working space.
    step
        Last step, replaced by the one that is taken.
    control
        State of the search, ``N_CONTROL`` rows, updated.
    """
    slope, square = seek(p, low, high, free, matrix, right, lower, step, found)
    share = share_allowed(p, free, found, stretch(slope, full(_LAGGING), control))
    return move(p, low, high, free, right, step, found, share, slope, square, control)


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
    found: LaneArray,
    control: LaneArray,
) -> Lanes:
    """Take the next step to the greatest likelihood; parameters and return value are those of :func:`advance`."""
    slope, square = seek(p, low, high, free, matrix, right, lower, step, found)
    last_share, promised = load(control, SHARE), load(control, PROMISED)
    least = where_less(square, _NEAR, -_TURNED, _LAGGING)
    share, longest = stretch(slope, least, control), _GROWTH * last_share
    share = share_allowed(p, free, found, where_less(share, longest, share, longest))
    store(found, 0, keep_light(p, free, found, share))
    shortened = last_share * promised / (promised - slope)
    store(control, SHARE, where_less(slope, -_TURNED * promised, shortened, share))
    return move(p, low, high, free, right, step, found, share, slope, square, control)


@kernel
def judge(p: LaneArray, square: Lanes, squares: Lanes, half: int, tolerance: float, control: LaneArray) -> None:
    """Write a code where a lane's search has ended, else 0; the square of what may be left to go is ``tolerance``."""
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
    limit = tolerance * (1.0 + misfit)
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


@kernel
def judge_rounding(p: LaneArray, products: LaneArray, square: Lanes, control: LaneArray) -> None:
    """End searches of which only rounding errors are left, and have steps that were taken back tell no ratio.

    The profiles of a spot are exact within some 5e-8 of their peaks. Times the amplitude, on pixels with the weights
    that they have, such errors make steps of their own, which never shrink.
    """
    error = _ROUNDING * load(p, 0)
    rounding = error * error * load(products, 20)
    rounding = where_less(rounding, 0.01, rounding, 0.01)
    store(control, CODE, where_less(square, rounding, float(CONVERGED), load(control, CODE)))
    last = load(control, SQUARE)
    store(control, SQUARE, where_less(last, TAKEN_BACK, last, 0.0))
