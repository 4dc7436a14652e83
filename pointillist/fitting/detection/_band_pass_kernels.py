"""Kernels that detectors share: from counts to the difference of two averages and the pixels above the threshold.

One pass goes down a band of ``BAND`` columns, row by row, and along a row in tiles of ``TILE`` columns. Counts become
background-subtracted photoelectrons, which are averaged along the row with narrow and wide weights. Two ring buffers of
rows for each tile, which stay in the cache, keep these averages until the average down the columns has all its rows.

Images that are the same in all rows may have one row only, which stays in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.detection._average_kernels import (
    BAND,
    STRIDE,
    TILE,
    average_along,
    average_any,
    average_down,
    average_square_along,
    average_square_down,
)
from pointillist.fitting.jit import kernel

Line = NDArray[np.float32]
Image = NDArray[np.float32]
Mask = NDArray[np.uint8]
Span = tuple[int, int]
Scratch = tuple[Line, Image, Image, Line, Line]

BLOCK = 64
"""Rows that a ring buffer takes before it is rewound."""
ANY, GAUSSIANS, GAUSSIAN_AND_SQUARE = 0, 1, 2
"""Kinds of averages: any, those of :data:`NARROW_REACH`, and those of :data:`MATCHED_REACH`."""


@kernel
def _mirrored(position: int, length: int) -> int:
    """Mirror a position at the edges of ``[0, length)``, edge pixels repeated."""
    while not 0 <= position < length:
        position = -1 - position if position < 0 else 2 * length - 1 - position
    return position


@kernel
def _fill_line(
    raw: NDArray[Any],
    background: Image,
    gain: Image,
    floor: np.float32,
    y: int,
    x0: int,
    n: int,
    reach: int,
    line: Line,
) -> None:
    """Write the photoelectrons of row ``y`` about ``n`` columns from ``x0`` on, mirrored at the edges."""
    width = raw.shape[1]
    start, stop = max(x0 - reach, 0), min(x0 + n + reach, width)
    left, right = start - x0 + reach, stop - x0 + reach
    counts, inside = raw[y, start:stop], line[left:right]
    dark, scale = background[min(y, background.shape[0] - 1), start:stop], gain[min(y, gain.shape[0] - 1), start:stop]
    for x in range(inside.size):
        inside[x] = max((np.float32(counts[x]) - dark[x]) * scale[x], floor)
    if width >= reach:
        for k in range(left):
            line[k] = line[2 * left - 1 - k]
        for k in range(min(n + 2 * reach - right, reach)):
            line[right + k] = line[right - 1 - k]
    else:
        for x in range(-reach, width + reach):
            line[x + reach] = line[_mirrored(x, width) + reach]


@kernel
def _normalise(average: Line, at: int, norm: Image, y: int, x0: int) -> None:
    """Multiply a row of the band, which begins at ``at``, by its factors."""
    factors = norm[y, x0 : x0 + BAND]
    values = average[at : at + factors.size]
    for x in range(factors.size):
        values[x] *= factors[x]


@kernel
def _part(image: Image, y: int, columns: Span) -> Line:
    """Return columns of a row of an image, or of its only row."""
    return image[min(y, image.shape[0] - 1), columns[0] : columns[1]]


@kernel
def _mark_by_counts(
    averages: tuple[Line, Line],
    at: int,
    floor: np.float32,
    raw: NDArray[Any],
    dark: Image,
    limits: tuple[Image, Image],
    y: int,
    columns: Span,
    filtered: Image,
    mask: Mask,
) -> int:
    """Write the difference of the averages, from ``at`` on; mark and count pixels above the noise of their counts."""
    start, stop = columns
    n = stop - start
    narrow, wide = averages[0][at : at + n], averages[1][at : at + n]
    counts, darks = raw[y, start:stop], _part(dark, y, columns)
    bases, slopes = _part(limits[0], y, columns), _part(limits[1], y, columns)
    values, mask_row = filtered[y, start:stop], mask[y, start:stop]
    count = np.int32(0)
    for x in range(n):
        value = max(narrow[x] - wide[x], floor)
        level = max(np.float32(counts[x]) - darks[x], np.float32(1))
        is_above = np.uint8(value * max(value, np.float32(0)) > bases[x] + slopes[x] * level)
        values[x] = value
        mask_row[x] = is_above
        count += np.int32(is_above)
    return int(count)


@kernel
def _mark_by_light(
    averages: tuple[Line, Line],
    at: int,
    floor: np.float32,
    correction: tuple[Image, Image, Image, Image],
    limits: tuple[Image, Image],
    y: int,
    columns: Span,
    filtered: Image,
    levels: Image,
    mask: Mask,
) -> int:
    """Do the same with the noise of the wide average plus the background, which is written to ``levels``."""
    start, stop = columns
    n = stop - start
    narrow, wide = averages[0][at : at + n], averages[1][at : at + n]
    backgrounds, darks, gains = (
        _part(correction[0], y, columns),
        _part(correction[1], y, columns),
        _part(correction[2], y, columns),
    )
    bases, slopes = _part(limits[0], y, columns), _part(limits[1], y, columns)
    values, level_row, mask_row = filtered[y, start:stop], levels[y, start:stop], mask[y, start:stop]
    count = np.int32(0)
    for x in range(n):
        value = max(narrow[x] - wide[x], floor)
        level = max(wide[x] + (backgrounds[x] - darks[x]) * gains[x], np.float32(0))
        is_above = np.uint8(value * max(value, np.float32(0)) > bases[x] + slopes[x] * level)
        values[x] = value
        level_row[x] = level
        mask_row[x] = is_above
        count += np.int32(is_above)
    return int(count)


@kernel
def _rewind_ring(rings: Line, start: int, n_kept: int) -> None:
    """Move the rows after the first ``BLOCK`` to the front."""
    ring, kept = rings[start:], rings[start + BLOCK * STRIDE :]
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
    """Subtract a wide average from a narrow one, and mark the pixels above the threshold.

    Parameters
    ----------
    raw
        Frame ``(y, x)``, ADU.
    correction
        Background and dark signal in ADU, gain in e-/ADU, and the gain times the weights of the pixels, ``(y, x)`` or
        ``(1, x)``: the averages are those of ``max((raw - background) * weighted gain, floor)``, mirrored at the edges.
    weights
        Weights of the narrow and of the wide average, from the centre outwards, ``(1 + 4 n,)``.
    kind
        Kind of averages: ``ANY``, ``GAUSSIANS`` or ``GAUSSIAN_AND_SQUARE``.
    norms
        Factors of the narrow and of the wide average, ``(y, x)``; empty for none.
    limits
        Base and slope of the threshold, ``(y, x)`` or ``(1, x)``, whose square is ``base + slope * level``,
        photoelectrons squared.
    floor
        Least value of the averaged pixels and of the result, photoelectrons.
    border
        Number of rows and columns at each edge without detection, in which nothing is written.
    scratch
        Working space, aligned with cache lines: a row of a band's tiles and twice the reach; two ring buffers for each
        tile, ``(tile, element)``, of ``BLOCK`` and twice the reach and two rows, ``STRIDE`` apart; two rows of twice
        ``BAND``.
    found
        Images, written: the filtered image, ``(y, x)``; the levels, ``(y, x)``, wide average plus background,
        photoelectrons; the mask, ``(y, x)``, uint8, 0 everywhere before; flags, ``(y,)``, uint8, 1 for a row of the
        mask with a marked pixel. If the levels are empty, the level is ``max(raw - dark, 1)`` of the pixel alone.

    Returns
    -------
    int
        Number of marked pixels.
    """
    background, dark, _, weighted_gain = correction
    narrow_weights, wide_weights = weights
    line, narrow_tiles, wide_tiles, narrow, wide = scratch
    filtered, levels, mask, is_marked = found
    height, width = raw.shape
    reach = max(narrow_weights.size, wide_weights.size) - 1
    is_marked[:] = 0
    total = 0
    n_ring, narrow_rings, wide_rings = narrow_tiles.shape[1], narrow_tiles.reshape(-1), wide_tiles.reshape(-1)
    for x0 in range(0, width, BAND):
        n = min(BAND, width - x0 + TILE - 1) // TILE * TILE
        for y in range(border, height - border, 2):
            at = (y - border) % BLOCK
            if at == 0 and y > border:
                for x in range(0, n, TILE):
                    _rewind_ring(narrow_rings, x // TILE * n_ring, 2 * reach)
                    _rewind_ring(wide_rings, x // TILE * n_ring, 2 * reach)
            for row in range(0 if y == border else at + 2 * reach, at + 2 * reach + 2):
                source = _mirrored(y - reach + row - at, height)
                _fill_line(raw, background, weighted_gain, floor, source, x0, n, reach, line)
                for x in range(0, n, TILE):
                    ring_start = x // TILE * n_ring + row * STRIDE
                    if kind == GAUSSIANS:
                        average_along(line, x, narrow_weights, wide_weights, narrow_rings, wide_rings, ring_start)
                    elif kind == GAUSSIAN_AND_SQUARE:
                        average_square_along(
                            line, x, narrow_weights, wide_weights, narrow_rings, wide_rings, ring_start
                        )
                    else:
                        average_any(line[x:], reach, 1, narrow_weights, narrow_rings[ring_start : ring_start + TILE])
                        average_any(line[x:], reach, 1, wide_weights, wide_rings[ring_start : ring_start + TILE])
            for x in range(0, n, TILE):
                ring_start = x // TILE * n_ring + at * STRIDE
                if kind == GAUSSIANS:
                    average_down(narrow_rings, wide_rings, ring_start, narrow_weights, wide_weights, narrow, wide, x)
                elif kind == GAUSSIAN_AND_SQUARE:
                    average_square_down(
                        narrow_rings, wide_rings, ring_start, narrow_weights, wide_weights, narrow, wide, x
                    )
                else:
                    for k in range(2):
                        here = slice(k * BAND + x, k * BAND + x + TILE)
                        average_any(
                            narrow_rings[ring_start + k * STRIDE :], reach, STRIDE, narrow_weights, narrow[here]
                        )
                        average_any(wide_rings[ring_start + k * STRIDE :], reach, STRIDE, wide_weights, wide[here])
            columns = max(x0, border), min(x0 + n, width - border)
            for v in range(y, min(y + 2, height - border)):
                at = (v - y) * BAND
                if norms[0].size:
                    _normalise(narrow, at, norms[0], v, x0)
                    _normalise(wide, at, norms[1], v, x0)
                at += columns[0] - x0
                if levels.size:
                    count = _mark_by_light(
                        (narrow, wide), at, floor, correction, limits, v, columns, filtered, levels, mask
                    )
                else:
                    count = _mark_by_counts((narrow, wide), at, floor, raw, dark, limits, v, columns, filtered, mask)
                if count:
                    is_marked[v] = 1
                    total += count
    return total
