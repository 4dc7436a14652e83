"""The settings that exist: PYME's names, what they may be, and what they are if nobody says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pointillist.errors import SettingError
from pointillist.fitting.estimation import MODULES
from pointillist.settings.camera_schema import CAMERA_KEYS
from pointillist.settings.key import Confusion, Key
from pointillist.settings.kinds import BACKGROUND, FILE, LENGTH_UNIT, NUMBER, RANGE, SWITCH, TEXT, WHOLE_NUMBER

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

_IN_NM_NOT_PX = Confusion(question="is it in nm?", advice="then divide it by the size of a pixel in nm", low=20)
_PIXEL_CONFUSIONS = (
    Confusion(
        question="is it a pixel of the camera's chip?", advice="then divide it by the magnification", low=2.2, high=30
    ),
    Confusion(question="is it in nm?", convert=lambda size: 1e-3 * size),
    Confusion(question="is it in mm?", convert=lambda size: 1e3 * size),
    Confusion(question="is it in m?", convert=lambda size: 1e6 * size),
    Confusion(
        question="is it what a program writes that does not know it?", advice="then measure it", low=0.99, high=1.01
    ),
)

_TABLE = (
    Key(
        name="Analysis.FitModule",
        kind=TEXT,
        default="LatGaussFitFR",
        choices=tuple(MODULES),
        help="The fit, by PYME's name.",
    ),
    Key(
        name="Analysis.Estimator",
        kind=TEXT,
        default="wls",
        choices=("wls", "mle"),
        help="Weighted least squares, as PYME does it, or maximum likelihood.",
    ),
    Key(
        name="Analysis.Detector",
        kind=TEXT,
        default="difference-of-gaussians",
        choices=("difference-of-gaussians", "local-maximum", "wavelet"),
        help="What finds candidates; difference-of-gaussians is PYME's.",
    ),
    Key(
        name="Analysis.DetectionThreshold",
        kind=NUMBER,
        default=1.0,
        above=0,
        help="How bright a candidate must be: in units of the pixel's noise, or with SNRThreshold off in ADU; for "
        "wavelet in units of the first plane's standard deviation.",
    ),
    Key(
        name="Analysis.FalsePositives",
        kind=NUMBER,
        default=0.1,
        above=0,
        typical=(1e-9, 10),
        unit="per frame",
        help="What the threshold of the detector local-maximum allows in a frame without molecules.",
    ),
    Key(
        name="Analysis.VarianceWeightedDetection",
        kind=SWITCH,
        default=True,
        help="Whether noisy pixels count less in detection, where a variance map is in use.",
    ),
    Key(name="Analysis.SNRThreshold", kind=SWITCH, default=True, help="Whether the threshold follows the noise."),
    Key(name="Analysis.StartAt", kind=WHOLE_NUMBER, default=0, low=0, unit="frame", help="The first frame to analyse."),
    Key(
        name="Analysis.Background",
        kind=BACKGROUND,
        help="Method of the background, such as rollmed:k=100; where it is missing, BGRange and PCTBackground say it.",
    ),
    Key(
        name="Analysis.BackgroundFile",
        kind=FILE,
        unit="file",
        help="What the method copy takes the background from; 'pointillist background' makes it.",
    ),
    Key(
        name="Analysis.BGRange",
        kind=RANGE,
        default=(-30, 0),
        unit="frames",
        help="Frames, counted from each, that make its background; 0:0 for none.",
    ),
    Key(
        name="Analysis.PCTBackground",
        kind=NUMBER,
        default=0.0,
        low=0,
        high=1,
        confusions=(Confusion(question="is it in per cent?", convert=lambda rank: rank / 100),),
        help="Rank of the background among these frames, 0.25 for the lower quartile; 0 for their mean.",
    ),
    Key(
        name="Analysis.subtractBackground",
        kind=SWITCH,
        default=True,
        help="Whether the background is subtracted before the fit; detection always subtracts it.",
    ),
    Key(
        name="Analysis.DetectionRadiusLowpass",
        kind=NUMBER,
        default=1.0,
        above=0,
        high=20,
        typical=(0.3, 5),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Detection smooths with a Gaussian of this width.",
    ),
    Key(
        name="Analysis.DetectionRadiusHighpass",
        kind=NUMBER,
        default=3.0,
        above=0,
        high=100,
        typical=(1, 20),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Detection subtracts what a Gaussian of this width leaves.",
    ),
    Key(
        name="Analysis.DebounceRadius",
        kind=NUMBER,
        default=4.0,
        low=0,
        typical=(0, 50),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Of candidates nearer than this only the brightest is kept.",
    ),
    Key(
        name="Analysis.ClumpRejectRadius",
        kind=NUMBER,
        default=0.0,
        low=0,
        typical=(0, 50),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Candidates nearer than this are all dropped; 0 keeps them.",
    ),
    Key(
        name="Analysis.ROISize",
        kind=WHOLE_NUMBER,
        default=5,
        low=2,
        high=10,
        confusions=(Confusion(question="is it the whole width?", convert=lambda width: width // 2),),
        unit="px",
        help="Half size of the region that is fitted: 5 means 11 x 11. Without it AstigGaussFitFR has 7, LatFitCOIR 4.",
    ),
    Key(name="Analysis.FitBackground", kind=SWITCH, default=True, help="Whether a background is fitted."),
    Key(
        name="Analysis.BackgroundModel",
        kind=TEXT,
        default="auto",
        choices=("auto", "sloping", "flat"),
        help="The background that is fitted: auto is sloping, and flat for GaussFitConstrR, which has no slopes.",
    ),
    Key(
        name="Analysis.FitSigma",
        kind=SWITCH,
        default=True,
        help="Whether the width of a spot is fitted, or stays at PSFSigmaGuess.",
    ),
    Key(
        name="Analysis.Weights",
        kind=TEXT,
        default="data",
        choices=("data", "model", "smoothed"),
        help="Where the weights of wls come from: data is PYME's; the fitted model; or the smoothed data.",
    ),
    Key(
        name="Analysis.PSFSigmaGuess",
        kind=NUMBER,
        default=106.4,
        low=20,
        high=2000,
        typical=(50, 220),
        confusions=(
            Confusion(question="is it in µm?", convert=lambda width: 1e3 * width),
            Confusion(question="is it in m?", convert=lambda width: 1e9 * width),
            Confusion(
                question="is it in px?", advice="then multiply it by the size of a pixel in nm", low=0.3, high=20
            ),
            Confusion(
                question="is it the full width at half maximum (FWHM)?", convert=lambda width: width / FWHM, low=120
            ),
        ),
        unit="nm",
        help="Width of a spot that the fit starts from.",
    ),
    Key(
        name="EstimatedLaserOnFrameNo",
        kind=WHOLE_NUMBER,
        low=0,
        unit="frame",
        help="Background is not taken from before this frame.",
    ),
    Key(
        name="Protocol.DataStartsAt",
        kind=WHOLE_NUMBER,
        low=0,
        unit="frame",
        help="Where EstimatedLaserOnFrameNo is missing.",
    ),
    Key(
        name="Protocol.DarkFrameRange",
        kind=RANGE,
        unit="frames",
        help="Dark frames, whose median stands in for a missing Camera.ADOffset.",
    ),
    *(
        Key(
            name=f"voxelsize.{axis}",
            kind=NUMBER,
            low=0.01,
            high=5,
            typical=(0.03, 0.8),
            confusions=_PIXEL_CONFUSIONS,
            unit="µm",
            help=f"{what} of a pixel in the sample.",
        )
        for axis, what in (("x", "Width"), ("y", "Height"))
    ),
    Key(
        name="voxelsize.units",
        kind=LENGTH_UNIT,
        help="Unit of the sizes that stand beside it, such as nm or mm, where it is not µm; they are converted.",
    ),
    *CAMERA_KEYS,
)

KEYS: Mapping[str, Key] = {key.name: key for key in _TABLE}
"""Every setting that has an effect."""

ALIASES: Mapping[str, str] = {"Analysis.SubtractBackground": "Analysis.subtractBackground"}
"""What PYME's own presets write, and what they mean."""

