"""Settings that the user gives and that have no effect with the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from pointillist.fitting import settings_of
from pointillist.fitting.estimation import MODULES
from pointillist.settings.analysis import map_name
from pointillist.settings.background_settings import BACKGROUND_FILE, PYME_BACKGROUND_SETTINGS, background
from pointillist.settings.known_names import WITHOUT_EFFECT
from pointillist.settings.metadata import Metadata
from pointillist.settings.schema import settings_of_parts

_MAPS: Mapping[str, tuple[str, ...]] = {
    "Analysis.VarianceWeightedDetection": ("Camera.VarianceMapID",),
    "Camera.VarianceMapUnits": ("Camera.VarianceMapID",),
    "Camera.MapOrientation": ("Camera.DarkMapID", "Camera.VarianceMapID", "Camera.FlatfieldMapID"),
    "Camera.CheckMaps": ("Camera.DarkMapID", "Camera.VarianceMapID", "Camera.FlatfieldMapID"),
}
"""Maps, of which a setting needs at least one."""


@dataclass(frozen=True, kw_only=True)
class _Analysis:
    settings: Metadata
    given: Collection[str]

    def text(self, name: str) -> str:
        return f"{name}={self.settings[name]}"


_Ineffective = Iterator[tuple[str, str]]
"""Names of settings, each with the reason: ``with X`` or ``without X``."""


def without_effect(settings: Metadata, given: Collection[str]) -> list[str]:
    """Return one line for each setting that the user gives in vain.

    Parameters
    ----------
    settings
        Complete settings from :func:`pointillist.settings.resolve`.
    given
        Names of the settings that the user gives on the command line or in a file.
    """
    analysis = _Analysis(settings=settings, given=given)
    reasons: dict[str, str] = {}
    for check in _CHECKS:
        for name, reason in check(analysis):
            if name in given:
                reasons.setdefault(name, reason)
    return [f"{name} has no effect {reason}" for name, reason in reasons.items()]


def _parts(analysis: _Analysis) -> _Ineffective:
    """Yield what neither the detector nor the fit uses."""
    detector, module = (str(analysis.settings[f"Analysis.{name}"]) for name in ("Detector", "FitModule"))
    used = {setting.name for part in settings_of(detector, module) for setting in part}
    of_fits = {setting.name for name in MODULES for setting in MODULES[name].settings}
    fits_nothing = "" if MODULES[module].estimators else ", which fits nothing"
    for name in settings_of_parts().keys() - used:
        is_of_fit = name in of_fits
        yield (
            name,
            f"with Analysis.FitModule={module}{fits_nothing}" if is_of_fit else f"with Analysis.Detector={detector}",
        )


def _background(analysis: _Analysis) -> _Ineffective:
    method = background(analysis.settings)
    identifier = analysis.text("Analysis.Background")
    if not method.needs_file:
        yield BACKGROUND_FILE, f"with {identifier}; only Analysis.Background=copy uses it"
    if "Analysis.Background" in analysis.given:
        for name in sorted(PYME_BACKGROUND_SETTINGS):
            yield name, f"with {identifier}"
    if method.is_empty:
        yield "Analysis.PCTBackground", "without a background"
        yield "Analysis.subtractBackground", "without a background"


def _fit(analysis: _Analysis) -> _Ineffective:
    settings = analysis.settings
    if settings["Analysis.Estimator"] == "mle":
        yield "Analysis.Weights", "with Analysis.Estimator=mle, which weighs by its model"
    if not settings["Analysis.FitBackground"]:
        yield "Analysis.BackgroundModel", "with Analysis.FitBackground=False"


def _camera(analysis: _Analysis) -> _Ineffective:
    settings = analysis.settings
    for name, needed in _MAPS.items():
        if not any(map_name(settings, key) for key in needed):
            yield name, f"without {' or '.join(needed)}"
    if map_name(settings, "Camera.VarianceMapID"):
        yield "Camera.ReadNoise", "with Camera.VarianceMapID"
    if map_name(settings, "Camera.DarkMapID"):
        yield "Camera.ADOffset", "with Camera.DarkMapID"
        yield "Protocol.DarkFrameRange", "with Camera.DarkMapID"


def _light(analysis: _Analysis) -> _Ineffective:
    if "EstimatedLaserOnFrameNo" in analysis.given:
        yield "Protocol.DataStartsAt", f"with {analysis.text('EstimatedLaserOnFrameNo')}"


def _unused(analysis: _Analysis) -> _Ineffective:
    for name in sorted(WITHOUT_EFFECT):
        if name.startswith("Analysis.") and name != "Analysis.TrackFiducials":
            yield name, "here; it is a setting of PYME alone"
    del analysis


_CHECKS: tuple[Callable[[_Analysis], _Ineffective], ...] = (_parts, _background, _fit, _camera, _light, _unused)
