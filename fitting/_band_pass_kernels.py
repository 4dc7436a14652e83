"""Kernels that detectors share: counts in, the difference of two averages and the pixels above threshold out.

One pass over the frame does it all, tile by tile of ``TILE`` columns. Each row of counts becomes background-subtracted
photoelectrons, then a narrow and a wide average along the row; these wait in two rings of rows, which stay in the
first-level cache, until all rows are there that an average down the columns takes.

Images that are the same in all rows may have one row only: it is read again and again, from the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting._average_kernels import (
    STRIDE,
    TILE,
    average_along,
    average_any,
    average_down,
    average_square_along,
    average_square_down,
)
from fitting.jit import kernel

Line = NDArray[np.float32]
Image = NDArray[np.float32]
Mask = NDArray[np.uint8]
Scratch = tuple[Line, Line, Line, Line, Line]

BLOCK = 64
"""Rows that a ring takes on before it is wound back."""
ANY, GAUSSIANS, GAUSSIAN_AND_SQUARE = 0, 1, 2
"""Kinds of averages: all others, those of :data:`NARROW_REACH` and of :data:`MATCHED_REACH`."""


@kernel
def _mirrored(position: int, length: int) -> int:
    """Mirror a position at the edges of ``[0, length)``, edge pixels repeated."""
    while not 0 <= position < length:
        position = -1 - position if position < 0 else 2 * length - 1 - position
    return position


@kernel
def _fill_line(
    raw: NDArray[Any], background: Image, gain: Image, floor: np.float32, y: int, x0: int, reach: int, line: Line
) -> None:
    """Write the photoelectrons of row ``y`` about the tile that begins at column ``x0``, mirrored at the edges."""
    width = raw.shape[1]
    start, stop = max(x0 - reach, 0), min(x0 + TILE + reach, width)
    left, right = start - x0 + reach, stop - x0 + reach
    counts, inside = raw[y, start:stop], line[left:right]
    dark, scale = background[min(y, background.shape[0] - 1), start:stop], gain[min(y, gain.shape[0] - 1), start:stop]
    for x in range(inside.size):
        inside[x] = max((np.float32(counts[x]) - dark[x]) * scale[x], floor)
    if width >= reach:
        for k in range(left):
            line[k] = line[2 * left - 1 - k]
        for k in range(min(line.size - right, reach)):
            line[right + k] = line[right - 1 - k]
    else:
        for x in range(-reach, width + reach):
            line[x + reach] = line[_mirrored(x, width) + reach]


@kernel
def _subtract(narrow: Line, wide: Line, floor: np.float32, y: int, x0: int, filtered: Image) -> None:
    """Write what the narrow average exceeds the wide one to a row of the tile."""
    values = filtered[y, x0 : x0 + TILE]
    for x in range(values.size):
        values[x] = max(narrow[x] - wide[x], floor)


@kernel
def _normalise(average: Line, norm: Image, y: int, x0: int) -> None:
    factors = norm[y, x0 : x0 + TILE]
    for x in range(factors.size):
        average[x] *= factors[x]


@kernel
def _count_levels(raw: NDArray[Any], dark: Image, y: int, x0: int, out: Line) -> None:
    """Write the counts, less the dark ones, of a row of the tile, no less than 1."""
    counts, darks = raw[y, x0 : x0 + TILE], dark[min(y, dark.shape[0] - 1), x0 : x0 + TILE]
    for x in range(counts.size):
        out[x] = max(np.float32(counts[x]) - darks[x], np.float32(1))


@kernel
def _wide_levels(wide: Line, background: Image, dark: Image, gain: Image, y: int, x0: int, levels: Image) -> None:
    """Write the wide average and what was subtracted as background, photoelectrons, no less than 0."""
    out = levels[y, x0 : x0 + TILE]
    dim, darks = background[min(y, background.shape[0] - 1), x0:], dark[min(y, dark.shape[0] - 1), x0:]
    slopes = gain[min(y, gain.shape[0] - 1), x0:]
    for x in range(out.size):
        out[x] = max(wide[x] + (dim[x] - darks[x]) * slopes[x], np.float32(0))


@kernel
def _mark(filtered: Image, level: Line, base: Image, slope: Image, y: int, x0: int, mask: Mask) -> int:
    """Mark the positive values in a row of the tile whose square exceeds ``base + slope * level``; count them."""
    values = filtered[y, x0 : x0 + TILE]
    bases, slopes = base[min(y, base.shape[0] - 1), x0:], slope[min(y, slope.shape[0] - 1), x0:]
    is_any = np.int32(0)
    for x in range(values.size):
        if values[x] * max(values[x], np.float32(0)) > bases[x] + slopes[x] * level[x]:
            is_any = np.int32(1)
    count = 0
    if is_any:  # few rows have any
        for x in range(values.size):
            is_above = values[x] * max(values[x], np.float32(0)) > bases[x] + slopes[x] * level[x]
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
    correction: tuple[Image, Image, Image, Image],
    weights: tuple[Line, Line],
    kind: int,
    norms: tuple[Image, Image],
    limits: tuple[Image, Image],
    floor: np.float32,
    border: int,
    scratch: Scratch,
    found: tuple[Image, Image, Mask, Mask],
) -> int:
    """Subtract a wide average from a narrow one, and mark what exceeds the threshold.

    Parameters
    ----------
    raw
        Counts, ``(y, x)``.
    correction
        Background and dark signal, ADU, gain, and the gain times the weights of the pixels: what is averaged is
        ``max((raw - background) * weighted gain, floor)``, mirrored at the edges.
    weights
        Of the narrow and of the wide average, from the centre outwards: one and a multiple of four.
    kind
        ``ANY``, ``GAUSSIANS`` or ``GAUSSIAN_AND_SQUARE``.
    norms
        Factors of the narrow and of the wide average, ``(y, x)``; of no size, there are none.
    limits
        ``base, slope``: the square of the threshold is ``base + slope * level``.
    floor
        Least value of what is averaged, and of the result.
    border
        Rows and columns at each edge in which nothing is found, and the filtered image is 0.
    scratch
        Aligned with the cache: a line of ``TILE`` and twice the reach; two rings of ``BLOCK`` and twice the reach and
        two rows, ``STRIDE`` apart; two lines of twice ``TILE``.
    found
        Written: the filtered image, ``(y, x)``; the levels, likewise: wide average and background, photoelectrons;
        the mask, likewise, all 0 before; ``(y,)``, 1 where a row of the mask is not 0. If the levels are of no size,
        the level is that of the pixel alone: ``max(raw - dark, 1)``.

    Returns
    -------
    int
        Marked pixels.
    """
    background, dark, gain, weighted_gain = correction
    base, slope = limits
    near, far = weights
    line, narrow_ring, wide_ring, narrow, wide = scratch
    filtered, levels, mask, is_marked = found
    height, width = raw.shape
    reach = max(near.size, far.size) - 1
    is_marked[:] = 0
    total = 0
    for x0 in range(0, width, TILE):
        for y in range(border, height - border, 2):
            at = (y - border) % BLOCK
            if at == 0 and y > border:
                _wind_back(narrow_ring, 2 * reach)
                _wind_back(wide_ring, 2 * reach)
            for row in range(0 if y == border else at + 2 * reach, at + 2 * reach + 2):
                source = _mirrored(y - reach + row - at, height)
                _fill_line(raw, background, weighted_gain, floor, source, x0, reach, line)
                if kind == GAUSSIANS:
                    average_along(line, near, far, narrow_ring, wide_ring, row)
                elif kind == GAUSSIAN_AND_SQUARE:
                    average_square_along(line, near, far, narrow_ring, wide_ring, row)
                else:
                    average_any(line, reach, 1, near, narrow_ring[row * STRIDE : row * STRIDE + TILE])
                    average_any(line, reach, 1, far, wide_ring[row * STRIDE : row * STRIDE + TILE])
            if kind == GAUSSIANS:
                average_down(narrow_ring, wide_ring, at, near, far, narrow, wide)
            elif kind == GAUSSIAN_AND_SQUARE:
                average_square_down(narrow_ring, wide_ring, at, near, far, narrow, wide)
            else:
                for k in range(2):
                    here = slice(k * TILE, (k + 1) * TILE)
                    average_any(narrow_ring[(at + k) * STRIDE :], reach, STRIDE, near, narrow[here])
                    average_any(wide_ring[(at + k) * STRIDE :], reach, STRIDE, far, wide[here])
            for v in range(y, min(y + 2, height - border)):
                at = (v - y) * TILE
                if norms[0].size:
                    _normalise(narrow[at:], norms[0], v, x0)
                    _normalise(wide[at:], norms[1], v, x0)
                _subtract(narrow[at:], wide[at:], floor, v, x0, filtered)
                for x in range(x0, min(border, width)):
                    filtered[v, x] = 0
                for x in range(max(width - border, x0), min(width, x0 + TILE)):
                    filtered[v, x] = 0
                if levels.size:
                    _wide_levels(wide[at:], background, dark, gain, v, x0, levels)
                    count = _mark(filtered, levels[v, x0:], base, slope, v, x0, mask)
                else:
                    _count_levels(raw, dark, v, x0, line)
                    count = _mark(filtered, line, base, slope, v, x0, mask)
                if count:
                    is_marked[v] = 1
                    total += count
    return total
