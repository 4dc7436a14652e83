"""Kernels that solve small symmetric systems in lanes.

Matrices are lower triangles, row by row: element ``(i, j)``, ``j <= i``, is row ``i (i + 1) / 2 + j``.
"""

from __future__ import annotations

from pointillist.fitting.estimation.lanes import LaneArray, Lanes, full, load, store, where_less
from pointillist.fitting.jit import kernel

_SINGULAR = 1e-6  # relative size of a pivot that consists of rounding errors of single precision


@kernel
def factorise(matrix: LaneArray, n: int, lower: LaneArray) -> Lanes:
    """Factorise a symmetric matrix into ``L D Lᵀ``.

    Parameters
    ----------
    matrix
        Matrix of ``n`` rows and columns, positive semidefinite.
    lower
        Factor L, written, with the inverse of D on its diagonal. The inverse of a vanishing element of D is 0, so that
        a solution does not move in a direction that the matrix does not determine.

    Returns
    -------
    Lanes
        Flag, 1 if the matrix is positive definite, else 0.
    """
    is_definite = full(1.0)
    for i in range(n):
        row = i * (i + 1) // 2
        for j in range(i):
            column = j * (j + 1) // 2
            value = load(matrix, row + j)
            for k in range(j):
                value = value - load(lower, row + k) * load(lower, column + k)
            store(lower, row + j, value)
        diagonal = load(matrix, row + i)
        pivot = diagonal
        for j in range(i):
            value = load(lower, row + j)
            scaled = value * load(lower, j * (j + 1) // 2 + j)
            pivot = pivot - value * scaled
            store(lower, row + j, scaled)
        floor = _SINGULAR * diagonal
        store(lower, row + i, where_less(floor, pivot, 1.0 / pivot, 0.0))
        is_definite = where_less(floor, pivot, is_definite, 0.0)
    return is_definite


@kernel
def solve(lower: LaneArray, n: int, right: LaneArray, solution: LaneArray) -> Lanes:
    """Solve for a right-hand side, of ``n`` rows as the solution.

    Returns
    -------
    Lanes
        Scalar product of the right-hand side and the solution.
    """
    square = full(0.0)
    for i in range(n):
        row = i * (i + 1) // 2
        value = load(right, i)
        for j in range(i):
            value = value - load(lower, row + j) * load(solution, j)
        store(solution, i, value)
        square = square + value * value * load(lower, row + i)
    for i in range(n - 1, -1, -1):
        value = load(solution, i) * load(lower, i * (i + 1) // 2 + i)
        for k in range(i + 1, n):
            value = value - load(lower, k * (k + 1) // 2 + i) * load(solution, k)
        store(solution, i, value)
    return square


@kernel
def variance_along(lower: LaneArray, n: int, direction: LaneArray, work: LaneArray) -> Lanes:
    """Return ``dᵀ M⁻¹ d`` of a direction d: the variance of the sum of parameters with these factors."""
    square = full(0.0)
    for i in range(n):
        row = i * (i + 1) // 2
        value = load(direction, i)
        for j in range(i):
            value = value - load(lower, row + j) * load(work, j)
        store(work, i, value)
        square = square + value * value * load(lower, row + i)
    return square
