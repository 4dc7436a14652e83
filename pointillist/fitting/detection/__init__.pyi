from .detector import (
    BORDER_PX as BORDER_PX,
    DETECTION_THRESHOLD as DETECTION_THRESHOLD,
    FALSE_POSITIVES as FALSE_POSITIVES,
    Detector as Detector,
    RawFrame as RawFrame,
    ThresholdSetting as ThresholdSetting,
)
from .registry import (
    DETECTORS as DETECTORS,
    detector_of as detector_of,
)
