"""Detectors by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fitting.camera import CameraMaps
from fitting.detection import Detector
from fitting.difference_of_gaussians import DifferenceOfGaussians
from fitting.local_maximum import LocalMaximum
from fitting.settings import FitSettings
from fitting.wavelet import Wavelet

DETECTORS: Mapping[str, Callable[[FitSettings, CameraMaps], Detector]] = {
    "difference-of-gaussians": DifferenceOfGaussians,
    "local-maximum": LocalMaximum,
    "wavelet": Wavelet,
}
"""Each makes a detector for frames of the shape of the camera's maps."""


def detector_of(settings: FitSettings, camera: CameraMaps) -> Detector:
    """Make the detector that the settings ask for.

    Parameters
    ----------
    settings
        ``detector`` chooses.
    camera
        Of frames of the shape of its maps.
    """
    return DETECTORS[settings.detector](settings, camera)
