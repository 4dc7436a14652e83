"""The settings that exist: PYME's names, what they may be, and what they are if nobody says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from fitting.modules import MODULES
from pipeline_files.camera_keys import CAMERA_KEYS
from pipeline_files.key import Key
from pipeline_files.kinds import BACKGROUND, FILE, NUMBER, RANGE, SWITCH, TEXT, WHOLE_NUMBER
from pipeline_protocol.errors import SettingError

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
        unit="px",
        help="Detection smooths with a Gaussian of this width.",
    ),
    Key(
        name="Analysis.DetectionRadiusHighpass",
        kind=NUMBER,
        default=3.0,
        above=0,
        unit="px",
        help="Detection subtracts what a Gaussian of this width leaves.",
    ),
    Key(
        name="Analysis.DebounceRadius",
        kind=NUMBER,
        default=4.0,
        low=0,
        unit="px",
        help="Of candidates nearer than this only the brightest is kept.",
    ),
    Key(
        name="Analysis.ClumpRejectRadius",
        kind=NUMBER,
        default=0.0,
        low=0,
        unit="px",
        help="Candidates nearer than this are all dropped; 0 keeps them.",
    ),
    Key(
        name="Analysis.ROISize",
        kind=WHOLE_NUMBER,
        default=5,
        low=2,
        high=10,
        unit="px",
        help="Half size of the region that is fitted: 5 means 11 x 11. Without it AstigGaussFitFR has 7, LatFitCOIR 4.",
    ),
    Key(name="Analysis.FitBackground", kind=SWITCH, default=True, help="Whether a background is fitted."),
    Key(
        name="Analysis.BackgroundModel",
        kind=TEXT,
        default="auto",
        choices=("auto", "sloping", "flat"),
        help="The background that is fitted: auto is sloping for wls, flat for mle and for GaussFitConstrR.",
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
        above=0,
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
    Key(name="voxelsize.x", kind=NUMBER, above=0, unit="µm", help="Width of a pixel in the sample."),
    Key(name="voxelsize.y", kind=NUMBER, above=0, unit="µm", help="Height of a pixel in the sample."),
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
        As the user wrote it.

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
