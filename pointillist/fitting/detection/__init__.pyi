from .detector import (
    BORDER_PX as BORDER_PX,
    Detector as Detector,
    RawFrame as RawFrame,
)
from .methods import (
    DETECTORS as DETECTORS,
    DetectionMethod as DetectionMethod,
)
from .registry import (
    detector_of as detector_of,
)
