"""Kernels of the normal equations of a spot on a sloping background, in lanes.

The expected signal of pixel ``(i, j)`` is ``A X_i Y_j + b + bx u_i + by v_j + o_ij``, with the profiles X and Y, the
pixel's position (u, v) from the middle of the region, and a known offset o. Every derivative is a product of a
function of i and one of j. So the sums over a region of products of derivatives follow from sums over rows of
products of X, its derivatives, u and 1, of which there are few.
"""

from __future__ import annotations

from pointillist.fitting.estimation._elementary_kernels import log, reciprocal
from pointillist.fitting.estimation.lanes import LaneArray, Lanes, full, load, store, where_less
from pointillist.fitting.jit import kernel

N_PARAMETERS = 8
"""A, x, y, σx, σy, b, bx, by, in this order."""
N_PRODUCTS = 36
"""Number of pairs of parameters: the lower triangle of a symmetric matrix, row by row."""
N_SUMS = 20
"""Number of sums per row of pixels."""

Shape = tuple[int, float, bool, bool]
"""Half size of the regions; height of a pixel over its width; whether the background slopes; whether weights are given,
or the inverse of the expected signal."""

LEAST_MEAN = 1e-2
"""Least expected signal, photoelectrons, which keeps weights finite."""


@kernel
def write_equations(
    pixels: LaneArray,
    p: LaneArray,
    profile_x: LaneArray,
    profile_y: LaneArray,
    shape: Shape,
    sums: LaneArray,
    products: LaneArray,
    gradient: LaneArray,
) -> Lanes:
    """Write the weighted products of all derivatives, summed over the region, and of each with the residuals.

    Parameters
    ----------
    pixels
        Two rows per pixel, x fastest: the signal, and its weight if weights are given, else the offset; then one row
        with the least variance of a pixel, if weights are not given.
    p
        Parameters of the spots, ``N_PARAMETERS`` rows.
    profile_x, profile_y
        Profiles from :func:`pointillist.fitting.estimation._profile_kernels.write_profiles`.
    shape
        Shape of the regions and of the background. Without a slope the products with slopes are not written.
    sums
        Working space, ``N_SUMS`` rows per row of pixels.
    products, gradient
        Sums of products, ``N_PRODUCTS`` and ``N_PARAMETERS`` rows, written.

    Returns
    -------
    Lanes
        Weighted sum of squared residuals.
    """
    half, aspect, is_sloping, _ = shape
    n = 2 * half + 1
    amplitude, base, slope_x, slope_y = load(p, 0), load(p, 5), load(p, 6), load(p, 7)
    squares = full(0.0)
    for j in range(n):
        level = base + slope_y * ((j - half) * aspect)
        squares = squares + sum_row(
            pixels, j, profile_x, shape, amplitude * load(profile_y, 3 * j), level, slope_x, sums
        )
    contract_spot(sums, profile_y, amplitude, n, products, gradient)
    if is_sloping:
        contract_slopes(sums, profile_y, amplitude, half, aspect, products, gradient)
    return squares


