from .detector import (
    BORDER_PX as BORDER_PX,
    THRESHOLD_SETTINGS as THRESHOLD_SETTINGS,
    RawFrame as RawFrame,
)
from .registry import (
    DETECTORS as DETECTORS,
    detector_of as detector_of,
)
