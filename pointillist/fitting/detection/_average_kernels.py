"""Kernels that average a tile of a frame with two kernels, a narrow and a wide one, along its rows or down its columns.

Constant reaches let the compiler vectorize whole rows; the pairs of reaches in frequent use therefore have their own
kernels, and all other pairs share loops of any length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Line = NDArray[np.float32]

TILE = 256
"""Columns per step, for which the rows of a ring buffer stay in the fastest caches."""
BAND = 8 * TILE
"""Columns per pass: a processor prefetches within a page of memory only, which is 2048 px of uint16."""
STRIDE = TILE + 16
"""Elements from one row of a ring buffer to the next: no power of two, which would map all rows to one cache line."""
NARROW_REACH, WIDE_REACH = 4, 12
"""Reaches of PYME's default Gaussians of 1 and 3 px, px."""
MATCHED_REACH, SQUARE_REACH, SQUARE_CENTRE = 3, 5, 8
"""Reaches of a Gaussian of 7 px and a square of 11 px, px; its centre in a row padded for four pairs a pass."""


@kernel
def average_along(
    band: Line, at: int, narrow_weights: Line, wide_weights: Line, narrow_rings: Line, wide_rings: Line, ring_start: int
) -> None:
    """Average a tile of a line, from ``at`` on, with both weights; write a row of each ring, from ``ring_start`` on."""
    line, narrow, wide = (
        band[at:],
        narrow_rings[ring_start : ring_start + TILE],
        wide_rings[ring_start : ring_start + TILE],
    )
    for x in range(TILE):
        centre = line[x + WIDE_REACH]
        narrow_sum, wide_sum = narrow_weights[0] * centre, wide_weights[0] * centre
        for tap in range(1, NARROW_REACH + 1):
            pair = line[x + WIDE_REACH - tap] + line[x + WIDE_REACH + tap]
            narrow_sum += narrow_weights[tap] * pair
            wide_sum += wide_weights[tap] * pair
        for tap in range(NARROW_REACH + 1, WIDE_REACH + 1):
            wide_sum += wide_weights[tap] * (line[x + WIDE_REACH - tap] + line[x + WIDE_REACH + tap])
        narrow[x] = narrow_sum
        wide[x] = wide_sum


@kernel
def average_square_along(
    band: Line, at: int, narrow_weights: Line, wide_weights: Line, narrow_rings: Line, wide_rings: Line, ring_start: int
) -> None:
    """Do the same with the weights of a Gaussian and the constant weight of a square."""
    line, narrow, wide = (
        band[at:],
        narrow_rings[ring_start : ring_start + TILE],
        wide_rings[ring_start : ring_start + TILE],
    )
    for x in range(TILE):
        wide_sum = line[x + SQUARE_CENTRE]
        narrow_sum = narrow_weights[0] * wide_sum
        for tap in range(1, MATCHED_REACH + 1):
            pair = line[x + SQUARE_CENTRE - tap] + line[x + SQUARE_CENTRE + tap]
            narrow_sum += narrow_weights[tap] * pair
            wide_sum += pair
        for tap in range(MATCHED_REACH + 1, SQUARE_REACH + 1):
            wide_sum += line[x + SQUARE_CENTRE - tap] + line[x + SQUARE_CENTRE + tap]
        narrow[x] = narrow_sum
        wide[x] = wide_weights[0] * wide_sum


