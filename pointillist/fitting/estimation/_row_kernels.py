"""Kernels that convert the results of searches into rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS, N_PRODUCTS, Shape, deviance
from pointillist.fitting.estimation._extraction_kernels import (
    CODE_COLUMN,
    IS_USABLE,
    LEAST_BACKGROUND,
    N_NUMBERS,
    N_PIXELS,
    SUBTRACTED,
    X_MIDDLE,
    Y_MIDDLE,
    buffer_parts,
)
from pointillist.fitting.estimation._profile_kernels import Model, write_profiles
from pointillist.fitting.estimation._search_kernels import result_parts
from pointillist.fitting.estimation._solution_kernels import factorise, variance_along
from pointillist.fitting.estimation._step_kernels import CODE, SQUARES
from pointillist.fitting.estimation.lanes import (
    N_LANES,
    LaneArray,
    Lanes,
    full,
    load,
    load_one,
    row_slice,
    square_root,
    store,
    store_one,
    where_less,
)
from pointillist.fitting.estimation.result_codes import AT_BOUND, CONVERGED, LEFT_REGION, SINGULAR, UNUSABLE
from pointillist.fitting.jit import kernel

VALUES = (
    *(names := ("amplitude", "x", "y", "sigma", "sigma_y", "background", "slope_x", "slope_y")),
    *(f"{name}_error" for name in names),
    *(f"start_{name}" for name in names),
    *("subtracted_background", "nchi2"),
)
"""Values of a spot, in order of their rows."""
CODES = ("frame", "roi_x_start", "roi_x_stop", "roi_y_start", "roi_y_stop", "", "", "result_code")
"""Whole numbers of a spot: the columns of the region table."""
N_VALUES = len(VALUES)
_ERRORS, _STARTS, _SUBTRACTED, _NCHI2 = N_PARAMETERS, 2 * N_PARAMETERS, 3 * N_PARAMETERS, 3 * N_PARAMETERS + 1


@kernel
def write_variances(
    matrix: LaneArray, p: LaneArray, free: NDArray[np.int64], lower: LaneArray, work: LaneArray, variances: LaneArray
) -> None:
    """Write the diagonal of the inverse of the normal matrices of sixteen spots, NaN for all if one is singular.

    Parameters
    ----------
    matrix
        Normal matrices of the free parameters, lower triangles.
    p
        Parameters of the spots, ``N_PARAMETERS`` rows.
    free
        Indices of the free parameters, ascending.
    lower, work
        Working space, overwritten.
    variances
        Variances, ``N_PARAMETERS`` rows, written. That of the background holds at the position of the spot, whereas the
        fitted background is that of the middle of the region: the slopes, the position and their covariances enter.
    """
    is_definite = factorise(matrix, free.size, lower)
    for k in range(N_PARAMETERS):
        store(variances, k, 0.0)
    for i in range(free.size):
        for j in range(free.size):
            store(work, j, 1.0 if i == j else 0.0)
        if free[i] == 5:
            for j in range(free.size):
                if free[j] in (1, 2):
                    store(work, j, load(p, 5 + free[j]))
                elif free[j] > 5:
                    store(work, j, load(p, free[j] - 5))
        variance = variance_along(lower, free.size, work, row_slice(work, N_PARAMETERS, N_PARAMETERS))
        store(variances, free[i], where_less(0.5, is_definite, variance, math.nan))


@kernel
def assign_codes(
    p: LaneArray,
    numbers: LaneArray,
    state: LaneArray,
    free: NDArray[np.int64],
    bounds: NDArray[np.float32],
    shape: Shape,
    variances: LaneArray,
) -> Lanes:
    """Return the result codes of sixteen spots; a parameter at a bound loses its variance."""
    half, aspect = shape[0], shape[1]
    end = load(state, CODE)
    is_singular = where_less(-1.0, load(variances, free[0]), 0.0, 1.0)
    is_bound = full(0.0)
    for i in range(free.size):
        k = free[i]
        low = load(numbers, LEAST_BACKGROUND) if k == 5 else full(bounds[0, k])
        here = where_less(low, load(p, k), where_less(load(p, k), bounds[1, k], 0.0, 1.0), 1.0)
        store(variances, k, where_less(0.5, here, math.nan, load(variances, k)))
        is_bound = is_bound + here
    is_out = full(0.0)
    for k in range(1, 3):
        reach = (half + 0.5) * (aspect if k == 2 else 1.0)
        is_out = is_out + where_less(load(p, k), reach, where_less(-reach, load(p, k), 0.0, 1.0), 1.0)
    code = where_less(0.5, is_singular, float(SINGULAR), float(CONVERGED))
    code = where_less(0.5, is_bound, float(AT_BOUND), code)
    code = where_less(0.5, is_out, float(LEFT_REGION), code)
    code = where_less(end, CONVERGED + 0.5, code, end)
    return where_less(0.5, load(numbers, IS_USABLE), code, float(UNUSABLE))


@kernel
def write_values(
    p: LaneArray,
    numbers: LaneArray,
    misfit: Lanes,
    factor: Lanes,
    variances: LaneArray,
    is_circular: bool,
    aspect: float,
    values: LaneArray,
) -> None:
    """Write all values of sixteen spots; positions are relative to the middles of their regions.

    Parameters
    ----------
    p, numbers, variances
        Parameters, spot data and variances, from the search, the extraction and :func:`write_variances`.
    misfit
        Goodness of fit over the degrees of freedom.
    factor
        Factor on the variances.
    is_circular, aspect
        Whether both widths are the same parameter, and the height of a pixel over its width.
    values
        Values of each spot, ``N_VALUES`` rows, written.
    """
    is_usable = load(numbers, IS_USABLE)
    for k in range(N_PARAMETERS):
        unit = 1.0 / aspect if k in (2, 4) else aspect if k == 7 else 1.0  # along y, in px of that axis
        value = load(p, k)
        if k == 5:
            value = value + load(p, 6) * load(p, 1) + load(p, 7) * load(p, 2)
        start = load(numbers, k)
        error = square_root(factor * load(variances, 3 if is_circular and k == 4 else k))
        store(values, k, where_less(0.5, is_usable, value, start) * unit)
        store(values, _ERRORS + k, where_less(0.5, is_usable, error, math.nan) * unit)
        store(values, _STARTS + k, start * unit)
    store(values, _SUBTRACTED, load(numbers, SUBTRACTED))
    store(values, _NCHI2, where_less(0.5, is_usable, misfit, math.nan))


@kernel
def write_rows(
    buffer: LaneArray,
    regions: NDArray[np.int32],
    results: LaneArray,
    free: NDArray[np.int64],
    bounds: NDArray[np.float32],
    model: Model,
    shape: Shape,
    excess: float,
    work: LaneArray,
    sources: NDArray[np.int64],
    floats: NDArray[np.float32],
    codes: NDArray[np.int32],
) -> None:
    """Write the rows of all spots in the buffer.

    Parameters
    ----------
    buffer, regions
        Buffer and region table from :func:`pointillist.fitting.estimation._extraction_kernels.extract_regions`.
    results, free, bounds, model, shape
        Results and parameters of :func:`pointillist.fitting.estimation._search_kernels.search`.
    excess
        Square of the excess noise factor, >= 1.
    work
        Working space of :func:`pointillist.fitting.estimation._search_kernels.search`.
    sources
        Index in ``VALUES`` for each column of a row, or ``-1`` less the index in ``CODES``.
    floats, codes
        Rows ``(spot, column)``, written, as views of float32 and int32.
    """
    half, aspect, _, has_weights = shape
    is_likelihood, is_circular = model
    n = 2 * half + 1
    _, data, numbers = buffer_parts(buffer, half, regions.shape[0])
    lower, directions = row_slice(work, 0, N_PRODUCTS), row_slice(work, N_PRODUCTS, 2 * N_PARAMETERS)
    variances, row = row_slice(work, N_PRODUCTS + 2 * N_PARAMETERS, N_PARAMETERS), N_PRODUCTS + 3 * N_PARAMETERS
    values, row = row_slice(work, row, N_VALUES), row + N_VALUES
    profile_x, profile_y = row_slice(work, row, 3 * n), row_slice(work, row + 3 * n, 3 * n)
    for block in range((floats.shape[0] + N_LANES - 1) // N_LANES):
        p, matrix, state = result_parts(results, block)
        number = row_slice(numbers, block * N_NUMBERS, N_NUMBERS)
        write_variances(matrix, p, free, lower, directions, variances)
        code = assign_codes(p, number, state, free, bounds, shape, variances)
        freedom = load(number, N_PIXELS) - free.size
        misfit, factor = load(state, SQUARES) / freedom, load(state, SQUARES) / freedom
        if is_likelihood:
            write_profiles(p, model, half, aspect, profile_x, profile_y)
            pixels = row_slice(data, (2 * n * n + 1) * block, 2 * n * n + 1)
            misfit, factor = deviance(pixels, p, profile_x, profile_y, shape) / freedom, full(excess)
        if not has_weights:
            misfit = misfit * 1.0 / excess
        write_values(p, number, misfit, factor, variances, is_circular, aspect, values)
        store(state, CODE, code)
        copy_rows(block * N_LANES, state, regions, values, sources, floats, codes)


@kernel
def copy_rows(
    first: int,
    state: LaneArray,
    regions: NDArray[np.int32],
    values: LaneArray,
    sources: NDArray[np.int64],
    floats: NDArray[np.float32],
    codes: NDArray[np.int32],
) -> None:
    """Copy the values of sixteen spots, from the ``first`` on, into the columns of their rows."""
    for lane in range(min(N_LANES, floats.shape[0] - first)):
        spot = first + lane
        regions[spot, CODE_COLUMN] = int(load_one(state, CODE, lane))
        for k, middle in ((1, X_MIDDLE), (2, Y_MIDDLE), (_STARTS + 1, X_MIDDLE), (_STARTS + 2, Y_MIDDLE)):
            store_one(values, k, lane, load_one(values, k, lane) + regions[spot, middle])
        for k in range(sources.size):
            if sources[k] >= 0:
                floats[spot, k] = load_one(values, sources[k], lane)
            else:
                codes[spot, k] = regions[spot, -1 - sources[k]]
