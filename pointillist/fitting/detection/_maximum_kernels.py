"""Kernels that find the local maxima of a filtered frame among its marked pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]
Mask = NDArray[np.uint8]


@kernel
def _is_maximum(filtered: Image, y: int, x: int, reach: int) -> bool:
    """Whether an inner pixel exceeds all others within ``reach`` px along x and y.

    Of equal pixels, the first is the maximum.
    """
    height, width = filtered.shape
    value = filtered[y, x]
    # Most pixels have a direct neighbour that exceeds them.
    if filtered[y, x - 1] >= value or filtered[y, x + 1] > value:
        return False
    if filtered[y - 1, x] >= value or filtered[y + 1, x] > value:
        return False
    for v in range(max(y - reach, 0), min(y + reach + 1, height)):
        for u in range(max(x - reach, 0), min(x + reach + 1, width)):
            other = filtered[v, u]
            if other > value or (other == value and (v < y or (v == y and u < x))):
                return False
    return True


@kernel
def _vertex(before: float, value: float, after: float) -> float:
    """Return the position of the vertex of the parabola through three values, between -0.5 and 0.5."""
    curvature = before - 2 * value + after
    return 0.5 * (before - after) / curvature if curvature < 0 else 0.0


@kernel
def _is_skewed_noise(
    value: np.float32, level: np.float32, base: np.float32, slope: np.float32, skew: np.float32
) -> bool:
    """Whether a value above the threshold ``sqrt(base + slope * level)`` is below that of skewed noise."""
    limit = base + slope * level
    return bool(value <= np.sqrt(limit) + skew * slope * level / limit)


@kernel
def find_maxima(
    mask: Mask,
    is_marked: Mask,
    n_marked: int,
    filtered: Image,
    reach: int,
    noise: tuple[Image, Image, Image, np.float32],
) -> NDArray[np.float32]:
    """Find the local maxima among the pixels of a mask, which is cleared.

    Parameters
    ----------
    mask
        Mask ``(y, x)``, uint8, cleared; a multiple of eight columns wide, 0 in the outermost rows and columns of the
        image.
    is_marked
        Flags of the rows with a marked pixel, ``(y,)``, uint8.
    n_marked
        Number of marked pixels.
    filtered
        Filtered image ``(y, x)``, float32.
    reach
        Largest distance along x and y of the pixels that a maximum exceeds, px, >= 1.
    noise
        Levels, base and slope of :func:`pointillist.fitting.detection._band_pass_kernels.band_pass`, and the increase
        of the threshold if all noise is shot noise, photoelectrons. Empty levels mean no increase.

    Returns
    -------
    NDArray
        Maxima ``(maximum, 3)``, float32: x and y of the vertex of the parabolas through the neighbours, px; the
        filtered value.
    """
    levels, base, slope, skew = noise
    words = mask.view(np.uint64)
    found = np.empty((n_marked, 3), np.float32)
    count = 0
    for y in range(mask.shape[0]):
        if not is_marked[y]:
            continue
        for word in range(words.shape[1]):
            if not words[y, word]:
                continue
            for x in range(8 * word, 8 * word + 8):
                if not mask[y, x] or not _is_maximum(filtered, y, x, reach):
                    continue
                v, u = y * (base.shape[0] > 1), y * (slope.shape[0] > 1)
                if not levels.size or not _is_skewed_noise(filtered[y, x], levels[y, x], base[v, x], slope[u, x], skew):
                    found[count, 0] = x + _vertex(filtered[y, x - 1], filtered[y, x], filtered[y, x + 1])
                    found[count, 1] = y + _vertex(filtered[y - 1, x], filtered[y, x], filtered[y + 1, x])
                    found[count, 2] = filtered[y, x]
                    count += 1
            words[y, word] = 0
    return found[:count]
