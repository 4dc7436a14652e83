"""Kernels of PYME's detection: counts in, the difference of two Gaussian averages and the pixels above threshold out.

One pass over the frame does it all, tile by tile of ``TILE`` columns. Each row of counts becomes background-subtracted
photoelectrons, then a narrow and a wide average along the row; these wait in two rings of rows, which stay in the
first-level cache, until all rows are there that an average down the columns takes.

Images that are the same in all rows may have one row only: it is read again and again, from the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Line = NDArray[np.float32]
Image = NDArray[np.float32]
Mask = NDArray[np.uint8]
Scratch = tuple[Line, Line, Line, Line, Line]

TILE = 256
"""Columns that are filtered at a time."""
STRIDE = TILE + 16
"""Places from one row of a ring to the next; no power of two, lest all rows compete for the same lines of the cache."""
BLOCK = 64
"""Rows that a ring takes on before it is wound back."""
NARROW_REACH, WIDE_REACH = 4, 12
"""Of PYME's default Gaussians of 1 and 3 px, px; other widths take loops of any length."""


@kernel
def _mirrored(position: int, length: int) -> int:
    """Mirror a position at the edges of ``[0, length)``, edge pixels repeated."""
    while not 0 <= position < length:
        position = -1 - position if position < 0 else 2 * length - 1 - position
    return position


@kernel
def _fill_line(raw: NDArray[Any], background: Image, gain: Image, y: int, x0: int, reach: int, line: Line) -> None:
    """Write the photoelectrons of row ``y`` about the tile that begins at column ``x0``, mirrored at the edges."""
    width = raw.shape[1]
    start, stop = max(x0 - reach, 0), min(x0 + TILE + reach, width)
    left, right = start - x0 + reach, stop - x0 + reach
    counts, inside = raw[y, start:stop], line[left:right]
    dark, scale = background[min(y, background.shape[0] - 1), start:stop], gain[min(y, gain.shape[0] - 1), start:stop]
    for x in range(inside.size):
        inside[x] = max((np.float32(counts[x]) - dark[x]) * scale[x], np.float32(0))
    if width >= reach:
        for k in range(left):
            line[k] = line[2 * left - 1 - k]
        for k in range(min(line.size - right, reach)):
            line[right + k] = line[right - 1 - k]
    else:
        for x in range(-reach, width + reach):
            line[x + reach] = line[_mirrored(x, width) + reach]


@kernel
def _average_along(line: Line, near: Line, far: Line, narrow_ring: Line, wide_ring: Line, row: int) -> None:
    """Average a line with both weights; write a row of each ring."""
    narrow, wide = narrow_ring[row * STRIDE : row * STRIDE + TILE], wide_ring[row * STRIDE : row * STRIDE + TILE]
    for x in range(TILE):
        centre = line[x + WIDE_REACH]
        narrow_sum, wide_sum = near[0] * centre, far[0] * centre
        for tap in range(1, NARROW_REACH + 1):
            pair = line[x + WIDE_REACH - tap] + line[x + WIDE_REACH + tap]
            narrow_sum += near[tap] * pair
            wide_sum += far[tap] * pair
        for tap in range(NARROW_REACH + 1, WIDE_REACH + 1):
            wide_sum += far[tap] * (line[x + WIDE_REACH - tap] + line[x + WIDE_REACH + tap])
        narrow[x] = narrow_sum
        wide[x] = wide_sum


