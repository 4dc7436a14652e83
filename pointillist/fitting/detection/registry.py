"""Detectors by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pointillist.plugins import Registry

if TYPE_CHECKING:
    from pointillist.fitting.camera import CameraMaps
    from pointillist.fitting.detection.detector import Detector
    from pointillist.fitting.settings import FitSettings

DETECTORS: Registry[type[Detector]] = Registry(
    "pointillist.detectors",
    {
        "difference-of-gaussians": "pointillist.fitting.detection.difference_of_gaussians:DifferenceOfGaussians",
        "local-maximum": "pointillist.fitting.detection.local_maximum:LocalMaximum",
        "wavelet": "pointillist.fitting.detection.wavelet:Wavelet",
    },
)
"""Detectors by name."""


def detector_of(settings: FitSettings, camera: CameraMaps) -> Detector:
    """Return the detector that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, whose ``detector`` names the detector.
    camera
        Camera maps of the shape of the frames.
    """
    make: Any = DETECTORS[settings.detector]
    detector: Detector = make(settings, camera)
    return detector