@kernel
def sum_row(
    pixels: LaneArray,
    j: int,
    profile_x: LaneArray,
    shape: Shape,
    height: Lanes,
    level: Lanes,
    slope: Lanes,
    sums: LaneArray,
) -> Lanes:
    """Write the sums over row ``j`` of the pixels, and return its sum of squares.

    The order is: weight times 1, X, Xx, Xs (its derivatives by x and σ), XX, XXx, XXs, XxXx, XxXs, XsXs; weight and
    residual times 1, X, Xx, Xs; and, if the background slopes, weight times u, uu, uX, uXx, uXs, and residual times u.
    """
    half, _, is_sloping, has_weights = shape
    n = 2 * half + 1
    least_variance = load(pixels, 2 * n * n)
    w0, wx, wd, ws = full(0.0), full(0.0), full(0.0), full(0.0)
    xx, xd, xs, dd, ds, ss = full(0.0), full(0.0), full(0.0), full(0.0), full(0.0), full(0.0)
    r0, rx, rd, rs, ru = full(0.0), full(0.0), full(0.0), full(0.0), full(0.0)
    u0, uu, ux, ud, us = full(0.0), full(0.0), full(0.0), full(0.0), full(0.0)
    squares = full(0.0)
    for i in range(n):
        x, d, s = load(profile_x, 3 * i), load(profile_x, 3 * i + 1), load(profile_x, 3 * i + 2)
        pixel = 2 * (n * j + i)
        signal, other = load(pixels, pixel), load(pixels, pixel + 1)
        mean = level + height * x
        if is_sloping:
            mean = mean + slope * (i - half)
        if has_weights:
            w = other
        else:
            mean = mean + other
            w = reciprocal(where_less(mean, least_variance, least_variance, mean))
        residual = signal - mean
        r = w * residual
        squares = squares + r * residual
        a, b, c = w * x, w * d, w * s
        w0, wx, wd, ws = w0 + w, wx + a, wd + b, ws + c
        xx, xd, xs, dd, ds, ss = xx + a * x, xd + a * d, xs + a * s, dd + b * d, ds + b * s, ss + c * s
        r0, rx, rd, rs = r0 + r, rx + r * x, rd + r * d, rs + r * s
        if is_sloping:
            u = i - half
            v = w * u
            u0, uu, ux, ud, us, ru = u0 + v, uu + v * u, ux + v * x, ud + v * d, us + v * s, ru + r * u
    first = N_SUMS * j
    for k, value in enumerate((w0, wx, wd, ws, xx, xd, xs, dd, ds, ss, r0, rx, rd, rs)):
        store(sums, first + k, value)
    if is_sloping:
        for k, value in enumerate((u0, uu, ux, ud, us, ru)):
            store(sums, first + 14 + k, value)
    return squares


@kernel
def contract_spot(
    sums: LaneArray, profile_y: LaneArray, amplitude: Lanes, n: int, products: LaneArray, gradient: LaneArray
) -> None:
    """Write the products, and those with the residuals, of A, x, y, σx, σy and b, from the sums over ``n`` rows."""
    z = full(0.0)
    aa, ax, xx, ay, xy, yy, g0, g1 = z, z, z, z, z, z, z, z
    sa, sx, sy, ss, ta, tx, ty, ts, tt, g2, g3 = z, z, z, z, z, z, z, z, z, z, z  # s: σx, t: σy
    ba, bx, by, bs, bt, bb, g4, g5 = z, z, z, z, z, z, z, z
    for j in range(n):
        k = N_SUMS * j
        value = load(profile_y, 3 * j)
        f, d, s = amplitude * value, amplitude * load(profile_y, 3 * j + 1), amplitude * load(profile_y, 3 * j + 2)
        q = value * load(sums, k + 4)
        aa, ay, ta = aa + value * q, ay + d * q, ta + s * q
        q = load(sums, k + 4)
        yy, ty, tt = yy + d * d * q, ty + s * d * q, tt + s * s * q
        q = f * load(sums, k + 5)
        ax, xy, tx = ax + value * q, xy + d * q, tx + s * q
        q = f * load(sums, k + 6)
        sa, sy, ts = sa + value * q, sy + d * q, ts + s * q
        q = f * f
        xx, sx, ss = xx + q * load(sums, k + 7), sx + q * load(sums, k + 8), ss + q * load(sums, k + 9)
        q = load(sums, k + 1)
        ba, by, bt = ba + value * q, by + d * q, bt + s * q
        bx, bs, bb = bx + f * load(sums, k + 2), bs + f * load(sums, k + 3), bb + load(sums, k)
        q = load(sums, k + 11)
        g0, g2, g4 = g0 + value * q, g2 + d * q, g4 + s * q
        g1, g3, g5 = g1 + f * load(sums, k + 12), g3 + f * load(sums, k + 13), g5 + load(sums, k + 10)
    for k, v in enumerate((aa, ax, xx, ay, xy, yy, sa, sx, sy, ss, ta, tx, ty, ts, tt, ba, bx, by, bs, bt, bb)):
        store(products, k, v)
    for k, v in enumerate((g0, g1, g2, g3, g4, g5)):
        store(gradient, k, v)


