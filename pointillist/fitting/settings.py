"""The settings of an analysis, in pixels and photoelectrons."""

from __future__ import annotations

from dataclasses import dataclass, field

from pointillist.fitting.backgrounds import BackgroundMethod, Mean


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """The settings of one analysis.

    Lengths are in px (of the x axis), intensities in photoelectrons. PYME's name of each setting is in brackets.

    Parameters
    ----------
    psf_sigma_px
        Start value of the standard deviation of the PSF, > 0 (``Analysis.PSFSigmaGuess``).
    detection_threshold
        Detection threshold, > 0, in units of the pixel's noise if ``is_snr_threshold``, otherwise in photoelectrons
        (``Analysis.DetectionThreshold``).
    is_snr_threshold
        Whether the threshold scales with each pixel's noise (``Analysis.SNRThreshold``).
    start_at
        First frame to analyse, from 0 (``Analysis.StartAt``).
    background
        Background method (``Analysis.Background``, else ``Analysis.BGRange`` and ``Analysis.PCTBackground``).
    is_background_subtracted
        Whether the fit is given background-subtracted data, as detection always is (``Analysis.subtractBackground``).
    lowpass_px, highpass_px
        Standard deviations of the Gaussian averages of the band-pass of detection (``Analysis.DetectionRadiusLowpass``,
        ``Analysis.DetectionRadiusHighpass``).
    debounce_radius_px
        Radius within which only the brightest candidate is kept (``Analysis.DebounceRadius``).
    clump_reject_radius_px
        Radius within which candidates with a neighbour are all dropped; 0 keeps them (``Analysis.ClumpRejectRadius``).
    detector
        Name of the detector in its registry (``Analysis.Detector``).
    false_positives_per_frame
        Expected number of false positives in an empty frame, for the detector ``local-maximum``
        (``Analysis.FalsePositives``).
    is_detection_weighted
        Whether detection weights pixels by the inverse of their variance, if they differ in read noise
        (``Analysis.VarianceWeightedDetection``).
    roi_half_size
        Half size ``n`` of the fitted region of ``2 n + 1`` px squared (``Analysis.ROISize``).
    estimator
        Name of the estimator: ``wls``, weighted least squares, or ``mle``, maximum likelihood (``Analysis.Estimator``).
    is_sigma_fitted
        Whether the width is fitted; otherwise it stays at ``psf_sigma_px`` (``Analysis.FitSigma``).
    background_model
        Background that is fitted with the spot: ``sloping``, ``flat`` or ``none`` (``Analysis.BackgroundModel``,
        ``Analysis.FitBackground``).
    weights
        Source of the weights of least squares: the ``data``, the fitted ``model``, or the ``smoothed`` data
        (``Analysis.Weights``).
    first_illuminated_frame
        First frame that may enter a background window (``EstimatedLaserOnFrameNo``).
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
