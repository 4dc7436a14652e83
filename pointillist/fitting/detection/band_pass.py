"""The band-pass filter of all detectors: the difference of two averages of a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection._average_kernels import (
    BAND,
    MATCHED_REACH,
    NARROW_REACH,
    SQUARE_REACH,
    STRIDE,
    TILE,
    WIDE_REACH,
)
from pointillist.fitting.detection._band_pass_kernels import (
    ANY,
    BLOCK,
    GAUSSIAN_AND_SQUARE,
    GAUSSIANS,
    Scratch,
    band_pass,
)
from pointillist.fitting.detection.candidates import ThresholdMask
from pointillist.fitting.detection.detector import BORDER_PX, Image, RawFrame
from pointillist.fitting.detection.pixel_weights import PixelWeights, brightness_of, is_uneven, pixel_weights

Weights = NDArray[np.float32]
"""Weights of an average, from its centre outwards; with their mirror image they sum to 1."""
Limits = tuple[Image, Image]
"""Base and slope of the square of the threshold, ``(y, x)`` or ``(1, x)``."""

_CACHE_LINE = 64
"""Size of a cache line, bytes."""


def gaussian_weights(sigma_px: float, radius: int) -> Weights:
    """Return the weights of a Gaussian average."""
    return normalised(np.exp(-0.5 * (np.arange(radius + 1) / sigma_px) ** 2))


def normalised(weights: NDArray[np.float64]) -> Weights:
    """Normalize weights so that they and their mirror image sum to 1."""
    return np.asarray(weights / (2 * weights.sum() - weights[0]), np.float32)


class BandPass:
    """Subtracts a wide average of background-subtracted photoelectrons from a narrow one.

    Parameters
    ----------
    averages
        Weights of the narrow and of the wide average, from the centre outwards.
    camera
        Camera maps of the shape of the frames.
    is_weighted
        Whether noisy pixels have smaller weights, if pixels differ in read noise.
    is_clipped
        Whether negative photoelectrons and negative differences are set to 0.
    has_levels
        Whether the noise of a pixel follows from the mean of its surroundings instead of its own counts.

    Attributes
    ----------
    averages
        Weights of the narrow and of the wide average, from the centre outwards.
    filtered
        Difference of the averages of the last frame, ``(y, x)``, photoelectrons; 0 within ``BORDER_PX`` of the edges.
    levels
        Mean of the surroundings of each pixel, ``(y, x)``, photoelectrons; 0 within ``BORDER_PX`` of the edges; empty
        without ``has_levels``.
    threshold_mask
        Mask of the pixels above the threshold.
    """

    def __init__(
        self,
        averages: tuple[Weights, Weights],
        camera: CameraMaps,
        *,
        is_weighted: bool,
        is_clipped: bool = False,
        has_levels: bool = False,
    ) -> None:
        height, width = camera.offset_adu.shape
        self.filtered: Image = np.zeros((height, width), np.float32)
        self.levels: Image = np.zeros((height, width) if has_levels else (0, 0), np.float32)
        self.threshold_mask = ThresholdMask((height, width))
        self.averages = tuple(averages[0].tolist()), tuple(averages[1].tolist())
        self._camera = camera
        self._is_weighted = is_weighted and is_uneven(camera)
        self._weights = _padded(averages[0]), _padded(averages[1])
        none = np.empty((0, 0), np.float32)
        self._unweighted = PixelWeights(camera.compact[1], none, none)
        self._kind = _kind(*averages)
        self._floor = np.float32(0 if is_clipped else -np.inf)
        self._scratch = _scratch(width, max(len(weights) for weights in self._weights) - 1)

    def brightness(self, frame: RawFrame) -> float | None:
        """Return the brightness that determines the pixel weights, photoelectrons per px; None for equal weights."""
        return brightness_of(frame, self._camera) if self._is_weighted else None

    def run(self, frame: RawFrame, limits: Limits, brightness: float | None) -> int:
        """Filter a frame and mark the pixels above the threshold.

        Parameters
        ----------
        frame
            Counts and background of a frame.
        limits
            Base and slope of the threshold, whose square is ``base + slope * level``; the level is that of
            :attr:`levels`, or the counts of the pixel above the dark signal, at least 1.
        brightness
            Brightness of the frame from :meth:`brightness`, photoelectrons.

        Returns
        -------
        int
            Number of marked pixels.
        """
        dark, gain, _ = self._camera.compact
        background = dark if frame.background is None else frame.background
        weighted = self._unweighted if brightness is None else pixel_weights(self._camera, *self.averages, brightness)
        return band_pass(
            frame.counts,
            (background, dark, gain, weighted.gain),
            self._weights,
            self._kind,
            (weighted.narrow, weighted.wide),
            limits,
            self._floor,
            BORDER_PX,
            self._scratch,
            (self.filtered, self.levels, self.threshold_mask.mask, self.threshold_mask.rows),
        )


def _kind(narrow: Weights, wide: Weights) -> int:
    reaches = len(narrow) - 1, len(wide) - 1
    if reaches == (NARROW_REACH, WIDE_REACH):
        return GAUSSIANS
    is_square = reaches == (MATCHED_REACH, SQUARE_REACH) and bool((wide == wide[0]).all())
    return GAUSSIAN_AND_SQUARE if is_square else ANY


def _padded(weights: Weights) -> Weights:
    """Pad with zeros to a length of one plus a multiple of four."""
    return np.pad(weights, (0, (1 - len(weights)) % 4))


def _scratch(width: int, reach: int) -> Scratch:
    n_tiles = -(-min(width, BAND) // TILE)
    n_ring = (BLOCK + 2 * reach + 2) * STRIDE
    narrow_rings, wide_rings = (_aligned(n_tiles * n_ring).reshape(n_tiles, n_ring) for _ in range(2))
    return _aligned(n_tiles * TILE + 2 * reach), narrow_rings, wide_rings, _aligned(2 * BAND), _aligned(2 * BAND)


def _aligned(size: int) -> NDArray[np.float32]:
    """Return zeros aligned with cache lines."""
    n_floats = _CACHE_LINE // 4
    zeros = np.zeros(size + n_floats, np.float32)
    start = -zeros.ctypes.data % _CACHE_LINE // 4
    return zeros[start : start + size]