@kernel
def _average_down(
    narrow_ring: Line, wide_ring: Line, row: int, near: Line, far: Line, narrow: Line, wide: Line
) -> None:
    """Average each ring down the columns for two rows of the result; ``row`` is the first that the upper one takes."""
    # Two at a time, since they share all rows but two.
    narrow_rows, wide_rows = narrow_ring[row * STRIDE :], wide_ring[row * STRIDE :]
    for x in range(TILE):
        upper = near[0] * narrow_rows[WIDE_REACH * STRIDE + x]
        lower = near[0] * narrow_rows[(WIDE_REACH + 1) * STRIDE + x]
        for tap in range(1, NARROW_REACH + 1):
            above, below = narrow_rows[(WIDE_REACH - tap) * STRIDE + x], narrow_rows[(WIDE_REACH + tap) * STRIDE + x]
            upper += near[tap] * (above + below)
            above = narrow_rows[(WIDE_REACH + 1 - tap) * STRIDE + x]
            below = narrow_rows[(WIDE_REACH + 1 + tap) * STRIDE + x]
            lower += near[tap] * (above + below)
        narrow[x] = upper
        narrow[TILE + x] = lower
        upper = far[0] * wide_rows[WIDE_REACH * STRIDE + x]
        lower = far[0] * wide_rows[(WIDE_REACH + 1) * STRIDE + x]
        for tap in range(1, WIDE_REACH + 1):
            above, below = wide_rows[(WIDE_REACH - tap) * STRIDE + x], wide_rows[(WIDE_REACH + tap) * STRIDE + x]
            upper += far[tap] * (above + below)
            above = wide_rows[(WIDE_REACH + 1 - tap) * STRIDE + x]
            below = wide_rows[(WIDE_REACH + 1 + tap) * STRIDE + x]
            lower += far[tap] * (above + below)
        wide[x] = upper
        wide[TILE + x] = lower


@kernel
def _pair(line: Line, at: int, offset: int, n: int) -> tuple[Line, Line]:
    """Return the ``n`` places before and after ``at``, ``offset`` away."""
    return line[at - offset : at - offset + n], line[at + offset : at + offset + n]


@kernel
def _average_any(line: Line, reach: int, stride: int, weights: Line, out: Line) -> None:
    """Average about the places from ``reach * stride`` on, neighbours being ``stride`` apart."""
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


@kernel
def _subtract(narrow: Line, wide: Line, y: int, x0: int, filtered: Image) -> None:
    """Write what the narrow average exceeds the wide one to a row of the tile."""
    values = filtered[y, x0 : x0 + TILE]
    for x in range(values.size):
        values[x] = max(narrow[x] - wide[x], np.float32(0))


@kernel
def _subtract_weighted(
    narrow: Line, wide: Line, narrow_norm: Image, wide_norm: Image, y: int, x0: int, filtered: Image
) -> None:
    """Likewise, each average multiplied by its norm."""
    here = slice(x0, x0 + TILE)
    values, near, far = filtered[y, here], narrow_norm[y, here], wide_norm[y, here]
    for x in range(values.size):
        values[x] = max(narrow[x] * near[x] - wide[x] * far[x], np.float32(0))


@kernel
def _count_above(
    filtered: Image, raw: NDArray[Any], dark: Image, base: Image, slope: Image, y: int, x0: int, mask: Mask
) -> int:
    """Mark values in a row of the tile whose square exceeds ``base + slope * max(counts - dark, 1)``; count them."""
    here = slice(x0, x0 + TILE)
    values, counts = filtered[y, here], raw[y, here]
    darks, bases = dark[min(y, dark.shape[0] - 1), here], base[min(y, base.shape[0] - 1), here]
    slopes = slope[min(y, slope.shape[0] - 1), here]
    is_any = np.int32(0)
    for x in range(values.size):
        limit = bases[x] + slopes[x] * max(np.float32(counts[x]) - darks[x], np.float32(1))
        if values[x] * values[x] > limit:
            is_any = np.int32(1)
    count = 0
    if is_any:  # few rows have any
        for x in range(values.size):
            limit = bases[x] + slopes[x] * max(np.float32(counts[x]) - darks[x], np.float32(1))
            is_above = values[x] * values[x] > limit
            mask[y, x0 + x] = is_above
            count += is_above
    return count


