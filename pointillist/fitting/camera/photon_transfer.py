"""The gain of a camera from the photon transfer curve: variance against signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera.calibration import Image, Mask, PixelStatistics
from pointillist.fitting.camera.noise_levels import MAD_TO_SIGMA

LARGEST_DEVIATION = 0.2
"""Largest relative deviation of the slope of a level of light from the others; a level beyond it is left out, since it
saturates or flickers."""

_CLIP_SIGMAS = 5.0
_BAND_ROWS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotonTransfer:
    """The photon transfer curve: variance as a function of the signal.

    Parameters
    ----------
    slope_adu
        Mean over the pixels of variance per signal, ADU. Without an EM register it is the number of counts per
        photoelectron.
    slope_error_adu
        Standard error of ``slope_adu``, ADU.
    spread_adu
        Standard deviation of the pixels' true slopes, corrected for their errors, ADU.
    pixel_slope_adu, pixel_slope_error_adu
        Slope of each pixel and its standard error, ``(y, x)``, ADU.
    best_slope_adu
        Shrinkage estimate of each pixel's slope, ``(y, x)``, ADU: the mean of its own and the camera's slope that has
        the smallest mean square error; the camera's slope for a pixel without information.
    level_adu, level_slope_adu
        Mean signal of each level of light and the slope from it, ``(level,)``, ADU.
    is_used
        Mask of the levels that were used, ``(level,)``, bool.
    """

    slope_adu: float
    slope_error_adu: float
    spread_adu: float
    pixel_slope_adu: Image
    pixel_slope_error_adu: Image
    best_slope_adu: Image
    level_adu: NDArray[np.float64]
    level_slope_adu: NDArray[np.float64]
    is_used: NDArray[np.bool_]


def measure_photon_transfer(
    dark: PixelStatistics, lights: Sequence[PixelStatistics], is_blemished: Mask, excess: float = 1.0
) -> PhotonTransfer:
    """Fit a line of variance against signal, for each pixel.

    Parameters
    ----------
    dark
        Statistics of a dark movie of at least two frames.
    lights
        Statistics of movies of at least two frames under constant light, each at another level; the light need not be
        uniform.
    is_blemished
        Mask of pixels that are left out, ``(y, x)``, bool.
    excess
        Square of the noise factor: 2 with an EM register, 1 without.

    Returns
    -------
    PhotonTransfer
        Photon transfer, whose slope is ``excess * em_gain / electrons_per_adu``.

    Raises
    ------
    ValueError
        If no level is brighter than the dark.

    Notes
    -----
    Variances are those between neighbouring frames, so that lamps may drift. Weights are the inverse of the variance
    of a sample variance, ``((3 P - 1) v² + (P - 1/2) k) / P²`` for ``P`` pairs, with ``v`` from the camera's line,
    since measured variances would favour those that are too small by chance. The fourth cumulant
    ``k = (2 excess - 1) slope³ signal`` is that of Poisson counts, or of their amplification.
    """
    is_good = ~is_blemished & np.isfinite(dark.successive_variance)
    for light in lights:
        is_good &= np.isfinite(light.mean) & np.isfinite(light.successive_variance)
    levels, level_slopes = np.array([_level(light, dark, is_good) for light in lights]).T
    is_used = _consistent(level_slopes)
    camera_slope = float(np.median(level_slopes[is_used]))
    slope, error = np.empty_like(dark.mean), np.empty_like(dark.mean)
    used = [lights[k] for k in range(len(lights)) if is_used[k]]
    for start in range(0, len(slope), _BAND_ROWS):
        band = slice(start, start + _BAND_ROWS)
        slope[band], error[band] = _fit_pixels(dark, used, band, (camera_slope, excess))
    mean, mean_error, spread, is_typical = _average(slope, error, is_good)
    shrinkage = spread**2 / (spread**2 + error**2)
    best = np.where(is_typical, mean + shrinkage * (slope - mean), mean)
    return PhotonTransfer(
        slope_adu=mean,
        slope_error_adu=mean_error,
        spread_adu=spread,
        pixel_slope_adu=slope,
        pixel_slope_error_adu=error,
        best_slope_adu=best,
        level_adu=levels,
        level_slope_adu=level_slopes,
        is_used=is_used,
    )


def _level(light: PixelStatistics, dark: PixelStatistics, is_good: Mask) -> tuple[float, float]:
    """Return the mean signal of a level of light, and its variance over its signal."""
    signal = (light.mean - dark.mean)[is_good]
    if not (signal.size and signal.mean() > 0):
        raise ValueError("it is no brighter than the dark movie")
    noise = (light.successive_variance - dark.successive_variance)[is_good]
    return float(signal.mean()), float(np.median(noise) / np.median(signal))


def _consistent(slopes: NDArray[np.float64]) -> NDArray[np.bool_]:
    typical = np.median(slopes)
    is_consistent = np.abs(slopes / typical - 1) <= LARGEST_DEVIATION
    return is_consistent if len(slopes) > 2 and is_consistent.any() else np.ones(len(slopes), dtype=bool)


def _fit_pixels(
    dark: PixelStatistics, lights: Sequence[PixelStatistics], band: slice, line: tuple[float, float]
) -> tuple[Image, Image]:
    """Return the slope of each pixel's weighted line, and its error, in some rows."""
    camera_slope, excess = line
    dark_variance = dark.successive_variance[band]
    weights, signals = [], []
    for movie in (dark, *lights):
        signal, n = movie.mean[band] - dark.mean[band], movie.n_pairs
        light = camera_slope * np.maximum(signal, 0)
        cumulant = (2 * excess - 1) * camera_slope**2 * light
        variance_of_variance = ((3 * n - 1) * (dark_variance + light) ** 2 + (n - 0.5) * cumulant) / n**2
        weights.append(1 / np.maximum(variance_of_variance, np.finfo(np.float64).tiny))
        signals.append(signal)
    weight, x = np.array(weights), np.array(signals)
    y = np.array([movie.successive_variance[band] for movie in (dark, *lights)])
    x -= (weight * x).sum(axis=0) / weight.sum(axis=0)
    squares = (weight * x**2).sum(axis=0)
    return np.asarray((weight * x * y).sum(axis=0) / squares), np.asarray(1 / np.sqrt(squares))


def _average(slope: Image, error: Image, is_good: Mask) -> tuple[float, float, float, Mask]:
    """Return the mean slope, its error, the true spread of the pixels, and which of them are typical."""
    median = np.median(slope[is_good])
    deviation = np.abs(slope - median) / np.maximum(error, np.median(error[is_good]))
    is_typical = is_good & (deviation <= _CLIP_SIGMAS * MAD_TO_SIGMA * max(float(np.median(deviation[is_good])), 0.1))
    kept, variance = slope[is_typical], error[is_typical] ** 2
    spread = 0.0
    for _ in range(5):  # the weights depend on the spread
        weight = 1 / (variance + spread**2)
        mean = float((weight * kept).sum() / weight.sum())
        surplus = (weight**2 * ((kept - mean) ** 2 - variance)).sum() / (weight**2).sum()
        spread = float(np.sqrt(max(surplus, 0.0)))
    return mean, float(1 / np.sqrt(weight.sum())), spread, is_typical
