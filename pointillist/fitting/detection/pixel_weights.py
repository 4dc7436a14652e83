"""Weights of the pixels in detection by their inverse variance, for cameras whose pixels differ in read noise."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.detector import Image, RawFrame

Weights = tuple[float, ...]
"""Weights of an average along x and along y, from its centre outwards."""

_SAMPLE = 8
"""Step of the rows and columns from which the brightness of a frame is estimated, px."""
_LEAST_CONTRAST = 1e-4
"""Least relative difference of read variances for weights."""


class PixelWeights(NamedTuple):
    """Weights of the pixels at one level of light, ``(y, x)``.

    Parameters
    ----------
    gain
        Gain of the camera times the weights, ``(y, x)``, e-/ADU.
    narrow, wide
        Factors that normalize the averages of weighted pixels, ``(y, x)``.
    """

    gain: Image
    narrow: Image
    wide: Image


def is_uneven(camera: CameraMaps) -> bool:
    """Whether the read variance differs between pixels, apart from the effect of the flat field."""
    variance = camera.compact[2] / (camera.compact[1] / np.float32(camera.least_signal_e)) ** 2
    return bool(np.ptp(variance) > _LEAST_CONTRAST * variance.max())


def brightness_of(frame: RawFrame, camera: CameraMaps) -> float:
    """Return the brightness of a frame, photoelectrons per px, rounded to a power of 2 so that few weights suffice."""
    sparse = slice(None, None, _SAMPLE)
    counts = frame.counts[sparse, sparse].astype(np.float64)
    brightness = (counts - camera.offset_adu[sparse, sparse]) * camera.gain_e_per_adu[sparse, sparse]
    return float(2.0 ** np.rint(np.log2(max(float(brightness.mean()), 1.0))))


@lru_cache(maxsize=4)
def pixel_weights(camera: CameraMaps, narrow: Weights, wide: Weights, level: float) -> PixelWeights:
    """Weight each pixel by the inverse of its variance at one level of light.

    Parameters
    ----------
    camera
        Camera maps of the shape of the frames.
    narrow, wide
        Weights of the two averages, from the centre outwards.
    level
        Mean light, photoelectrons per px.

    Notes
    -----
    A weighted average is ``(w s) * k / (w * k)``, with ``*`` the convolution; where all weights are equal it is
    ``s * k``. The weights are 1 in the median.
    """
    weights = _inverse_variance(camera, level)
    norms = (np.asarray(1 / average(weights, np.array(each)), np.float32) for each in (narrow, wide))
    return PixelWeights(np.asarray(weights * camera.gain_e_per_adu, np.float32), *norms)


@lru_cache(maxsize=4)
def filtered_variance(camera: CameraMaps, narrow: Weights, wide: Weights, level: float | None) -> tuple[Image, Image]:
    """Return the variance of the difference of two averages: without light, and per photoelectron per px.

    ``(y, x)``, or ``(1, x)`` where all rows are alike.

    Parameters
    ----------
    camera, narrow, wide
        Camera maps, and the weights of the two averages, from the centre outwards.
    level
        Mean light that determines the pixel weights, photoelectrons per px; None for equal weights.

    Notes
    -----
    The difference is a sum over pixels ``Σ a s`` with ``a = n k - m l``, where ``k`` and ``l`` are the two kernels
    times the weights, ``n`` and ``m`` their norms; its variance is ``Σ a² v``.
    """
    narrow_weights, wide_weights = np.array(narrow), np.array(wide)
    shape = camera.offset_adu.shape if is_uneven(camera) else (1, 1)
    weights = np.ones(shape) if level is None else _inverse_variance(camera, level)
    n, m = 1 / average(weights, narrow_weights), 1 / average(weights, wide_weights)
    n_common = min(len(narrow_weights), len(wide_weights))
    shot = camera.excess / camera.least_signal_e

    def propagate(variance: Image | float) -> Image:
        noise = weights**2 * variance
        covariance = average(noise, narrow_weights[:n_common] * wide_weights[:n_common])
        noise_variance = (
            n**2 * average(noise, narrow_weights**2) - 2 * n * m * covariance + m**2 * average(noise, wide_weights**2)
        )
        return np.asarray(noise_variance, np.float32)

    if shape == (1, 1):
        _, gain, read_variance = camera.compact
        return propagate(1.0) * read_variance, propagate(shot) * gain
    return propagate(camera.read_variance_e2), propagate(np.float32(shot) * camera.gain_e_per_adu)


def average(image: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average an image ``(y, x)``, mirrored at its edges, along both axes."""
    from scipy.ndimage import correlate1d  # noqa: PLC0415 - takes a while to import, and few cameras need it

    kernel = np.concatenate([weights[:0:-1], weights])
    return np.asarray(correlate1d(correlate1d(image, kernel, 0, mode="reflect"), kernel, 1, mode="reflect"))


def _inverse_variance(camera: CameraMaps, level: float) -> NDArray[np.float64]:
    flat = camera.gain_e_per_adu.astype(np.float64) / camera.least_signal_e
    variance = camera.read_variance_e2 + camera.excess * flat * (level + flat)
    return np.asarray(np.median(variance) / variance)
