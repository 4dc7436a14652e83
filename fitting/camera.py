"""From ADU to photoelectrons, and how noisy each pixel is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitting.jit import kernel

Image = NDArray[np.float32]
CameraMap = Image
"""One value per pixel, ``(y, x)``, of the camera's region of interest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraModel:
    """What turns a raw frame into photoelectrons with known noise.

    Parameters
    ----------
    electrons_per_adu
        Electrons after the EM register per count, e-/ADU (``Camera.ElectronsPerCount``), > 0.
    offset_adu
        Dark signal, scalar or map (``Camera.ADOffset``, ``Camera.DarkMapID``).
    read_variance_e2
        Variance of the readout, e-² after the EM register, scalar or map
        (``Camera.ReadNoise`` squared, ``Camera.VarianceMapID``).
    flat_field
        Factor that makes every pixel respond alike, scalar or map (``Camera.FlatfieldMapID``).
    em_gain
        True gain of the EM register, 1 without one (``Camera.TrueEMGain``).
    noise_factor
        Excess noise of the EM register: sqrt(2) with one, 1 without (``Camera.NoiseFactor``).
    """

    electrons_per_adu: float
    offset_adu: float | CameraMap
    read_variance_e2: float | CameraMap
    flat_field: float | CameraMap = 1.0
    em_gain: float = 1.0
    noise_factor: float = 1.0

    @property
    def photoelectrons_per_adu(self) -> float:
        """Photoelectrons, before the EM register, per count."""
        return self.electrons_per_adu / self.em_gain

    def maps(self, frame_shape: tuple[int, int]) -> CameraMaps:
        """Spread the model over the pixels of a frame.

        Raises
        ------
        ValueError
            If a map has another shape than the frame.
        """
        gain = self.photoelectrons_per_adu
        return CameraMaps(
            offset_adu=_spread(self.offset_adu, frame_shape),
            gain_e_per_adu=_spread(self.flat_field, frame_shape) * np.float32(gain),
            read_variance_e2=_spread(self.read_variance_e2, frame_shape) / np.float32(self.em_gain**2),
            excess=self.noise_factor**2,
            least_signal_e=gain,
        )


def _spread(value: float | CameraMap, frame_shape: tuple[int, int]) -> CameraMap:
    array = np.asarray(value, np.float32)
    if array.ndim and array.shape != frame_shape:
        msg = f"a camera map has {array.shape} pixels, the frames have {frame_shape}"
        raise ValueError(msg)
    return np.ascontiguousarray(np.broadcast_to(array, frame_shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraMaps:
    """A camera model spread over the pixels of a frame, referred to photoelectrons before the EM register.

    Parameters
    ----------
    offset_adu, gain_e_per_adu, read_variance_e2
        ``(y, x)``: ``(raw - offset) * gain`` is the signal, ``read_variance`` the noise without light.
    excess
        Factor that the EM register puts on the shot-noise variance.
    least_signal_e
        Signal from which on shot noise grows; below it is constant.
    """

    offset_adu: CameraMap
    gain_e_per_adu: CameraMap
    read_variance_e2: CameraMap
    excess: float
    least_signal_e: float


@kernel
def correct_frame(
    raw: NDArray[Any],
    background_adu: NDArray[np.float32],
    maps: tuple[CameraMap, CameraMap, CameraMap],
    noise: tuple[float, float],
    images: tuple[Image, Image, Image, Image],
) -> None:
    """Turn a raw frame and its raw background into photoelectrons, and estimate each pixel's variance.

    Parameters
    ----------
    raw, background_adu
        Counts, ``(y, x)``.
    maps
        Offset, gain and read variance of :class:`CameraMaps`: ``e = (raw - offset) * gain``.
    noise
        Excess factor and least signal of :class:`CameraMaps`.
    images
        ``(y, x)``, written: photoelectrons; background; variance ``read + excess * (max(e, least) + 1)``, with the one
        electron that PYME adds to every pixel; and photoelectrons less background, clipped below at 0.
    """
    offset, gain, read_variance = maps
    excess, least = np.float32(noise[0]), np.float32(noise[1])
    photoelectrons, background, variance, signal = images
    height, width = raw.shape
    # One short loop per image: each has few enough arrays for the compiler to prove them apart and use vectors.
    for y in range(height):
        for x in range(width):
            photoelectrons[y, x] = (np.float32(raw[y, x]) - offset[y, x]) * gain[y, x]
        for x in range(width):
            background[y, x] = (background_adu[y, x] - offset[y, x]) * gain[y, x]
        for x in range(width):
            variance[y, x] = read_variance[y, x] + excess * (max(photoelectrons[y, x], least) + np.float32(1))
        for x in range(width):
            signal[y, x] = max(photoelectrons[y, x] - background[y, x], np.float32(0))
