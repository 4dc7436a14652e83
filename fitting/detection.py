"""Where molecules may be: PYME's band-pass, threshold, components and debounce."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fitting._band_pass_kernels import band_pass, mirror_edges
from fitting._candidate_kernels import find_components, keep_apart, keep_brightest, mark_above
from fitting.settings import FitSettings

BORDER_PX = 5
"""Rows and columns at each edge of a frame in which nothing is detected."""

_TRUNCATION = 4.0
"""A Gaussian average reaches this many standard deviations."""


def gaussian_weights(sigma_px: float) -> NDArray[np.float32]:
    """Weights of a Gaussian average from its centre outwards; with their mirror image they sum to 1.

    Zeros fill them up to one and a multiple of four, as :func:`fitting._band_pass_kernels.band_pass` takes them.
    """
    radius = int(_TRUNCATION * sigma_px + 0.5)
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma_px) ** 2)
    weights /= 2 * weights.sum() - weights[0]
    return np.pad(weights, (0, -radius % 4)).astype(np.float32)


class Detector:
    """Finds candidates in background-subtracted frames of one shape.

    Parameters
    ----------
    frame_shape
        ``(height, width)``, px.
    settings
        Threshold, radii and band-pass.

    Attributes
    ----------
    signal
        What the next call looks at: background-subtracted photoelectrons ``(y, x)``, clipped below at 0. To be written.
    filtered
        The band-passed frame of the last call, ``(y, x)``, photoelectrons.
    """

    def __init__(self, frame_shape: tuple[int, int], settings: FitSettings) -> None:
        self.filtered: NDArray[np.float32] = np.empty(frame_shape, np.float32)
        self._mask: NDArray[np.uint8] = np.empty(frame_shape, np.uint8)
        self._flat: NDArray[np.float32] = np.ones(frame_shape, np.float32)
        self._weights = gaussian_weights(settings.lowpass_px), gaussian_weights(settings.highpass_px)
        self._pad = pad = max(len(weights) for weights in self._weights) - 1
        height, width = frame_shape
        self._padded: NDArray[np.float32] = np.empty((height + 2 * pad, width + 2 * pad), np.float32)
        self.signal = self._padded[pad : pad + height, pad : pad + width]
        self._settings = settings

    def threshold_squared(self, variance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Square of the threshold at each pixel, up to the factor ``detection_threshold`` squared."""
        return variance if self._settings.is_snr_threshold else self._flat

    def find(self, variance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Find candidates in :attr:`signal`.

        Parameters
        ----------
        variance
            Variance of each pixel ``(y, x)``, e-².

        Returns
        -------
        NDArray
            ``(candidate, 3)``: x and y in px, filtered value in photoelectrons; in order of the first row.
        """
        settings = self._settings
        mirror_edges(self._padded, self._pad)
        band_pass(self._padded, self._pad, self._weights, BORDER_PX, self.filtered)
        factor = settings.detection_threshold**2
        count = mark_above(self.filtered, self.threshold_squared(variance), factor, self._mask)
        points = np.empty((count, 3), np.float32)
        if count:
            points = points[: find_components(self._mask, self.filtered, np.empty(count, np.int32), points)]
        if len(points) and settings.clump_reject_radius_px > 0:
            points = _kept(keep_apart, points, settings.clump_reject_radius_px)
        if len(points) and settings.debounce_radius_px > 0:
            points = _kept(keep_brightest, points, settings.debounce_radius_px)
        return points


def _kept(
    choose: Callable[[NDArray[np.float32], float, NDArray[np.bool_]], None],
    points: NDArray[np.float32],
    radius_px: float,
) -> NDArray[np.float32]:
    kept = np.empty(len(points), np.bool_)
    choose(points, radius_px, kept)
    return points[kept]
