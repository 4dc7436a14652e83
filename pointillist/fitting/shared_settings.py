"""Settings that our detectors and fits use: PYME's names, bounds and defaults. A part lists those that it uses."""

from __future__ import annotations

from typing import Literal

from pointillist.plugins import NUMBER, SWITCH, TEXT, WHOLE_NUMBER, Confusion, Setting

Estimator = Literal["wls", "mle"]
BackgroundModel = Literal["auto", "sloping", "flat", "none"]
Weights = Literal["data", "model", "smoothed"]

FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

ESTIMATOR = Setting(
    name="Analysis.Estimator",
    value_type=TEXT,
    default="wls",
    choices=("wls", "mle"),
    help="Estimator of the fit: weighted least squares, as in PYME, or maximum likelihood.",
    field="estimator",
)

ROI_SIZE = Setting(
    name="Analysis.ROISize",
    value_type=WHOLE_NUMBER,
    default=5,
    low=2,
    high=10,
    confusions=(Confusion(question="is it the whole width?", convert=lambda width: width // 2),),
    unit="px",
    help="Half size of the fitted region: 5 means 11 x 11 px. The default is 7 for AstigGaussFitFR and 4 "
    "for LatFitCOIR.",
    field="roi_half_size",
)

FIT_BACKGROUND = Setting(
    name="Analysis.FitBackground",
    value_type=SWITCH,
    default=True,
    help="Whether a local background is fitted together with the spot.",
)

BACKGROUND_MODEL = Setting(
    name="Analysis.BackgroundModel",
    value_type=TEXT,
    default="auto",
    choices=("auto", "sloping", "flat"),
    help="Shape of the fitted background; auto is sloping, but flat for GaussFitConstrR, which has no slopes.",
)

FIT_SIGMA = Setting(
    name="Analysis.FitSigma",
    value_type=SWITCH,
    default=True,
    help="Whether the width of the spot is fitted; otherwise it is fixed at PSFSigmaGuess.",
    field="is_sigma_fitted",
)

WEIGHTS = Setting(
    name="Analysis.Weights",
    value_type=TEXT,
    default="data",
    choices=("data", "model", "smoothed"),
    help="Source of the weights of the estimator wls: the data, as in PYME, the fitted model, or the smoothed data.",
    field="weights",
)

PSF_SIGMA = Setting(
    name="Analysis.PSFSigmaGuess",
    value_type=NUMBER,
    default=106.4,
    low=20,
    high=2000,
    typical=(50, 220),
    confusions=(
        Confusion(question="is it in µm?", convert=lambda width: 1e3 * width),
        Confusion(question="is it in m?", convert=lambda width: 1e9 * width),
        Confusion(question="is it in px?", advice="then multiply it by the size of a pixel in nm", low=0.3, high=20),
        Confusion(question="is it the full width at half maximum (FWHM)?", convert=lambda width: width / FWHM, low=120),
    ),
    unit="nm",
    help="Sigma of the Gaussian spot at the start of the fit.",
)

_IN_NM_NOT_PX = Confusion(question="is it in nm?", advice="then divide it by the size of a pixel in nm", low=20)

THRESHOLD = Setting(
    name="Analysis.DetectionThreshold",
    value_type=NUMBER,
    default=1.0,
    above=0,
    help="Minimum brightness of a candidate: in units of the pixel's noise, or in ADU if SNRThreshold is "
    "off; for wavelet in standard deviations of the first wavelet plane.",
    field="detection_threshold",
)

FALSE_POSITIVES = Setting(
    name="Analysis.FalsePositives",
    value_type=NUMBER,
    default=0.1,
    above=0,
    typical=(1e-9, 10),
    unit="per frame",
    help="Expected number of false candidates in a frame without molecules, for the detector local-maximum.",
    field="false_positives_per_frame",
)

VARIANCE_WEIGHTING = Setting(
    name="Analysis.VarianceWeightedDetection",
    value_type=SWITCH,
    default=True,
    help="Whether noisy pixels have less weight in detection, if there is a variance map.",
    field="is_detection_weighted",
)

SNR_THRESHOLD = Setting(
    name="Analysis.SNRThreshold",
    value_type=SWITCH,
    default=True,
    help="Whether the detection threshold is relative to the noise, instead of in ADU.",
    field="is_snr_threshold",
)

LOWPASS = Setting(
    name="Analysis.DetectionRadiusLowpass",
    value_type=NUMBER,
    default=1.0,
    above=0,
    high=20,
    typical=(0.3, 5),
    confusions=(_IN_NM_NOT_PX,),
    unit="px",
    help="Sigma of the Gaussian that smooths frames for detection.",
    field="lowpass_px",
)

HIGHPASS = Setting(
    name="Analysis.DetectionRadiusHighpass",
    value_type=NUMBER,
    default=3.0,
    above=0,
    high=100,
    typical=(1, 20),
    confusions=(_IN_NM_NOT_PX,),
    unit="px",
    help="Sigma of the Gaussian whose result is subtracted for detection, which removes broad structures.",
    field="highpass_px",
)

DEBOUNCE_RADIUS = Setting(
    name="Analysis.DebounceRadius",
    value_type=NUMBER,
    default=4.0,
    low=0,
    typical=(0, 50),
    confusions=(_IN_NM_NOT_PX,),
    unit="px",
    help="Distance within which only the brightest of several candidates is kept.",
    field="debounce_radius_px",
)

CLUMP_REJECT_RADIUS = Setting(
    name="Analysis.ClumpRejectRadius",
    value_type=NUMBER,
    default=0.0,
    low=0,
    typical=(0, 50),
    confusions=(_IN_NM_NOT_PX,),
    unit="px",
    help="Distance within which several candidates are all dropped; 0 to keep them.",
    field="clump_reject_radius_px",
)

NEIGHBOURS = (DEBOUNCE_RADIUS, CLUMP_REJECT_RADIUS)
"""Settings of the choice between candidates that are close to each other."""

GAUSSIAN_SETTINGS = (ESTIMATOR, ROI_SIZE, FIT_BACKGROUND, BACKGROUND_MODEL, FIT_SIGMA, WEIGHTS, PSF_SIGMA)
"""Settings of the fits of a Gaussian."""
