"""All settings: PYME's names, types, bounds and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from pointillist import fitting
from pointillist.errors import PluginError
from pointillist.fitting.detection import DETECTORS, DetectionMethod
from pointillist.fitting.estimation import MODULES
from pointillist.plugins import NUMBER, RANGE, WHOLE_NUMBER, Confusion, Setting
from pointillist.settings.camera_schema import CAMERA_SETTINGS
from pointillist.settings.pixel_schema import PIXEL_SETTINGS
from pointillist.settings.value_types import BACKGROUND, FILE

_TABLE = (
    fitting.FIT_MODULE,
    fitting.ESTIMATOR,
    fitting.DETECTOR,
    fitting.THRESHOLD,
    fitting.FALSE_POSITIVES,
    fitting.VARIANCE_WEIGHTING,
    fitting.SNR_THRESHOLD,
    fitting.START_AT,
    Setting(
        name="Analysis.Background",
        value_type=BACKGROUND,
        help="Background method, such as rollmed:k=100; if empty, BGRange and PCTBackground define it.",
    ),
    Setting(
        name="Analysis.BackgroundFile",
        value_type=FILE,
        unit="file",
        help="Background file for the method copy, made by 'pointillist background'.",
    ),
    Setting(
        name="Analysis.BGRange",
        value_type=RANGE,
        default=(-30, 0),
        unit="frames",
        help="Range of frames, relative to each frame, that its background is computed from; 0:0 for no background.",
    ),
    Setting(
        name="Analysis.PCTBackground",
        value_type=NUMBER,
        default=0.0,
        low=0,
        high=1,
        confusions=(Confusion(question="is it in per cent?", convert=lambda rank: rank / 100),),
        help="Rank of the background among these frames, such as 0.25 for the lower quartile; 0 for their mean.",
    ),
    fitting.SUBTRACT_BACKGROUND,
    fitting.LOWPASS,
    fitting.HIGHPASS,
    fitting.DEBOUNCE_RADIUS,
    fitting.CLUMP_REJECT_RADIUS,
    fitting.ROI_SIZE,
    fitting.FIT_BACKGROUND,
    fitting.BACKGROUND_MODEL,
    fitting.FIT_SIGMA,
    fitting.WEIGHTS,
    fitting.PSF_SIGMA,
    fitting.FIRST_ILLUMINATED_FRAME,
    Setting(
        name="Protocol.DataStartsAt",
        value_type=WHOLE_NUMBER,
        low=0,
        unit="frame",
        help="First frame of the data, from 0; used if EstimatedLaserOnFrameNo is missing.",
    ),
    Setting(
        name="Protocol.DarkFrameRange",
        value_type=RANGE,
        unit="frames",
        help="Range of dark frames; their median is used if Camera.ADOffset is missing.",
    ),
    *PIXEL_SETTINGS,
    *CAMERA_SETTINGS,
)

BUILT_IN: Mapping[str, Setting] = {setting.name: setting for setting in _TABLE}
"""Settings of Pointillist, by name."""


def settings_of_parts() -> dict[str, Setting]:
    """Return the settings that detectors and fits use, also those of other packages, by name."""
    settings: dict[str, Setting] = {}
    for registry in (DETECTORS, MODULES):
        for name in registry:
            with suppress(PluginError):  # told where it is used
                part = registry[name]
                own = (part.threshold, *part.settings) if isinstance(part, DetectionMethod) else part.settings
                settings |= {setting.name: setting for setting in own}
    return settings


SETTINGS: Mapping[str, Setting] = {
    **BUILT_IN,
    **{name: own for name, own in settings_of_parts().items() if name not in BUILT_IN},
}
"""Every setting that has an effect, by name."""
