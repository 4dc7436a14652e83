"""Detectors by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.detector import Detector
from pointillist.fitting.detection.difference_of_gaussians import DifferenceOfGaussians
from pointillist.fitting.detection.local_maximum import LocalMaximum
from pointillist.fitting.detection.wavelet import Wavelet
from pointillist.fitting.settings import FitSettings

DETECTORS: Mapping[str, Callable[[FitSettings, CameraMaps], Detector]] = {
    "difference-of-gaussians": DifferenceOfGaussians,
    "local-maximum": LocalMaximum,
    "wavelet": Wavelet,
}
"""Constructors of detectors for frames of the shape of the camera maps."""


def detector_of(settings: FitSettings, camera: CameraMaps) -> Detector:
    """Return the detector that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, whose ``detector`` names the detector.
    camera
        Camera maps of the shape of the frames.
    """
    return DETECTORS[settings.detector](settings, camera)
