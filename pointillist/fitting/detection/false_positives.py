"""The number of local maxima of noise above a threshold, and the threshold for a given number."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

_RANGE = 0.0, 12.0
"""Range of the threshold, standard deviations."""
_N_STEPS = 400
"""Steps of the integrals, which are accurate to 1e-3."""


def maxima_per_px(threshold: float, correlation: float) -> float:
    """Return the local maxima per pixel of filtered white noise above a threshold.

    Parameters
    ----------
    threshold
        Threshold, standard deviations of the filtered noise.
    correlation
        Correlation of adjacent pixels in the filtered noise, between 0 and 1, the same along x and y.

    Notes
    -----
    The probability that a pixel of value ``z`` exceeds both neighbours along one axis is::

        Q(z) = 1 - 2 Φ(-h z) + 1/π ∫₀^α exp(-h² z² / (2 sin² θ)) dθ

    with ``h² = (1 - ρ) / (1 + ρ)`` and ``sin² α = (1 - ρ²) / 2``. The axes are nearly independent, so that the maxima
    per pixel are ``∫ Q(z)² φ(z) dz`` from the threshold on.

    References
    ----------
    .. [1] K. J. Worsley, "An improved theoretical P value for SPMs based on discrete local maxima", NeuroImage 28
       (2005) 1056-1062, equations 2 to 4.
    """
    from scipy.special import ndtr  # noqa: PLC0415 - takes a while to import, and few detectors need it

    h = np.sqrt((1 - correlation) / (1 + correlation))
    alpha = np.arcsin(np.sqrt((1 - correlation**2) / 2))
    theta = (np.arange(_N_STEPS) + 0.5) / _N_STEPS * alpha
    z = threshold + (np.arange(_N_STEPS) + 0.5) / _N_STEPS * 6
    beyond = np.exp(-0.5 * (h * z[:, None] / np.sin(theta)) ** 2).mean(axis=1) * alpha / np.pi
    is_maximum = 1 - 2 * ndtr(-h * z) + beyond
    return float(np.sum(is_maximum**2 * np.exp(-0.5 * z**2)) * 6 / _N_STEPS / np.sqrt(2 * np.pi))


@lru_cache
def threshold_for(false_positives: float, n_px: int, correlation: float) -> float:
    """Return the threshold above which noise has a given number of local maxima.

    Parameters
    ----------
    false_positives
        Number of local maxima per frame, > 0.
    n_px
        Number of pixels per frame.
    correlation
        Correlation of adjacent pixels in the filtered noise, between 0 and 1, the same along x and y.

    Returns
    -------
    float
        Threshold, standard deviations of the filtered noise, between 0 and 12, to 1e-4.
    """
    low, high = _RANGE
    while high - low > 1e-4:
        middle = (low + high) / 2
        if maxima_per_px(middle, correlation) * n_px > false_positives:
            low = middle
        else:
            high = middle
    return high
