"""Local maxima of the second plane of a wavelet transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.band_pass import BandPass, normalised
from pointillist.fitting.detection.candidates import without_neighbours
from pointillist.fitting.detection.detector import BORDER_PX, Image, RawFrame
from pointillist.fitting.settings import FitSettings

_SPLINE = np.array([1.0, 4.0, 6.0, 4.0, 1.0])
"""The cubic B-spline at whole numbers, times 16."""
_SUPPRESSION_PX = 1
"""A candidate is the maximum of 3 x 3 px."""


class Wavelet:
    """Finds the local maxima of the second plane of the à trous B-spline wavelet transform.

    Parameters
    ----------
    settings
        Settings of the analysis; ``detection_threshold`` is in standard deviations of the first plane, which is mostly
        noise.
    camera
        Camera maps of the shape of the frames.

    Attributes
    ----------
    filtered
        Second plane of the last frame, ``(y, x)``, photoelectrons.

    Notes
    -----
    Each plane is the difference before and after a smoothing: the first with the spline, the second with the spline
    whose coefficients are two pixels apart.

    References
    ----------
    .. [1] I. Izeddin et al., "Wavelet analysis for single molecule localization microscopy", Optics Express 20 (2012)
       2081-2095.
    """

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        apart = np.zeros(9)
        apart[::2] = _SPLINE
        kernels = np.ones(1), _SPLINE, np.convolve(_SPLINE, apart)
        none, once, twice = (normalised(kernel[len(kernel) // 2 :]) for kernel in kernels)
        self._settings = settings
        self._first = BandPass((none, once), camera, is_weighted=settings.is_detection_weighted)
        self._second = BandPass((once, twice), camera, is_weighted=settings.is_detection_weighted)
        self._threshold = np.float32(np.inf)
        self.filtered = self._second.filtered

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value; in order of rows."""
        brightness = self._first.brightness(frame)
        zeros = np.zeros((1, self.filtered.shape[1]), np.float32)
        self._first.run(frame, (np.full_like(zeros, np.inf), zeros), brightness)
        inside = self._first.filtered[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
        deviation = inside.std(dtype=np.float64) if inside.size else 0.0
        self._threshold = np.float32(self._settings.detection_threshold * deviation)
        count = self._second.run(frame, (np.full_like(zeros, self._threshold**2), zeros), brightness)
        return without_neighbours(
            self._second.threshold_mask.maxima(self.filtered, count, _SUPPRESSION_PX), self._settings
        )

    def threshold(self, variance: Image) -> Image:
        """Return the threshold of the last frame for :attr:`filtered`, photoelectrons."""
        return np.full_like(variance, self._threshold)
