"""The settings of an analysis, in pixels and photoelectrons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pointillist.errors import SettingError
from pointillist.fitting.backgrounds import BackgroundMethod, Mean
from pointillist.fitting.detection import DETECTORS
from pointillist.fitting.estimation import MODULES
from pointillist.fitting.shared_settings import (
    BACKGROUND_MODEL,
    ESTIMATOR,
    FALSE_POSITIVES,
    FIT_BACKGROUND,
    FIT_SIGMA,
    GAUSSIAN_SETTINGS,
    HIGHPASS,
    LOWPASS,
    NEIGHBOURS,
    PSF_SIGMA,
    SNR_THRESHOLD,
    THRESHOLD,
    VARIANCE_WEIGHTING,
    WEIGHTS,
    BackgroundModel,
    Estimator,
    Weights,
)
from pointillist.plugins import SWITCH, TEXT, WHOLE_NUMBER, Setting, Value

FIT_MODULE = Setting(
    name="Analysis.FitModule",
    value_type=TEXT,
    default="LatGaussFitFR",
    choices=MODULES,
    help="Fit of each candidate, by PYME's name.",
    field="fit_module",
)

DETECTOR = Setting(
    name="Analysis.Detector",
    value_type=TEXT,
    default="difference-of-gaussians",
    choices=DETECTORS,
    help="Method that finds candidates; PYME's is difference-of-gaussians.",
    field="detector",
)

START_AT = Setting(
    name="Analysis.StartAt",
    value_type=WHOLE_NUMBER,
    default=0,
    low=0,
    unit="frame",
    help="First frame to analyse, from 0.",
    field="start_at",
)

SUBTRACT_BACKGROUND = Setting(
    name="Analysis.subtractBackground",
    value_type=SWITCH,
    default=True,
    help="Whether the background is subtracted before the fit; detection always subtracts it.",
    field="is_background_subtracted",
)

FIRST_ILLUMINATED_FRAME = Setting(
    name="EstimatedLaserOnFrameNo",
    value_type=WHOLE_NUMBER,
    low=0,
    unit="frame",
    help="First frame with the laser on, from 0; earlier frames do not contribute to the background.",
    field="first_illuminated_frame",
)

_ALL = (
    FIT_MODULE,
    DETECTOR,
    START_AT,
    SUBTRACT_BACKGROUND,
    FIRST_ILLUMINATED_FRAME,
    THRESHOLD,
    SNR_THRESHOLD,
    FALSE_POSITIVES,
    LOWPASS,
    HIGHPASS,
    VARIANCE_WEIGHTING,
    *NEIGHBOURS,
    *GAUSSIAN_SETTINGS,
)

FIELDS: Mapping[str, Setting] = {setting.field: setting for setting in _ALL if setting.field}
"""Settings whose values are those of a field of :class:`FitSettings`, by its name."""

_SHARED = frozenset({*(setting.name for setting in _ALL), FIT_BACKGROUND.name, BACKGROUND_MODEL.name, PSF_SIGMA.name})


def settings_of(detector: str, fit_module: str) -> tuple[list[Setting], list[Setting]]:
    """Return the settings that a detector and a fit share with others of ours, and those that only they have.

    Parameters
    ----------
    detector, fit_module
        Names in their registries.
    """
    method = DETECTORS[detector]
    used = [method.threshold, *method.settings, *MODULES[fit_module].settings]
    return [each for each in used if each.name in _SHARED], [each for each in used if each.name not in _SHARED]


_OTHER_MODULE = "leave it out, or choose another Analysis.FitModule"


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
        Background that is fitted with the spot: ``sloping``, ``flat``, ``none``, or ``auto`` for the first that the
        fit module has (``Analysis.BackgroundModel``, ``Analysis.FitBackground``).
    weights
        Source of the weights of least squares: the ``data``, the fitted ``model``, or the ``smoothed`` data
        (``Analysis.Weights``).
    first_illuminated_frame
        First frame that may enter a background window (``EstimatedLaserOnFrameNo``).
    pixel_aspect
        Height of a pixel over its width.
    fit_module
        Name of the fit in the registry (``Analysis.FitModule``).
    own
        Values of settings that parts of other packages bring, by name.

    Raises
    ------
    SettingError
        If a value is of the wrong type, out of range, or cannot be combined with another one.
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
    estimator: Estimator = "wls"
    is_sigma_fitted: bool = True
    background_model: BackgroundModel = "auto"
    weights: Weights = "data"
    first_illuminated_frame: int = 0
    pixel_aspect: float = 1.0
    fit_module: str = "LatGaussFitFR"
    own: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check all values, and convert each to its type."""
        for name, setting in FIELDS.items():
            object.__setattr__(self, name, setting.parse(_plain(getattr(self, name))))
        for name in ("psf_sigma_px", "pixel_aspect"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))
        if not isinstance(self.background, BackgroundMethod):
            raise SettingError(
                "Analysis.Background", f"{self.background!r} is not a method", "use background_method(IDENTIFIER)"
            )
        if self.background_model not in (*BACKGROUND_MODEL.choices, "none"):
            BACKGROUND_MODEL.parse(_plain(self.background_model))
        if self.background_model == "auto":
            first = next(iter(MODULES[self.fit_module].backgrounds), "none")
            object.__setattr__(self, "background_model", first)
        object.__setattr__(self, "own", self._checked_own())
        self._check_fit()
        self._check_detection()

    def value(self, setting: Setting) -> Any:  # noqa: ANN401 - of the setting's type
        """Return the value of a setting that a part declares; its default where nothing is given."""
        return getattr(self, setting.field) if setting.field else self.own.get(setting.name, setting.default)

    def with_value(self, setting: Setting, value: Value) -> Self:
        """Return settings that differ in the value of one that a part declares."""
        if setting.field:
            changes: dict[str, Any] = {setting.field: value}
            return replace(self, **changes)
        return replace(self, own={**self.own, setting.name: setting.parse(value)})

    def _checked_own(self) -> dict[str, Value]:
        """Return the values of all settings that the detector and the fit bring, with defaults where none is given."""
        brought = {setting.name: setting for setting in settings_of(self.detector, self.fit_module)[1]}
        for name in self.own.keys() - brought:
            problem = f"is no setting of {self.detector} or {self.fit_module}"
            raise SettingError(name, problem, f"leave it out; there is {', '.join(brought) or 'none'}")
        return {name: setting.parse(_plain(self.own.get(name, setting.default))) for name, setting in brought.items()}

    def _check_fit(self) -> None:
        """Refuse what the fit module cannot do."""
        module = MODULES[self.fit_module]
        possible = (
            (ESTIMATOR, self.estimator, self.estimator in (module.estimators or ("wls",))),
            (BACKGROUND_MODEL, self.background_model, self.background_model in (*module.backgrounds, "none")),
            (FIT_SIGMA, self.is_sigma_fitted, module.has_free_width or self.is_sigma_fitted),
            (WEIGHTS, self.weights, bool(module.estimators) or self.weights == "data"),
        )
        for setting, value, is_possible in possible:
            if not is_possible:
                raise SettingError(setting.name, f"{value} cannot be combined with {self.fit_module}", _OTHER_MODULE)
        if self.weights != "data" and self.estimator == "mle":
            problem = f"{self.weights} cannot be combined with {ESTIMATOR.name}=mle, which weighs by its model"
            raise SettingError(WEIGHTS.name, problem, "leave one of them out")

    def _check_detection(self) -> None:
        """Refuse a band-pass that lets nothing pass."""
        if LOWPASS in DETECTORS[self.detector].settings and self.lowpass_px >= self.highpass_px:
            raise SettingError(
                LOWPASS.name,
                f"{self.lowpass_px:g} px is not below {HIGHPASS.name}={self.highpass_px:g} px: nothing passes both",
                "give a smaller one, about the width of a spot",
            )


def _plain(value: Any) -> Value:  # noqa: ANN401 - numpy's scalars have no type of their own here
    """Return a value of Python's own types."""
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain


def _positive(name: str, value: Any) -> float:  # noqa: ANN401 - whatever was given
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise SettingError(name, f"{value!r} is not a positive number", "give a length in px, or a ratio, above 0")
    return float(value)
