"""Local maxima of the frame smoothed with the PSF, above a threshold from the rate of false positives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.band_pass import BandPass, Limits, Weights, gaussian_weights, normalised
from pointillist.fitting.detection.candidates import without_neighbours
from pointillist.fitting.detection.detector import BORDER_PX, Image, RawFrame
from pointillist.fitting.detection.false_positives import threshold_for
from pointillist.fitting.detection.pixel_weights import filtered_variance
from pointillist.fitting.settings import FitSettings

_NARROW_SIGMAS, _LEAST_NARROW_PX = 2.3, 3
"""Half-width of the Gaussian average: standard deviations of the PSF, and least pixels."""
_WIDE_SIGMAS, _LEAST_WIDE_PX = 3.8, 5
"""Half-width of the square of the local background, likewise: 11 x 11 px around a spot of 1.3 px."""
_SUPPRESSION_PX = 2
"""A candidate is the maximum of 5 x 5 px."""


class LocalMaximum:
    """Finds the local maxima of a matched filter.

    Parameters
    ----------
    settings
        Settings of the analysis, of which the width of the PSF, the false positives per frame and the radii are used.
    camera
        Camera maps of the shape of the frames.

    Attributes
    ----------
    filtered
        Gaussian average less the mean of a larger square, ``(y, x)``, photoelectrons.

    Notes
    -----
    The noise of the filtered frame follows from the light in the larger square and the camera's read noise. Shot noise
    is skewed: the threshold that noise of skewness ``γ`` passes as often as Gaussian noise passes ``u`` is
    ``σ (u + (u² - 1) γ / 6)`` [1]_.

    References
    ----------
    .. [1] E. A. Cornish and R. A. Fisher, "Moments and cumulants in the specification of distributions", Revue de
       l'Institut International de Statistique 5 (1938) 307-320.
    """

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        sigma = settings.psf_sigma_px
        narrow = gaussian_weights(sigma, max(_LEAST_NARROW_PX, int(np.ceil(_NARROW_SIGMAS * sigma))))
        wide = normalised(np.ones(1 + max(_LEAST_WIDE_PX, int(np.ceil(_WIDE_SIGMAS * sigma)))))
        self._settings = settings
        self._camera = camera
        self._filter = BandPass((narrow, wide), camera, is_weighted=settings.is_detection_weighted, has_levels=True)
        self.filtered = self._filter.filtered
        kernel = _kernel(narrow, wide)
        height, width = self.filtered.shape
        n_px = max(1, height - 2 * BORDER_PX) * max(1, width - 2 * BORDER_PX)
        correlation = float(np.sum(kernel[:, 1:] * kernel[:, :-1]) / np.sum(kernel**2))
        squared = threshold_for(settings.false_positives_per_frame, n_px, correlation) ** 2
        self._squared = np.float32(squared)
        # The distribution behind an EM register, where photoelectrons are amplified, is more skewed.
        clustering = (2 * camera.excess - 1) * float(np.sum(kernel**3) / np.sum(kernel**2))
        self._skew_e = np.float32(clustering * max(squared - 1, 0.0) / 6)
        self._brightness: float | None = None
        self._limits = self._limits_at(None)

    def _limits_at(self, brightness: float | None) -> Limits:
        dark, per_e = filtered_variance(self._camera, *self._filter.averages, brightness)
        return self._squared * dark, self._squared * per_e

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value; in order of rows."""
        brightness = self._filter.brightness(frame)
        if brightness != self._brightness:
            self._brightness, self._limits = brightness, self._limits_at(brightness)
        count = self._filter.run(frame, self._limits, brightness)
        noise = self._filter.levels, *self._limits, self._skew_e
        return without_neighbours(
            self._filter.threshold_mask.maxima(self.filtered, count, _SUPPRESSION_PX, noise), self._settings
        )

    def threshold(self, variance: Image) -> Image:
        """Return the threshold of the last frame for :attr:`filtered`, photoelectrons."""
        del variance
        base, slope = self._limits
        shot = slope * self._filter.levels
        noise = np.maximum(base + shot, np.finfo(np.float32).tiny)  # without light, a camera may have none
        return np.asarray(np.sqrt(noise) + self._skew_e * shot / noise, np.float32)


def _kernel(narrow: Weights, wide: Weights) -> NDArray[np.float64]:
    """Return the filter, ``(y, x)``."""
    n = max(len(narrow), len(wide))
    narrow_weights, wide_weights = (
        np.pad(np.concatenate([each[:0:-1], each]), n - len(each)).astype(np.float64) for each in (narrow, wide)
    )
    return np.asarray(np.outer(narrow_weights, narrow_weights) - np.outer(wide_weights, wide_weights))
