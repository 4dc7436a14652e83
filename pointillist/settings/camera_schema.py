"""The settings of the camera and of its maps."""

from __future__ import annotations

import math

from pointillist.fitting.camera import AS_IS, ORIENTATIONS
from pointillist.settings.key import Confusion, Key
from pointillist.settings.kinds import FILE, NUMBER, SWITCH, TEXT, WHOLE_NUMBER

ELECTRONS2, ADU2 = "electrons^2", "ADU^2"
"""Units of a variance map; PYME's spelling."""

_SECONDS_CONFUSIONS = (
    Confusion(question="is it in ms?", convert=lambda time: 1e-3 * time),
    Confusion(question="is it in µs?", convert=lambda time: 1e-6 * time),
    Confusion(question="is it in ns?", convert=lambda time: 1e-9 * time),
)
_ITS_SQUARE = "is it its square?"

CAMERA_KEYS = (
    Key(
        name="Camera.Type",
        kind=TEXT,
        choices=("CCD", "EMCCD", "sCMOS"),
        help="Says which of the values below must be given, and which follow.",
    ),
    Key(
        name="Camera.ElectronsPerCount",
        kind=NUMBER,
        low=0.005,
        high=500,
        typical=(0.05, 100),
        confusions=(Confusion(question="is it in ADU/e-?", convert=lambda gain: 1 / gain),),
        unit="e-/ADU",
        help="Electrons, after an EM register, per count.",
    ),
    Key(
        name="Camera.TrueEMGain",
        kind=NUMBER,
        low=0.9,
        high=10000,
        typical=(0.9, 2000),
        confusions=(Confusion(question="is there no EM register, or is it off?", advice="then give 1", high=0.9),),
        help="True gain of the EM register; 1 without one.",
    ),
    Key(
        name="Camera.NoiseFactor",
        kind=NUMBER,
        low=0.95,
        high=1.9,
        typical=(0.95, 1.5),
        confusions=(Confusion(question=_ITS_SQUARE, convert=math.sqrt, low=1),),
        help="Excess noise: 1.41 with an EM register, 1 without.",
    ),
    Key(
        name="Camera.ReadNoise",
        kind=NUMBER,
        low=0,
        high=1000,
        typical=(0.1, 400),
        confusions=(
            Confusion(question=_ITS_SQUARE, convert=math.sqrt, low=400),
            Confusion(question="no camera is free of it:", advice="take it from the data sheet", low=0, high=0.1),
        ),
        unit="e- rms",
        help="Noise of the readout, after an EM register.",
    ),
    Key(
        name="Camera.CycleTime",
        kind=NUMBER,
        low=0,
        typical=(0, 2),
        confusions=_SECONDS_CONFUSIONS,
        unit="s",
        help="From frame to frame; only a background by seconds, sparsemed, needs it.",
    ),
    Key(
        name="Camera.ADOffset",
        kind=NUMBER,
        typical=(0, 10000),
        unit="ADU",
        help="What the camera gives in the dark.",
    ),
    Key(name="Camera.DarkMapID", kind=FILE, unit="file", help="Dark signal of each pixel, ADU."),
    Key(name="Camera.VarianceMapID", kind=FILE, unit="file", help="Variance of each pixel's readout, e-²."),
    Key(name="Camera.FlatfieldMapID", kind=FILE, unit="file", help="Factor that makes each pixel respond alike."),
    Key(
        name="Camera.Maps",
        kind=TEXT,
        default="given",
        choices=("given", "default"),
        help="The maps above; default adds those that PYME's CALIBRATION folder has for this camera and exposure.",
    ),
    Key(name="Camera.SerialNumber", kind=TEXT, help="Names the folder of the camera's maps."),
    Key(
        name="Camera.IntegrationTime",
        kind=NUMBER,
        low=0,
        typical=(0, 2),
        confusions=_SECONDS_CONFUSIONS,
        unit="s",
        help="Exposure; names the maps in that folder.",
    ),
    Key(
        name="Camera.MapOrientation",
        kind=TEXT,
        default=AS_IS,
        choices=tuple(ORIENTATIONS),
        help="How maps are turned to lie as the movie does.",
    ),
    Key(
        name="Camera.VarianceMapUnits",
        kind=TEXT,
        default=ELECTRONS2,
        choices=(ELECTRONS2, ADU2),
        help="Unit of the variance map.",
    ),
    Key(
        name="Camera.CheckMaps",
        kind=SWITCH,
        default=True,
        help="Whether a map that does not belong to the movie stops the analysis.",
    ),
    Key(
        name="Camera.ROIOriginX",
        kind=WHOLE_NUMBER,
        low=0,
        unit="px",
        help="First column of the chip in the movie, from 0.",
    ),
    Key(
        name="Camera.ROIOriginY",
        kind=WHOLE_NUMBER,
        low=0,
        unit="px",
        help="First row of the chip in the movie, from 0.",
    ),
    Key(
        name="Camera.ROIPosX",
        kind=WHOLE_NUMBER,
        low=1,
        unit="px",
        help="First column of the chip in the movie, from 1.",
    ),
    Key(name="Camera.SensorWidth", kind=WHOLE_NUMBER, low=1, unit="px", help="Width of the chip, for 'maps make'."),
    Key(name="Camera.SensorHeight", kind=WHOLE_NUMBER, low=1, unit="px", help="Height of the chip, for 'maps make'."),
    Key(name="Camera.ROIPosY", kind=WHOLE_NUMBER, low=1, unit="px", help="First row of the chip in the movie, from 1."),
)