@kernel
def contract_slopes(
    sums: LaneArray,
    profile_y: LaneArray,
    amplitude: Lanes,
    half: int,
    aspect: float,
    products: LaneArray,
    gradient: LaneArray,
) -> None:
    """Write the products of bx and by with everything, and with the residuals."""
    z = full(0.0)
    ba, bx, by, bs, bt, bb, cc, g6, g7 = z, z, z, z, z, z, z, z, z
    ca, cx, cy, cs, ct, cb, dd, cd = z, z, z, z, z, z, z, z
    for j in range(2 * half + 1):
        k = N_SUMS * j
        v = (j - half) * aspect
        value = load(profile_y, 3 * j)
        f, d, s = amplitude * value, amplitude * load(profile_y, 3 * j + 1), amplitude * load(profile_y, 3 * j + 2)
        q = load(sums, k + 16)
        ba, by, bt = ba + value * q, by + d * q, bt + s * q
        bx, bs = bx + f * load(sums, k + 17), bs + f * load(sums, k + 18)
        q = load(sums, k + 14)
        bb, cd, cc = bb + q, cd + v * q, cc + load(sums, k + 15)
        q = v * load(sums, k + 1)
        ca, cy, ct = ca + value * q, cy + d * q, ct + s * q
        f = v * f
        cx, cs = cx + f * load(sums, k + 2), cs + f * load(sums, k + 3)
        q = v * load(sums, k)
        cb, dd = cb + q, dd + v * q
        g6, g7 = g6 + load(sums, k + 19), g7 + v * load(sums, k + 10)
    for k, w in enumerate((ba, bx, by, bs, bt, bb, cc, ca, cx, cy, cs, ct, cb, cd, dd)):
        store(products, 21 + k, w)
    store(gradient, 6, g6)
    store(gradient, 7, g7)


@kernel
def deviance(pixels: LaneArray, p: LaneArray, profile_x: LaneArray, profile_y: LaneArray, shape: Shape) -> Lanes:
    """Return twice the logarithm of the likelihood ratio of Poisson-distributed data to the model.

    Parameters are those of :func:`write_equations`.

    Notes
    -----
    ``2 sum(m - d + d log(d / m))``; where the logarithm is that of counts ``d`` below 0.01, it is that of 0.01. Where
    the mean ``m`` is below the least variance f, the noise is Gaussian with this variance, and the term that of
    ``m = f`` plus ``((m - d)² - (f - d)²) / f``: its derivative, ``2 (m - d) / max(m, f)``, has no step.
    """
    half, aspect, is_sloping, _ = shape
    n = 2 * half + 1
    slope = load(p, 6)
    least_variance = load(pixels, 2 * n * n)
    inverse_least_variance = 1.0 / least_variance
    total = full(0.0)
    for j in range(n):
        level = load(p, 5) + load(p, 7) * ((j - half) * aspect)
        height = load(p, 0) * load(profile_y, 3 * j)
        for i in range(n):
            pixel = 2 * (n * j + i)
            signal, mean = load(pixels, pixel), load(pixels, pixel + 1) + level + height * load(profile_x, 3 * i)
            if is_sloping:
                mean = mean + slope * (i - half)
            counts = where_less(signal, LEAST_MEAN, LEAST_MEAN, signal)
            below = where_less(mean, least_variance, mean - least_variance, 0.0)
            mean = mean - below
            ratio = counts * reciprocal(mean)
            residual = signal - mean
            total = total + counts * log(ratio) - residual - below * inverse_least_variance * (residual - 0.5 * below)
    return 2.0 * total
