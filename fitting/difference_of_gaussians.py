"""PYME's detector: band-pass, threshold at each pixel, components and debounce."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting._band_pass_kernels import BLOCK, STRIDE, TILE, Scratch, band_pass
from fitting.camera import CameraMaps
from fitting.candidates import Marks, thinned
from fitting.detection import BORDER_PX, Image, RawFrame
from fitting.settings import FitSettings

_TRUNCATION = 4.0
"""A Gaussian average reaches this many standard deviations."""
_CACHE_LINE = 64
"""Bytes."""


def gaussian_weights(sigma_px: float) -> NDArray[np.float32]:
    """Weights of a Gaussian average from its centre outwards; with their mirror image they sum to 1.

    Zeros fill them up to one and a multiple of four, as :func:`fitting._band_pass_kernels.band_pass` takes them.
    """
    radius = int(_TRUNCATION * sigma_px + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma_px) ** 2)
    weights /= 2 * weights.sum() - weights[0]
    return np.pad(weights, (0, -radius % 4)).astype(np.float32)


class DifferenceOfGaussians:
    """Finds candidates as PYME does.

    Parameters
    ----------
    settings
        Threshold, radii and band-pass.
    camera
        Its maps, of the shape of the frames.

    Attributes
    ----------
    filtered
        The band-passed frame of the last call, ``(y, x)``, photoelectrons.
    """

    def __init__(self, settings: FitSettings, camera: CameraMaps) -> None:
        shape = camera.offset_adu.shape
        self.filtered: Image = np.zeros(shape, np.float32)
        self._settings = settings
        self._marks = Marks((shape[0], shape[1]))
        self._weights = gaussian_weights(settings.lowpass_px), gaussian_weights(settings.highpass_px)
        self._scratch = _scratch(max(len(weights) for weights in self._weights) - 1)
        self._offset, self._gain, _ = camera.compact
        self._norms = np.empty((0, 0), np.float32), np.empty((0, 0), np.float32)
        self._limits = self._offset, *self._limits_of(camera)

    def _limits_of(self, camera: CameraMaps) -> tuple[Image, Image]:
        """Square of the threshold at one count or less, and what each further count adds."""
        squared = np.float32(self._settings.detection_threshold**2)
        if not self._settings.is_snr_threshold:
            return np.full_like(self._gain, squared), np.zeros_like(self._gain)
        shot = camera.shot_variance_per_adu
        constant = camera.compact[2] + shot / np.float32(camera.least_signal_e)
        return squared * constant, squared * shot

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value; in order of their first rows."""
        background = self._offset if frame.background is None else frame.background
        count = band_pass(
            frame.counts,
            (background, self._gain),
            self._weights,
            self._norms,
            self._limits,
            BORDER_PX,
            self._scratch,
            (self.filtered, self._marks.mask, self._marks.rows),
        )
        return thinned(self._marks.centroids(self.filtered, count), self._settings)

    def threshold(self, variance: Image) -> Image:
        """Return what :attr:`filtered` has to exceed at pixels of this variance, photoelectrons."""
        unit = np.sqrt(variance) if self._settings.is_snr_threshold else np.ones_like(variance)
        return unit * np.float32(self._settings.detection_threshold)


def _scratch(reach: int) -> Scratch:
    n_ring = (BLOCK + 2 * reach + 2) * STRIDE
    return _aligned(TILE + 2 * reach), _aligned(n_ring), _aligned(n_ring), _aligned(2 * TILE), _aligned(2 * TILE)


def _aligned(size: int) -> NDArray[np.float32]:
    """Zeros that begin where a line of the cache begins."""
    places = _CACHE_LINE // 4
    zeros = np.zeros(size + places, np.float32)
    start = -zeros.ctypes.data % _CACHE_LINE // 4
    return zeros[start : start + size]
