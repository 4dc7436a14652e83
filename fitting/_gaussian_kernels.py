"""Kernels of the weighted least-squares fit of a Gaussian on a sloping background.

The model, sampled at pixel centres, is that of PYME's LatGaussFitFR::

    f = A E + b + bx u + by v,    E = exp(-(u² + v²) / 2σ²),    u = x - x0,    v = y - y0

Its derivatives are linear combinations of seven basis functions ``E, E u, E v, E (u² + v²), 1, u, v``. A product of
two of these is ``E^k u^m v^n``, so the normal equations follow from row sums of ``w E^k u^m``, and only the two
factors of ``E`` take exponentials: one per column and one per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Region = NDArray[np.float32]
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Axes = tuple[Vector, Vector]

N_PARAMETERS = 7
"""A, x0, y0, σ, b, bx, by, in this order; a fit without background takes the first four."""


@kernel
def sum_products(data: Region, weight: Region, axes: Axes, p: Vector, products: Matrix, projections: Vector) -> float:
    """Sum the products of the basis functions over a region.

    Parameters
    ----------
    data, weight
        ``(y, x)``: photoelectrons and the inverse of their variance.
    axes
        Positions of the columns and of the rows, px.
    p
        The seven parameters.
    products
        ``(7, 7)``, its upper triangle written: weighted products of the basis functions.
    projections
        ``(7,)``, written: weighted products of the residuals and the basis functions.

    Returns
    -------
    float
        The weighted sum of squared residuals.
    """
    columns, rows = axes
    amplitude, x0, y0, sigma, base, slope_x, slope_y = p[0], p[1], p[2], p[3], p[4], p[5], p[6]
    exponent = -0.5 / (sigma * sigma)
    g, h = products, projections
    g[:] = 0.0
    h[:] = 0.0
    squares = 0.0
    u_of = columns - x0
    along = np.exp(exponent * u_of * u_of)
    for j in range(rows.size):
        v = rows[j] - y0
        down = np.exp(exponent * v * v)
        level = base + slope_y * v
        c0 = c1 = c2 = e0 = e1 = e2 = e3 = q0 = q1 = q2 = q3 = q4 = r0 = r1 = s0 = s1 = s2 = 0.0
        for i in range(columns.size):
            u, w, e = u_of[i], np.float64(weight[j, i]), along[i] * down
            residual = data[j, i] - (amplitude * e + level + slope_x * u)
            wu, we, wr = w * u, w * e, w * residual
            weu, wee, wre = we * u, we * e, wr * e
            weuu, weeu, wreu = weu * u, wee * u, wre * u
            weeuu = weeu * u
            squares += wr * residual
            c0, c1, c2 = c0 + w, c1 + wu, c2 + wu * u
            e0, e1, e2, e3 = e0 + we, e1 + weu, e2 + weuu, e3 + weuu * u
            q0, q1, q2, q3, q4 = q0 + wee, q1 + weeu, q2 + weeuu, q3 + weeuu * u, q4 + weeuu * u * u
            r0, r1 = r0 + wr, r1 + wr * u
            s0, s1, s2 = s0 + wre, s1 + wreu, s2 + wreu * u
        vv = v * v
        _add(g[0], (q0, q1, v * q0, q2 + vv * q0, e0, e1, v * e0))
        _add(g[1], (0.0, q2, v * q1, q3 + vv * q1, e1, e2, v * e1))
        _add(g[2], (0.0, 0.0, vv * q0, v * (q2 + vv * q0), v * e0, v * e1, vv * e0))
        _add(
            g[3],
            (0.0, 0.0, 0.0, q4 + vv * (2 * q2 + vv * q0), e2 + vv * e0, e3 + vv * e1, v * (e2 + vv * e0)),
        )
        _add(g[4], (0.0, 0.0, 0.0, 0.0, c0, c1, v * c0))
        _add(g[5], (0.0, 0.0, 0.0, 0.0, 0.0, c2, v * c1))
        _add(g[6], (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, vv * c0))
        _add(h, (s0, s1, v * s0, s2 + vv * s0, r0, r1, v * r0))
    return squares


@kernel
def _add(total: Vector, terms: tuple[float, float, float, float, float, float, float]) -> None:
    for k in range(7):
        total[k] += terms[k]


@kernel
def turn_to_parameters(p: Vector, products: Matrix, projections: Vector) -> None:
    """Turn sums over the basis functions into normal equations for the parameters, in place.

    ``df/dx0 = (A / σ²) E u - bx`` and ``df/dσ = (A / σ³) E (u² + v²)``; the other derivatives are basis functions.
    """
    factor = p[0] / (p[3] * p[3])
    _scale(products, projections, 1, factor)
    _scale(products, projections, 2, factor)
    _scale(products, projections, 3, factor / p[3])
    for k in range(N_PARAMETERS):
        for other in range(k):
            products[k, other] = products[other, k]
    _subtract_constant(products, projections, 1, p[5])
    _subtract_constant(products, projections, 2, p[6])


@kernel
def _scale(products: Matrix, projections: Vector, k: int, factor: float) -> None:
    """Multiply basis function ``k`` by a factor, in the upper triangle."""
    for other in range(k + 1):
        products[other, k] *= factor
    for other in range(k, N_PARAMETERS):
        products[k, other] *= factor
    projections[k] *= factor


@kernel
def _subtract_constant(products: Matrix, projections: Vector, k: int, slope: float) -> None:
    """Subtract ``slope`` times the constant from basis function ``k``."""
    for other in range(N_PARAMETERS):
        products[k, other] -= slope * products[4, other]
    for other in range(N_PARAMETERS):
        products[other, k] -= slope * products[other, 4]
    projections[k] -= slope * projections[4]


@kernel
def factorise(matrix: Matrix, n: int, damping: float, lower: Matrix) -> bool:
    """Cholesky-factorise the leading ``n`` rows of a matrix whose diagonal is raised by the factor ``1 + damping``.

    Returns
    -------
    bool
        Whether the matrix is positive definite, so that ``lower`` holds its factor.
    """
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            if i == j:
                value *= 1.0 + damping
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            if i == j:
                # Written so that NaN fails too. What cancels to rounding error counts as zero.
                if not value > 1e-14 * matrix[i, i]:
                    return False
                lower[i, i] = np.sqrt(value)
            else:
                lower[i, j] = value / lower[j, j]
    return True


@kernel
def solve(lower: Matrix, n: int, right: Vector, solution: Vector) -> None:
    """Solve ``L Lᵀ solution = right`` for the leading ``n`` unknowns."""
    for i in range(n):
        value = right[i]
        for k in range(i):
            value -= lower[i, k] * solution[k]
        solution[i] = value / lower[i, i]
    for i in range(n - 1, -1, -1):
        value = solution[i]
        for k in range(i + 1, n):
            value -= lower[k, i] * solution[k]
        solution[i] = value / lower[i, i]
