"""Position of a movie's region on the chip, from hot pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera.map_checks import (
    CLEAR_SIGMAS,
    FEWEST_STEPS,
    MOST_HOT_PIXELS,
    MOST_HOT_SHARE,
    Image,
    MovieSample,
)


def find_region(chip_variance: Image, sample: MovieSample) -> tuple[int, int] | None:
    """Find a movie's region on the chip by its hot pixels.

    Parameters
    ----------
    chip_variance
        Variance map of the chip, ``(y, x)``, in any unit.
    sample
        Statistics of the movie, no larger than the chip.

    Returns
    -------
    tuple or None
        First row and column of the region, from 0, for which most pixels are hot in both; None if the chip is too small
        or no position is significant.
    """
    from scipy.signal import fftconvolve  # noqa: PLC0415 - takes longer to load than a server to start

    shape = sample.variance_adu2.shape
    if shape[0] > chip_variance.shape[0] or shape[1] > chip_variance.shape[1] or sample.n_steps < FEWEST_STEPS:
        return None
    in_map = _hottest_pixels(chip_variance, 3 * MOST_HOT_SHARE)
    in_movie = _hottest_pixels(sample.variance_adu2, 3 * MOST_HOT_SHARE)
    common = fftconvolve(in_map, in_movie[::-1, ::-1], mode="valid")
    position = np.unravel_index(int(common.argmax()), common.shape)
    expected = in_movie.sum() * in_map.mean()
    if common[position] < expected + CLEAR_SIGMAS * np.sqrt(expected + 1):
        return None
    return int(position[0]), int(position[1])


def _hottest_pixels(variance: Image, share: float) -> NDArray[np.float32]:
    n_most = max(MOST_HOT_PIXELS, int(share * variance.size))
    return np.asarray(variance >= np.partition(variance, -n_most, axis=None)[-n_most], dtype=np.float32)
