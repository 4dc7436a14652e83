"""The settings of the camera and of its maps."""

from __future__ import annotations

import math

from pointillist.fitting.camera import AS_IS, ORIENTATIONS
from pointillist.plugins import NUMBER, SWITCH, TEXT, WHOLE_NUMBER, Confusion, Setting
from pointillist.settings.value_types import FILE

ELECTRONS2, ADU2 = "electrons^2", "ADU^2"
"""Units of a variance map; PYME's spelling."""

_SECONDS_CONFUSIONS = (
    Confusion(question="is it in ms?", convert=lambda time: 1e-3 * time),
    Confusion(question="is it in µs?", convert=lambda time: 1e-6 * time),
    Confusion(question="is it in ns?", convert=lambda time: 1e-9 * time),
)
_ITS_SQUARE = "is it its square?"

CAMERA_SETTINGS = (
    Setting(
        name="Camera.Type",
        value_type=TEXT,
        choices=("CCD", "EMCCD", "sCMOS"),
        help="Camera type, which determines the values below that must be given.",
    ),
    Setting(
        name="Camera.ElectronsPerCount",
        value_type=NUMBER,
        low=0.005,
        high=500,
        typical=(0.05, 100),
        confusions=(Confusion(question="is it in ADU/e-?", convert=lambda gain: 1 / gain),),
        unit="e-/ADU",
        help="Gain of the camera: electrons per ADU, after the EM register if there is one.",
    ),
    Setting(
        name="Camera.TrueEMGain",
        value_type=NUMBER,
        low=0.9,
        high=10000,
        typical=(0.9, 2000),
        confusions=(Confusion(question="is there no EM register, or is it off?", advice="then give 1", high=0.9),),
        help="Gain of the EM register; 1 for a camera without one.",
    ),
    Setting(
        name="Camera.NoiseFactor",
        value_type=NUMBER,
        low=0.95,
        high=1.9,
        typical=(0.95, 1.5),
        confusions=(Confusion(question=_ITS_SQUARE, convert=math.sqrt, low=1),),
        help="Excess noise factor: 1.41 with an EM register, 1 without.",
    ),
    Setting(
        name="Camera.ReadNoise",
        value_type=NUMBER,
        low=0,
        high=1000,
        typical=(0.1, 400),
        confusions=(
            Confusion(question=_ITS_SQUARE, convert=math.sqrt, low=400),
            Confusion(question="no camera is free of it:", advice="take it from the data sheet", low=0, high=0.1),
        ),
        unit="e- rms",
        help="Read noise, after the EM register if there is one.",
    ),
    Setting(
        name="Camera.CycleTime",
        value_type=NUMBER,
        low=0,
        typical=(0, 2),
        confusions=_SECONDS_CONFUSIONS,
        unit="s",
        help="Time from frame to frame; required only by the background method sparsemed with an interval in seconds.",
    ),
    Setting(
        name="Camera.ADOffset",
        value_type=NUMBER,
        typical=(0, 10000),
        unit="ADU",
        help="Mean pixel value of the camera in the dark.",
    ),
    Setting(name="Camera.DarkMapID", value_type=FILE, unit="file", help="Map of the dark signal of each pixel, ADU."),
    Setting(
        name="Camera.VarianceMapID",
        value_type=FILE,
        unit="file",
        help="Map of the read variance of each pixel, e-² unless VarianceMapUnits says otherwise.",
    ),
    Setting(
        name="Camera.FlatfieldMapID",
        value_type=FILE,
        unit="file",
        help="Map of the factors that equalise the response of the pixels, near 1.",
    ),
    Setting(
        name="Camera.Maps",
        value_type=TEXT,
        default="given",
        choices=("given", "default"),
        help="Source of missing maps; default takes those in PYME's CALIBRATION folder for this camera and exposure.",
    ),
    Setting(
        name="Camera.SerialNumber",
        value_type=TEXT,
        help="Serial number of the camera, the name of its folder in CALIBRATION.",
    ),
    Setting(
        name="Camera.IntegrationTime",
        value_type=NUMBER,
        low=0,
        typical=(0, 2),
        confusions=_SECONDS_CONFUSIONS,
        unit="s",
        help="Exposure time, part of the names of the maps in CALIBRATION.",
    ),
    Setting(
        name="Camera.MapOrientation",
        value_type=TEXT,
        default=AS_IS,
        choices=tuple(ORIENTATIONS),
        help="Transformation of the maps to the orientation of the movie.",
    ),
    Setting(
        name="Camera.VarianceMapUnits",
        value_type=TEXT,
        default=ELECTRONS2,
        choices=(ELECTRONS2, ADU2),
        help="Unit of the variance map.",
    ),
    Setting(
        name="Camera.CheckMaps",
        value_type=SWITCH,
        default=True,
        help="Whether the analysis stops if a map does not belong to the movie.",
    ),
    Setting(
        name="Camera.ROIOriginX",
        value_type=WHOLE_NUMBER,
        low=0,
        unit="px",
        help="First column of the movie on the chip, from 0.",
    ),
    Setting(
        name="Camera.ROIOriginY",
        value_type=WHOLE_NUMBER,
        low=0,
        unit="px",
        help="First row of the movie on the chip, from 0.",
    ),
    Setting(
        name="Camera.ROIPosX",
        value_type=WHOLE_NUMBER,
        low=1,
        unit="px",
        help="First column of the movie on the chip, from 1.",
    ),
    Setting(
        name="Camera.SensorWidth",
        value_type=WHOLE_NUMBER,
        low=1,
        unit="px",
        help="Width of the chip, for 'pointillist maps make'.",
    ),
    Setting(
        name="Camera.SensorHeight",
        value_type=WHOLE_NUMBER,
        low=1,
        unit="px",
        help="Height of the chip, for 'pointillist maps make'.",
    ),
    Setting(
        name="Camera.ROIPosY",
        value_type=WHOLE_NUMBER,
        low=1,
        unit="px",
        help="First row of the movie on the chip, from 1.",
    ),
)
