"""The quantity and unit of a camera map, from the noise and the unevenness of a movie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pointillist.fitting.camera.map_checks import (
    FEWEST_STEPS,
    Image,
    MovieSample,
    compare_offsets,
    fine_structure,
    hot_pixels,
    is_clear,
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


def offset_slope(offset_adu: Image, sample: MovieSample) -> float | None:
    """Return the slope of local differences of the movie against those of an offset map.

    Parameters
    ----------
    offset_adu
        Offset map of the movie's region, ``(y, x)``, ADU.
    sample
        Statistics of the movie.

    Returns
    -------
    float or None
        Slope of the movie's mean against the map: 1 if the map is in ADU; None if map and movie are uncorrelated.
    """
    if not is_clear(compare_offsets(offset_adu, sample)):
        return None
    map_structure, movie_structure = fine_structure(offset_adu), fine_structure(sample.mean_adu)
    kept = np.abs(map_structure) <= np.percentile(np.abs(map_structure), 99)
    kept &= np.abs(movie_structure) <= np.percentile(np.abs(movie_structure), 95)
    return float((map_structure * movie_structure)[kept].sum() / np.square(map_structure[kept]).sum())
