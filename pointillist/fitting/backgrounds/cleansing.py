"""Rejection of the background images that deviate from the others of their series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CELL_PX = 8
"""Side of the squares over which an image is averaged before it is compared."""

NEIGHBOURS = 11
"""Images with whose median each is compared, itself among them."""

_MAD_TO_SIGMA = 1.4826


def coarse(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average an image over squares of 8 px, clipped at its edges.

    Parameters
    ----------
    image
        Image ``(y, x)``, float32, of any size.
    """
    sums: NDArray[np.float64] = image.astype(np.float64)
    for axis, size in enumerate(image.shape):
        starts = np.arange(0, size, CELL_PX)
        widths = np.diff([*starts, size])
        sums = np.add.reduceat(sums, starts, axis=axis) / np.expand_dims(widths, 1 - axis)
    return sums


def deviations(series: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Measure how far each image deviates from its neighbours in time.

    Parameters
    ----------
    series
        Coarse images ``(y, x)`` in order of time, float64, counts.

    Returns
    -------
    ndarray
        Deviations, ``(image,)``, float64, counts: the largest absolute difference, over the squares, from the median of
        the eleven nearest images in time, after subtraction of the image's median difference (a change of brightness).
    """
    found = np.empty(len(series))
    size = min(NEIGHBOURS, len(series))
    for number, image in enumerate(series):
        first = min(max(number - size // 2, 0), len(series) - size)
        difference = image - np.median(np.stack(series[first : first + size]), axis=0)
        found[number] = np.abs(difference - np.median(difference)).max()
    return found


def kept(deviation: NDArray[np.float64], threshold: float, fraction: float) -> NDArray[np.bool_]:
    """Choose the images that are kept.

    Parameters
    ----------
    deviation
        Deviations from :func:`deviations`, ``(image,)``, float64, counts.
    threshold
        Largest deviation in robust standard deviations, >= 0; 0 applies the fraction alone.
    fraction
        Fraction of the images that is kept, above 0 and up to 1: exactly if the threshold is 0, otherwise at least.

    Returns
    -------
    ndarray
        Mask of the kept images, ``(image,)``, bool; at least one is True if there are images.

    Notes
    -----
    The score of an image is its deviation less the median deviation, over 1.4826 times the median absolute
    deviation from that median, which outliers do not affect.
    """
    n_least = int(np.ceil(fraction * len(deviation) - 1e-9))
    is_among_best = np.zeros(len(deviation), np.bool_)
    is_among_best[np.argsort(deviation, kind="stable")[:n_least]] = True
    if threshold == 0:
        return is_among_best
    excess = deviation - np.median(deviation)
    sigma = _MAD_TO_SIGMA * np.median(np.abs(excess))
    return np.asarray(is_among_best | (excess <= threshold * sigma))
