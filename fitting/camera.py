"""From ADU to photoelectrons, and how noisy each pixel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


CameraMap = NDArray[np.float32]
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