@kernel
def _wind_back(ring: Line, n_kept: int) -> None:
    """Move the rows after the first ``BLOCK`` to the front."""
    kept = ring[BLOCK * STRIDE :]
    for k in range(n_kept * STRIDE):
        ring[k] = kept[k]


@kernel
def band_pass(
    raw: NDArray[Any],
    correction: tuple[Image, Image],
    weights: tuple[Line, Line],
    norms: tuple[Image, Image],
    limits: tuple[Image, Image, Image],
    border: int,
    scratch: Scratch,
    found: tuple[Image, Mask, Mask],
) -> int:
    """Subtract a wide Gaussian average from a narrow one, clip below at 0, and mark what exceeds the threshold.

    Parameters
    ----------
    raw
        Counts, ``(y, x)``.
    correction
        Background, ADU, and gain: what is averaged is ``max((raw - background) * gain, 0)``, mirrored at the edges.
    weights
        Of the narrow and of the wide average, from the centre outwards: one and a multiple of four.
    norms
        Factors of the narrow and of the wide average, ``(y, x)``; of no size, there are none.
    limits
        ``dark, base, slope``: the square of the threshold is ``base + slope * max(raw - dark, 1)``.
    border
        Rows and columns at each edge in which nothing is found, and the filtered image is 0.
    scratch
        Aligned with the cache: a line of ``TILE`` and twice the reach; two rings of ``BLOCK`` and twice the reach and
        two rows, ``STRIDE`` apart; two lines of twice ``TILE``.
    found
        Written: the filtered image, ``(y, x)``; the mask, likewise, all 0 before; ``(y,)``, 1 where a row of the mask
        is not 0.

    Returns
    -------
    int
        Marked pixels.
    """
    background, gain = correction
    dark, base, slope = limits
    near, far = weights
    narrow_norm, wide_norm = norms
    line, narrow_ring, wide_ring, narrow, wide = scratch
    filtered, mask, is_marked = found
    height, width = raw.shape
    reach = max(near.size, far.size) - 1
    is_default = near.size == NARROW_REACH + 1 and far.size == WIDE_REACH + 1
    is_marked[:] = 0
    total = 0
    for x0 in range(0, width, TILE):
        for y in range(border, height - border, 2):
            at = (y - border) % BLOCK
            if at == 0 and y > border:
                _wind_back(narrow_ring, 2 * reach)
                _wind_back(wide_ring, 2 * reach)
            for row in range(0 if y == border else at + 2 * reach, at + 2 * reach + 2):
                _fill_line(raw, background, gain, _mirrored(y - reach + row - at, height), x0, reach, line)
                if is_default:
                    _average_along(line, near, far, narrow_ring, wide_ring, row)
                else:
                    _average_any(line, reach, 1, near, narrow_ring[row * STRIDE : row * STRIDE + TILE])
                    _average_any(line, reach, 1, far, wide_ring[row * STRIDE : row * STRIDE + TILE])
            if is_default:
                _average_down(narrow_ring, wide_ring, at, near, far, narrow, wide)
            else:
                for k in range(2):
                    here = slice(k * TILE, (k + 1) * TILE)
                    _average_any(narrow_ring[(at + k) * STRIDE :], reach, STRIDE, near, narrow[here])
                    _average_any(wide_ring[(at + k) * STRIDE :], reach, STRIDE, far, wide[here])
            for v in range(y, min(y + 2, height - border)):
                at = (v - y) * TILE
                if narrow_norm.size:
                    _subtract_weighted(narrow[at:], wide[at:], narrow_norm, wide_norm, v, x0, filtered)
                else:
                    _subtract(narrow[at:], wide[at:], v, x0, filtered)
                for x in range(x0, border):
                    filtered[v, x] = 0
                for x in range(max(width - border, x0), min(width, x0 + TILE)):
                    filtered[v, x] = 0
                count = _count_above(filtered, raw, dark, base, slope, v, x0, mask)
                if count:
                    is_marked[v] = 1
                    total += count
    return total
