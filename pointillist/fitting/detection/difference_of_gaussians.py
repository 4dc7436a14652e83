"""PYME's detector: band-pass, threshold at each pixel, components and debounce."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.band_pass import BandPass, Limits, Weights, gaussian_weights
from pointillist.fitting.detection.candidates import without_neighbours
from pointillist.fitting.detection.detector import Image, RawFrame
from pointillist.fitting.settings import FitSettings

_TRUNCATION = 4.0
"""Half-width of a Gaussian average, standard deviations."""


class DifferenceOfGaussians:
    """Finds candidates as PYME does.

    Parameters
    ----------
    settings
        Settings of the analysis, of which threshold, radii and band-pass are used.
    camera
        Camera maps of the shape of the frames.

    Attributes
    ----------
    filtered
        Difference of two Gaussian averages of the last frame, ``(y, x)``, photoelectrons.
    """

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        averages = _gaussian(settings.lowpass_px), _gaussian(settings.highpass_px)
        self._settings = settings
        self._filter = BandPass(averages, camera, is_weighted=settings.is_detection_weighted, is_clipped=True)
        self._limits = _limits(settings, camera)
        self.filtered = self._filter.filtered

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value; in order of their first rows."""
        count = self._filter.run(frame, self._limits, self._filter.brightness(frame))
        return without_neighbours(self._filter.threshold_mask.centroids(self.filtered, count), self._settings)

    def threshold(self, variance: Image) -> Image:
        """Return the threshold for :attr:`filtered` at pixels of this variance, photoelectrons."""
        unit = np.sqrt(variance) if self._settings.is_snr_threshold else np.ones_like(variance)
        return unit * np.float32(self._settings.detection_threshold)


def _gaussian(sigma_px: float) -> Weights:
    return gaussian_weights(sigma_px, int(_TRUNCATION * sigma_px + 0.5))


def _limits(settings: FitSettings, camera: CameraMaps) -> Limits:
    squared = np.float32(settings.detection_threshold**2)
    shot = camera.shot_variance_per_adu
    if not settings.is_snr_threshold:
        return np.full_like(shot, squared), np.zeros_like(shot)
    constant = camera.compact[2] + shot / np.float32(camera.least_signal_e)
    return squared * constant, squared * shot