WITHOUT_EFFECT = frozenset(
    f"Analysis.{name}"
    for name in (
        "ChunkSize", "DataFileID", "DebugLevel", "DriftIndices", "FiducalSize", "FiducialROISize", "FiducialSize",
        "FiducialThreshold", "GPUPCTBackground", "NumBGFrames", "TrackFiducials",
    )
) | frozenset(
    f"Camera.{name}"
    for name in (
        "Gain", "Model", "Name", "ROIHeight", "ROIWidth", "StartCCDTemp",
    )
)  # fmt: skip
"""PYME's settings and records that change no result here."""


def check_known(name: str) -> None:
    """Refuse a setting that does not exist.

    Parameters
    ----------
    name
        Name as the user wrote it.

    Raises
    ------
    SettingError
        If it looks like a setting and is none; it names the nearest. Other names are free: they are metadata.
    """
    known = [*KEYS, *ALIASES, *WITHOUT_EFFECT]
    if name in known:
        return
    nearest = _nearest(name, known)
    if nearest or name.split(".", maxsplit=1)[0].lower() in ("analysis", "camera", "voxelsize"):
        remedy = f"did you mean {nearest}?" if nearest else "'pointillist settings' lists all that there are"
        raise SettingError(name, "there is no such setting", remedy)


def _nearest(name: str, known: list[str]) -> str | None:
    spellings = {spelling.lower(): key for key in known[::-1] for spelling in (key.rpartition(".")[2], key)}
    found = difflib.get_close_matches(name.lower(), spellings, n=1, cutoff=0.8)
    return spellings[found[0]] if found else None
