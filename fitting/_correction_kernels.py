"""Kernel of the camera correction: counts in; photoelectrons, background and variance out, where they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Image = NDArray[np.float32]


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
    """Correct the squares about some points, see :class:`fitting.camera.CameraMaps`.

    Parameters
    ----------
    points
        x and y first, px.
    reach
        Half size of the squares, px.
    raw, background_adu
        Counts, ``(y, x)``.
    maps
        Offset, gain and read variance.
    noise
        Factor on the square of the gain that makes shot variance per count; counts whose variance is always there.
    images
        ``(y, x)``, written: photoelectrons, background, variance.
    """
    offset, gain, read_variance = maps
    per_gain, constant = noise
    photoelectrons, background, variance = images
    height, width = raw.shape
    for index in range(points.shape[0]):
        column, row = int(np.rint(points[index, 0])), int(np.rint(points[index, 1]))
        here = slice(max(column - reach, 0), min(column + reach + 1, width))
        for y in range(max(row - reach, 0), min(row + reach + 1, height)):
            counts, dark, slope, read = raw[y, here], offset[y, here], gain[y, here], read_variance[y, here]
            dim, out = background_adu[y, here], photoelectrons[y, here]
            # One short loop per image: each has few enough arrays for the compiler to prove them apart and use vectors.
            for x in range(out.size):
                out[x] = (np.float32(counts[x]) - dark[x]) * slope[x]
            out = background[y, here]
            for x in range(out.size):
                out[x] = (dim[x] - dark[x]) * slope[x]
            out = variance[y, here]
            for x in range(out.size):
                lit = max(np.float32(counts[x]) - dark[x], np.float32(1)) + constant
                out[x] = read[x] + per_gain * slope[x] * slope[x] * lit
