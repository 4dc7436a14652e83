"""All settings: PYME's names, types, bounds and defaults."""

from __future__ import annotations

from collections.abc import Mapping

from pointillist.fitting.detection import DETECTORS
from pointillist.fitting.estimation import MODULES
from pointillist.settings.camera_schema import CAMERA_SETTINGS
from pointillist.settings.pixel_schema import PIXEL_SETTINGS
from pointillist.settings.setting import Confusion, Setting
from pointillist.settings.value_types import BACKGROUND, FILE, NUMBER, RANGE, SWITCH, TEXT, WHOLE_NUMBER

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

_IN_NM_NOT_PX = Confusion(question="is it in nm?", advice="then divide it by the size of a pixel in nm", low=20)

_TABLE = (
    Setting(
        name="Analysis.FitModule",
        value_type=TEXT,
        default="LatGaussFitFR",
        choices=MODULES,
        help="Fit of each candidate, by PYME's name.",
    ),
    Setting(
        name="Analysis.Estimator",
        value_type=TEXT,
        default="wls",
        choices=("wls", "mle"),
        help="Estimator of the fit: weighted least squares, as in PYME, or maximum likelihood.",
    ),
    Setting(
        name="Analysis.Detector",
        value_type=TEXT,
        default="difference-of-gaussians",
        choices=DETECTORS,
        help="Method that finds candidates; PYME's is difference-of-gaussians.",
    ),
    Setting(
        name="Analysis.DetectionThreshold",
        value_type=NUMBER,
        default=1.0,
        above=0,
        help="Minimum brightness of a candidate: in units of the pixel's noise, or in ADU if SNRThreshold is "
        "off; for wavelet in standard deviations of the first wavelet plane.",
    ),
    Setting(
        name="Analysis.FalsePositives",
        value_type=NUMBER,
        default=0.1,
        above=0,
        typical=(1e-9, 10),
        unit="per frame",
        help="Expected number of false candidates in a frame without molecules, for the detector local-maximum.",
    ),
    Setting(
        name="Analysis.VarianceWeightedDetection",
        value_type=SWITCH,
        default=True,
        help="Whether noisy pixels have less weight in detection, if there is a variance map.",
    ),
    Setting(
        name="Analysis.SNRThreshold",
        value_type=SWITCH,
        default=True,
        help="Whether the detection threshold is relative to the noise, instead of in ADU.",
    ),
    Setting(
        name="Analysis.StartAt",
        value_type=WHOLE_NUMBER,
        default=0,
        low=0,
        unit="frame",
        help="First frame to analyse, from 0.",
    ),
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
    Setting(
        name="Analysis.subtractBackground",
        value_type=SWITCH,
        default=True,
        help="Whether the background is subtracted before the fit; detection always subtracts it.",
    ),
    Setting(
        name="Analysis.DetectionRadiusLowpass",
        value_type=NUMBER,
        default=1.0,
        above=0,
        high=20,
        typical=(0.3, 5),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Sigma of the Gaussian that smooths frames for detection.",
    ),
    Setting(
        name="Analysis.DetectionRadiusHighpass",
        value_type=NUMBER,
        default=3.0,
        above=0,
        high=100,
        typical=(1, 20),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Sigma of the Gaussian whose result is subtracted for detection, which removes broad structures.",
    ),
    Setting(
        name="Analysis.DebounceRadius",
        value_type=NUMBER,
        default=4.0,
        low=0,
        typical=(0, 50),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Distance within which only the brightest of several candidates is kept.",
    ),
    Setting(
        name="Analysis.ClumpRejectRadius",
        value_type=NUMBER,
        default=0.0,
        low=0,
        typical=(0, 50),
        confusions=(_IN_NM_NOT_PX,),
        unit="px",
        help="Distance within which several candidates are all dropped; 0 to keep them.",
    ),
    Setting(
        name="Analysis.ROISize",
        value_type=WHOLE_NUMBER,
        default=5,
        low=2,
        high=10,
        confusions=(Confusion(question="is it the whole width?", convert=lambda width: width // 2),),
        unit="px",
        help="Half size of the fitted region: 5 means 11 x 11 px. The default is 7 for AstigGaussFitFR and 4 "
        "for LatFitCOIR.",
    ),
    Setting(
        name="Analysis.FitBackground",
        value_type=SWITCH,
        default=True,
        help="Whether a local background is fitted together with the spot.",
    ),
    Setting(
        name="Analysis.BackgroundModel",
        value_type=TEXT,
        default="auto",
        choices=("auto", "sloping", "flat"),
        help="Shape of the fitted background; auto is sloping, but flat for GaussFitConstrR, which has no slopes.",
    ),
    Setting(
        name="Analysis.FitSigma",
        value_type=SWITCH,
        default=True,
        help="Whether the width of the spot is fitted; otherwise it is fixed at PSFSigmaGuess.",
    ),
    Setting(
        name="Analysis.Weights",
        value_type=TEXT,
        default="data",
        choices=("data", "model", "smoothed"),
        help="Source of the weights of the estimator wls: the data, as in PYME, the fitted model, or the "
        "smoothed data.",
    ),
    Setting(
        name="Analysis.PSFSigmaGuess",
        value_type=NUMBER,
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
        help="Sigma of the Gaussian spot at the start of the fit.",
    ),
    Setting(
        name="EstimatedLaserOnFrameNo",
        value_type=WHOLE_NUMBER,
        low=0,
        unit="frame",
        help="First frame with the laser on, from 0; earlier frames do not contribute to the background.",
    ),
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

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _TABLE}
"""Every setting that has an effect."""
