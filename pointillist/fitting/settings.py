"""How a movie is to be analysed, in pixels and photoelectrons."""

from __future__ import annotations

from dataclasses import dataclass, field

from pointillist.fitting.backgrounds import BackgroundMethod, Mean


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """The settings of one analysis.

    Lengths are in px (of the x axis), intensities in photoelectrons. PYME's name of each setting stands in brackets.

    Parameters
    ----------
    psf_sigma_px
        Standard deviation that a fit starts from (``Analysis.PSFSigmaGuess``), > 0.
    detection_threshold
        In units of the pixel's noise where ``is_snr_threshold``, else in photoelectrons
        (``Analysis.DetectionThreshold``), > 0.
    is_snr_threshold
        Whether the threshold scales with each pixel's noise (``Analysis.SNRThreshold``).
    start_at
        First frame to analyse (``Analysis.StartAt``).
    background
        What each pixel reads without a molecule (``Analysis.Background``, else ``Analysis.BGRange`` and
        ``Analysis.PCTBackground``).
    is_background_subtracted
        Whether the fit sees background-subtracted data; detection always does (``Analysis.subtractBackground``).
    lowpass_px, highpass_px
        Gaussian widths of the band-pass that detection filters with
        (``Analysis.DetectionRadiusLowpass``, ``Analysis.DetectionRadiusHighpass``).
    debounce_radius_px
        Of candidates nearer than this only the brightest is kept (``Analysis.DebounceRadius``).
    clump_reject_radius_px
        Candidates with a neighbour nearer than this are all dropped; 0 keeps them (``Analysis.ClumpRejectRadius``).
    detector
        Name of the detector in its registry (``Analysis.Detector``).
    false_positives_per_frame
        What the threshold of the detector ``local-maximum`` allows in an empty frame (``Analysis.FalsePositives``).
    is_detection_weighted
        Whether detection weighs pixels by their read variance, where it differs between them
        (``Analysis.VarianceWeightedDetection``).
    roi_half_size
        A region of ``2 n + 1`` px squared is fitted (``Analysis.ROISize``).
    estimator
        ``wls``, weighted least squares, or ``mle``, maximum likelihood (``Analysis.Estimator``).
    is_sigma_fitted
        Whether the width is fitted, or stays at ``psf_sigma_px`` (``Analysis.FitSigma``).
    background_model
        What is fitted besides the spot: ``sloping``, ``flat`` or ``none`` (``Analysis.BackgroundModel``,
        ``Analysis.FitBackground``).
    weights
        Where the weights of least squares come from: the ``data``, the fitted ``model``, or the ``smoothed`` data
        (``Analysis.Weights``).
    first_illuminated_frame
        Background windows begin no earlier (``EstimatedLaserOnFrameNo``).
    pixel_aspect
        Height of a pixel over its width.
    fit_module
        Name of the fit in the registry (``Analysis.FitModule``).
    """

    psf_sigma_px: float
    detection_threshold: float = 1.0
    is_snr_threshold: bool = True
    start_at: int = 0
    background: BackgroundMethod = field(default_factory=Mean)
    is_background_subtracted: bool = True
    lowpass_px: float = 1.0
    highpass_px: float = 3.0
    debounce_radius_px: float = 4.0
    clump_reject_radius_px: float = 0.0
    detector: str = "difference-of-gaussians"
    false_positives_per_frame: float = 0.1
    is_detection_weighted: bool = True
    roi_half_size: int = 5
    estimator: str = "wls"
    is_sigma_fitted: bool = True
    background_model: str = "sloping"
    weights: str = "data"
    first_illuminated_frame: int = 0
    pixel_aspect: float = 1.0
    fit_module: str = "LatGaussFitFR"
