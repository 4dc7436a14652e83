"""The detector that the settings name."""

from __future__ import annotations

import pkgutil
from typing import Any

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.detection.detector import Detector
from pointillist.fitting.detection.methods import DETECTORS
from pointillist.fitting.settings import FitSettings


def detector_of(settings: FitSettings, camera: CameraMaps) -> Detector:
    """Return the detector that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, whose ``detector`` names the detector.
    camera
        Camera maps of the shape of the frames.
    """
    found = DETECTORS[settings.detector].detector
    make: Any = pkgutil.resolve_name(found) if isinstance(found, str) else found
    detector: Detector = make(settings, camera)
    return detector
