"""The camera model: from ADU to photoelectrons, and the noise of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera._correction_kernels import correct_regions

Image = NDArray[np.float32]
CameraMap = Image
"""One value per pixel, ``(y, x)``, of the camera's region of interest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraModel:
    """A camera, which converts raw frames into photoelectrons with known noise.

    Parameters
    ----------
    electrons_per_adu
        Electrons per count, after the EM register, e-/ADU, > 0 (``Camera.ElectronsPerCount``).
    offset_adu
        Dark signal, scalar or map ``(y, x)``, ADU (``Camera.ADOffset``, ``Camera.DarkMapID``).
    read_variance_e2
        Variance of the readout, after the EM register and before the flat field, scalar or map ``(y, x)``, e-², >= 0
        (``Camera.ReadNoise`` squared, ``Camera.VarianceMapID``).
    flat_field
        Factor that equalizes the response of the pixels, scalar or map ``(y, x)`` (``Camera.FlatfieldMapID``).
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
        """Return the maps of the model for the pixels of a frame.

        Raises
        ------
        ValueError
            If a map has another shape than the frame.
        """
        return _maps(self, frame_shape)


@lru_cache(maxsize=2)
def _maps(camera: CameraModel, frame_shape: tuple[int, int]) -> CameraMaps:
    gain, flat = camera.photoelectrons_per_adu, _spread(camera.flat_field, frame_shape)
    return CameraMaps(
        offset_adu=_spread(camera.offset_adu, frame_shape),
        gain_e_per_adu=flat * np.float32(gain),
        read_variance_e2=_spread(camera.read_variance_e2, frame_shape) * (flat / np.float32(camera.em_gain)) ** 2,
        excess=camera.noise_factor**2,
        least_signal_e=gain,
    )


def _spread(value: float | CameraMap, frame_shape: tuple[int, int]) -> CameraMap:
    array = np.asarray(value, np.float32)
    if array.ndim and array.shape != frame_shape:
        msg = f"a camera map has {array.shape} pixels, the frames have {frame_shape}"
        raise ValueError(msg)
    return np.array(np.broadcast_to(array, frame_shape), order="C")  # writable, as kernels are compiled for it


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraMaps:
    """Maps of a camera model for the pixels of a frame, referred to photoelectrons before the EM register.

    Parameters
    ----------
    offset_adu, gain_e_per_adu, read_variance_e2
        Maps ``(y, x)``, float32: ``(raw - offset) * gain`` is the signal in photoelectrons, ``read_variance`` its
        variance without light.
    excess
        Factor by which the EM register increases the shot-noise variance: 2 with one, 1 without.
    least_signal_e
        Photoelectrons per count of a pixel with a flat field of 1; shot noise is constant below one count and grows
        above.

    Notes
    -----
    The flat field ``f`` multiplies a pixel's signal and with it its noise: the variance is
    ``f² (read + excess (max(e / f, least) + 1))``, which with ``f = gain / least`` is
    ``read_variance + shot * (max(raw - offset, 1) + 1 / least)``. The one electron is PYME's.
    """

    offset_adu: CameraMap
    gain_e_per_adu: CameraMap
    read_variance_e2: CameraMap
    excess: float
    least_signal_e: float

    @cached_property
    def compact(self) -> tuple[CameraMap, CameraMap, CameraMap]:
        """Offset, gain and read variance; one row, ``(1, x)``, of each that is the same in all rows."""
        return _compact(self.offset_adu), _compact(self.gain_e_per_adu), _compact(self.read_variance_e2)

    @property
    def shot_variance_per_adu(self) -> CameraMap:
        """Variance that a count adds to each pixel, e-² per ADU, ``(y, x)`` or :attr:`compact`."""
        return np.float32(self.excess / self.least_signal_e) * self.compact[1] ** 2

    def correct(self, raw: NDArray[Any], background_adu: Image | None, images: tuple[Image, Image, Image]) -> None:
        """Convert a frame and its background into photoelectrons, and estimate each pixel's variance.

        Parameters
        ----------
        raw
            Frame ``(y, x)``, ADU.
        background_adu
            Background of the frame, ``(y, x)``, ADU; None for no background.
        images
            Images ``(y, x)``, float32, written: photoelectrons, background, variance.
        """
        height, width = raw.shape
        middle = np.array([[(width - 1) / 2, (height - 1) / 2]], np.float32)
        self.correct_about(middle, max(height, width), raw, background_adu, images)

    def correct_about(
        self,
        points: NDArray[np.float32],
        reach: int,
        raw: NDArray[Any],
        background_adu: Image | None,
        images: tuple[Image, Image, Image],
    ) -> None:
        """Apply :meth:`correct` within ``reach`` px of some points ``(point, 2 or more)``: x and y, px.

        Empty images of background and variance are not written.
        """
        noise = np.float32(self.excess / self.least_signal_e), np.float32(1 / self.least_signal_e)
        background = self.compact[0] if background_adu is None else background_adu
        correct_regions(points, reach, raw, background, self.compact, noise, images)


def _compact(image: CameraMap) -> CameraMap:
    return image[:1] if (image == image[0]).all() else image
