"""Kernels of the Levenberg-Marquardt search and of the walk over the spots of a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting._gaussian_kernels import (
    N_PARAMETERS,
    Axes,
    Matrix,
    Region,
    Vector,
    factorise,
    solve,
    sum_products,
    turn_to_parameters,
)
from fitting.jit import kernel

CONVERGED = 1
"""The sum of squares changes no more (MINPACK's code 1)."""
OUT_OF_STEPS = 5
"""The evaluations are used up (MINPACK's code 5)."""
STUCK = 6
"""No step makes the sum of squares smaller (MINPACK's code 6)."""

MAX_EVALUATIONS = 100
TOLERANCE = 1e-7
"""Relative change of the sum of squares at which a fit has converged."""

_MIN_SIGMA_PX = 0.05  # a narrower Gaussian is seen by no pixel centre but one, and its width by none
_MAX_VALUE = 1e30  # single precision holds it
_MAX_DAMPING = 1e12


@kernel
def _step(p: Vector, n: int, delta: Vector, trial: Vector) -> bool:
    """Take a step; tell whether it leads to parameters at which the model can be evaluated."""
    trial[:] = p
    for k in range(n):
        trial[k] += delta[k]
    for k in range(n):
        if not abs(trial[k]) < _MAX_VALUE:  # written so that NaN fails too
            return False
    return bool(trial[3] > _MIN_SIGMA_PX)


@kernel
def search(data: Region, weight: Region, axes: Axes, n: int, p: Vector, normal: Matrix) -> tuple[float, int]:
    """Find the least squares from a start.

    Parameters
    ----------
    data, weight
        ``(y, x)``: photoelectrons and the inverse of their variance.
    axes
        Positions of the columns and of the rows, px.
    n
        How many of the leading parameters are free.
    p
        ``(7,)``: the start; the optimum on return.
    normal
        ``(7, 7)``, written: the normal matrix at the optimum.

    Returns
    -------
    tuple[float, int]
        The weighted sum of squared residuals, and the result code.
    """
    gradient, trial_gradient = np.empty(N_PARAMETERS), np.empty(N_PARAMETERS)
    trial, delta = np.empty(N_PARAMETERS), np.zeros(N_PARAMETERS)
    lower, trial_normal = np.empty((N_PARAMETERS, N_PARAMETERS)), np.empty((N_PARAMETERS, N_PARAMETERS))
    squares = sum_products(data, weight, axes, p, normal, gradient)
    turn_to_parameters(p, normal, gradient)
    damping = 1e-4
    for _ in range(MAX_EVALUATIONS):
        while not factorise(normal, n, damping, lower):
            damping *= 10.0
            if not damping < _MAX_DAMPING:
                return squares, STUCK
        solve(lower, n, gradient, delta)
        predicted = 0.0
        for k in range(n):
            predicted += delta[k] * (gradient[k] + damping * normal[k, k] * delta[k])
        is_small = predicted <= TOLERANCE * squares
        if _step(p, n, delta, trial):
            new_squares = sum_products(data, weight, axes, trial, trial_normal, trial_gradient)
            if new_squares < squares:
                is_small = is_small and squares - new_squares <= TOLERANCE * squares
                turn_to_parameters(trial, trial_normal, trial_gradient)
                squares, damping = new_squares, damping * 0.1
                p[:], normal[:], gradient[:] = trial, trial_normal, trial_gradient
                if is_small:
                    return squares, CONVERGED
                continue
        if is_small:
            return squares, CONVERGED
        damping *= 10.0
        if not damping < _MAX_DAMPING:
            return squares, STUCK
    return squares, OUT_OF_STEPS


@kernel
def estimate_errors(normal: Matrix, n: int, scale: float, errors: Vector) -> None:
    """Write the standard errors ``sqrt(scale * diag(normal⁻¹))`` of ``n`` parameters; NaN for all where it has none."""
    lower = np.empty((N_PARAMETERS, N_PARAMETERS))
    unit, column = np.empty(N_PARAMETERS), np.empty(N_PARAMETERS)
    errors[:] = np.nan
    if not factorise(normal, n, 0.0, lower):
        return
    errors[n:] = 0.0
    for k in range(n):
        unit[:] = 0.0
        unit[k] = 1.0
        solve(lower, n, unit, column)
        errors[k] = np.sqrt(scale * column[k])
        if not errors[k] < _MAX_VALUE:
            errors[:] = np.nan
            return


@kernel
def guess(signal: Region, data: Region, start: tuple[float, float, float], n: int, p: Vector) -> None:
    """Write the parameters that a fit starts from.

    The height is the range of ``signal``, the background the least of ``data``; position and width are given.
    """
    x, y, sigma = start
    p[:] = 0.0
    p[0] = signal.max() - signal.min()
    p[1], p[2], p[3] = x, y, sigma
    if n > 4:
        p[4] = data.min()


@kernel
def _region(position: float, half_size: int, length: int) -> tuple[int, int]:
    """Pixels ``[start, stop)`` about a position, clipped to the frame."""
    centre = int(np.floor(position + 0.5))
    return max(centre - half_size, 0), min(centre + half_size + 1, length)


@kernel
def fit_spots(
    images: tuple[Region, Region, Region],
    points: NDArray[np.float32],
    shape: tuple[int, int, float, float],
    values: Matrix,
    codes: NDArray[np.int32],
) -> None:
    """Fit every candidate of a frame by itself.

    Parameters
    ----------
    images
        Photoelectrons, the background to subtract, and the variance, each ``(y, x)``.
    points
        ``(spot, 3)``: x and y of the candidates, px.
    shape
        Half size of the region, number of free parameters (7 or 4), σ to start from, height of a pixel over its width.
    values
        ``(spot, 16)``, written: seven parameters, their errors, nchi2, mean of the subtracted background.
    codes
        ``(spot, 5)``, written: result code; start and stop of the region along x, and along y.
    """
    signal, background, variance = images
    half_size, n, sigma, aspect = shape
    height, width = signal.shape
    p, normal = np.empty(N_PARAMETERS), np.empty((N_PARAMETERS, N_PARAMETERS))
    for spot in range(points.shape[0]):
        x, y = np.float64(points[spot, 0]), np.float64(points[spot, 1])
        x_start, x_stop = _region(x, half_size, width)
        y_start, y_stop = _region(y, half_size, height)
        region = signal[y_start:y_stop, x_start:x_stop]
        subtracted = background[y_start:y_stop, x_start:x_stop]
        data = region - subtracted
        weight = np.float32(1) / variance[y_start:y_stop, x_start:x_stop]
        axes = np.arange(x_start, x_stop, 1.0), np.arange(y_start, y_stop, 1.0) * np.float64(aspect)
        guess(region, data, (x, y * aspect, sigma), n, p)
        squares, code = search(data, weight, axes, n, p, normal)
        freedom = data.size - n
        nchi2 = squares / freedom if freedom > 0 else np.nan
        errors = values[spot, 7:14]
        estimate_errors(normal, n, nchi2, errors)
        values[spot, :7] = p
        values[spot, 2] /= aspect
        values[spot, 6] *= aspect
        errors[2] /= aspect
        errors[6] *= aspect
        values[spot, 14] = nchi2
        values[spot, 15] = subtracted.mean()
        codes[spot, 0] = code
        codes[spot, 1], codes[spot, 2], codes[spot, 3], codes[spot, 4] = x_start, x_stop, y_start, y_stop