@kernel
def average_down(
    narrow_rings: Line,
    wide_rings: Line,
    ring_start: int,
    narrow_weights: Line,
    wide_weights: Line,
    narrow_band: Line,
    wide_band: Line,
    at: int,
) -> None:
    """Average a tile's rings down the columns for two rows of the result, from ``at`` on and ``BAND`` apart.

    ``ring_start`` is where the first row that the upper one takes stands.
    """
    # Two at a time, since they share all rows but two.
    narrow_rows, wide_rows = narrow_rings[ring_start:], wide_rings[ring_start:]
    narrow, wide = narrow_band[at:], wide_band[at:]
    for x in range(TILE):
        upper = narrow_weights[0] * narrow_rows[WIDE_REACH * STRIDE + x]
        lower = narrow_weights[0] * narrow_rows[(WIDE_REACH + 1) * STRIDE + x]
        for tap in range(1, NARROW_REACH + 1):
            above, below = narrow_rows[(WIDE_REACH - tap) * STRIDE + x], narrow_rows[(WIDE_REACH + tap) * STRIDE + x]
            upper += narrow_weights[tap] * (above + below)
            above = narrow_rows[(WIDE_REACH + 1 - tap) * STRIDE + x]
            below = narrow_rows[(WIDE_REACH + 1 + tap) * STRIDE + x]
            lower += narrow_weights[tap] * (above + below)
        narrow[x] = upper
        narrow[BAND + x] = lower
        upper = wide_weights[0] * wide_rows[WIDE_REACH * STRIDE + x]
        lower = wide_weights[0] * wide_rows[(WIDE_REACH + 1) * STRIDE + x]
        for tap in range(1, WIDE_REACH + 1):
            above, below = wide_rows[(WIDE_REACH - tap) * STRIDE + x], wide_rows[(WIDE_REACH + tap) * STRIDE + x]
            upper += wide_weights[tap] * (above + below)
            above = wide_rows[(WIDE_REACH + 1 - tap) * STRIDE + x]
            below = wide_rows[(WIDE_REACH + 1 + tap) * STRIDE + x]
            lower += wide_weights[tap] * (above + below)
        wide[x] = upper
        wide[BAND + x] = lower


@kernel
def average_square_down(
    narrow_rings: Line,
    wide_rings: Line,
    ring_start: int,
    narrow_weights: Line,
    wide_weights: Line,
    narrow_band: Line,
    wide_band: Line,
    at: int,
) -> None:
    """Do the same with the weights of a Gaussian and the constant weight of a square."""
    narrow_rows, wide_rows = narrow_rings[ring_start:], wide_rings[ring_start:]
    narrow, wide = narrow_band[at:], wide_band[at:]
    for x in range(TILE):
        upper = narrow_weights[0] * narrow_rows[SQUARE_CENTRE * STRIDE + x]
        lower = narrow_weights[0] * narrow_rows[(SQUARE_CENTRE + 1) * STRIDE + x]
        for tap in range(1, MATCHED_REACH + 1):
            above = narrow_rows[(SQUARE_CENTRE - tap) * STRIDE + x]
            below = narrow_rows[(SQUARE_CENTRE + tap) * STRIDE + x]
            upper += narrow_weights[tap] * (above + below)
            above = narrow_rows[(SQUARE_CENTRE + 1 - tap) * STRIDE + x]
            below = narrow_rows[(SQUARE_CENTRE + 1 + tap) * STRIDE + x]
            lower += narrow_weights[tap] * (above + below)
        narrow[x] = upper
        narrow[BAND + x] = lower
        both = wide_rows[(SQUARE_CENTRE - SQUARE_REACH + 1) * STRIDE + x]
        for tap in range(2, 2 * SQUARE_REACH + 1):
            both += wide_rows[(SQUARE_CENTRE - SQUARE_REACH + tap) * STRIDE + x]
        wide[x] = wide_weights[0] * (both + wide_rows[(SQUARE_CENTRE - SQUARE_REACH) * STRIDE + x])
        wide[BAND + x] = wide_weights[0] * (both + wide_rows[(SQUARE_CENTRE + SQUARE_REACH + 1) * STRIDE + x])


@kernel
def _pair(line: Line, at: int, offset: int, n: int) -> tuple[Line, Line]:
    """Return ``n`` elements from ``at - offset`` on and from ``at + offset`` on."""
    return line[at - offset : at - offset + n], line[at + offset : at + offset + n]


@kernel
def average_any(line: Line, reach: int, stride: int, weights: Line, out: Line) -> None:
    """Average around the elements from ``reach * stride`` on, with neighbours ``stride`` apart."""
    n, at = out.size, reach * stride
    centre = line[at : at + n]
    for k in range(n):
        out[k] = weights[0] * centre[k]
    # Four taps a pass: few enough arrays for the compiler to prove them apart and use vectors.
    for first in range(1, weights.size, 4):
        a, b = _pair(line, at, first * stride, n)
        c, d = _pair(line, at, (first + 1) * stride, n)
        e, f = _pair(line, at, (first + 2) * stride, n)
        g, h = _pair(line, at, (first + 3) * stride, n)
        w0, w1, w2, w3 = weights[first], weights[first + 1], weights[first + 2], weights[first + 3]
        for k in range(n):
            out[k] += w0 * (a[k] + b[k]) + w1 * (c[k] + d[k]) + w2 * (e[k] + f[k]) + w3 * (g[k] + h[k])
