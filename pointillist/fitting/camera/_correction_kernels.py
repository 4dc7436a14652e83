"""Kernel of the camera correction: from counts to photoelectrons, background and variance, where they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]

LANES = 16
"""Number of pixels in a vector."""


@kernel
def correct_regions(
    points: NDArray[np.float32],
    reach: int,
    raw: NDArray[Any],
    background_adu: Image,
    maps: tuple[Image, Image, Image],
    noise: tuple[np.float32, np.float32],
    images: tuple[Image, Image, Image],
) -> None:
    """Correct the squares around some points, extended to whole vectors of columns.

    See :class:`pointillist.fitting.camera.CameraMaps`.

    Parameters
    ----------
    points
        Centres of the squares, ``(candidate, 2 or more)``, float32: x and y first, px.
    reach
        Half size of the squares, px, >= 0.
    raw, background_adu
        Frame and background, ``(y, x)``, ADU; a background that is the same in all rows may have one row, as may a map.
    maps
        Offset in ADU, gain in e-/ADU and read variance in e-², ``(y, x)`` or ``(1, x)``.
    noise
        Factor from the square of the gain to the shot variance per count, and the number of counts whose shot variance
        is added to that of every pixel.
    images
        Images ``(y, x)``, float32, written: photoelectrons, background, variance; the last two are empty if they are
        not needed.
    """
    offset, gain, read_variance = maps
    per_gain, constant = noise
    photoelectrons, background, variance = images
    height, width = raw.shape
    # Whole vectors: extra pixels cost less than the last pixels of a row, done one by one.
    n_columns = min(-(-(2 * reach + 1) // LANES) * LANES, width)
    for index in range(points.shape[0]):
        column, row = int(np.rint(points[index, 0])), int(np.rint(points[index, 1]))
        # Unsigned, since for signed indices, which may count from the end, the compiler gathers pixels one by one.
        start = min(max(column - reach, 0), width - n_columns)
        left, right = np.uint64(start), np.uint64(start + n_columns)
        top, bottom = np.uint64(max(row - reach, 0)), np.uint64(min(row + reach + 1, height))
        for y in range(top, bottom):
            v, u = y * (offset.shape[0] > 1), y * (background_adu.shape[0] > 1)
            g, r = y * (gain.shape[0] > 1), y * (read_variance.shape[0] > 1)
            for x in range(left, right):
                photoelectrons[y, x] = (np.float32(raw[y, x]) - offset[v, x]) * gain[g, x]
            if background.size:
                for x in range(left, right):
                    background[y, x] = (background_adu[u, x] - offset[v, x]) * gain[g, x]
            if variance.size:
                for x in range(left, right):
                    lit = max(np.float32(raw[y, x]) - offset[v, x], np.float32(1))
                    variance[y, x] = read_variance[r, x] + per_gain * gain[g, x] * gain[g, x] * (lit + constant)
