"""The quantity and unit of a camera map, from the noise and the unevenness of a movie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pointillist.fitting.camera.map_checks import (
    FEWEST_STEPS,
    Image,
    MovieSample,
    hot_pixels,
    unit_ratio as ratio_of_hot_pixels,
)

MOST_NOISE_RATIO = 1.5
"""Largest median of a variance map over the variance of the movie, which allows for the error of both."""

_LEAST_DISTANCE = 1.1
_MOST_DISTANCE = 0.5


def interpretation_by_hot_pixels(
    variance_e2: Image, others: Mapping[str, Image], sample: MovieSample, electrons_per_adu: float
) -> tuple[str, float] | None:
    """Return the interpretation of a variance map that agrees with the hot pixels in the movie.

    Parameters
    ----------
    variance_e2
        Variance map in use, ``(y, x)``, e-².
    others
        Variance maps that other interpretations of the file give, ``(y, x)``, e-², by name.
    sample
        Statistics of the movie.
    electrons_per_adu
        Electrons per count of the camera, e-/ADU, > 0.

    Returns
    -------
    tuple or None
        Name of the interpretation, and the factor by which the movie's hot pixels are noisier than the map in use; None
        if that map fits, if no interpretation does, or if the movie cannot decide.
    """
    best: tuple[float, str, float] | None = None
    for name, reading in others.items():
        is_hot = hot_pixels(reading)
        found = ratio_of_hot_pixels(reading, sample, electrons_per_adu)
        if not found > 0:  # NaN too
            continue
        excess = found * float(np.median(reading[is_hot]) / np.median(variance_e2[is_hot]))
        distance = abs(np.log(found))
        if distance < _MOST_DISTANCE and abs(np.log(excess)) > max(_LEAST_DISTANCE, 2 * distance):
            best = min(best, (distance, name, excess)) if best else (distance, name, excess)
    return best[1:] if best else None


def most_read_variance(sample: MovieSample) -> float:
    """Return the variance of a typical pixel between frames, ADU²; infinite for too few or identical frames.

    Parameters
    ----------
    sample
        Statistics of the movie.

    Notes
    -----
    The median of a variance of n degrees of freedom is ``(1 - 2 / (9 n))³`` of its mean (Wilson and Hilferty, 1931).
    """
    n = sample.n_steps
    typical = sample.typical_variance_adu2
    return typical / (1 - 2 / (9 * n)) ** 3 if n >= FEWEST_STEPS and typical > 0 else float("inf")
