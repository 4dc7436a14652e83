"""Which settings of a fit go together."""

from __future__ import annotations

from pointillist.errors import SettingError
from pointillist.fitting.estimation import MODULES, FitModule
from pointillist.settings.metadata import Metadata, number

_OTHER_MODULE = "leave it out, or choose another Analysis.FitModule"


def check_combination(settings: Metadata) -> None:
    """Refuse what the fit module cannot do.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.settings.resolve`.

    Raises
    ------
    SettingError
        If the estimator, the background, the width or the weights do not go with the fit module, or with each other, or
        detection would let nothing pass.
    """
    name = str(settings["Analysis.FitModule"])
    for key, is_possible in _possibilities(MODULES[name], settings).items():
        if not is_possible:
            raise SettingError(key, f"{settings[key]} cannot be combined with {name}", _OTHER_MODULE)
    lowpass, highpass = (number(settings, f"Analysis.DetectionRadius{name}") or 0 for name in ("Lowpass", "Highpass"))
    if settings["Analysis.Detector"] == "difference-of-gaussians" and lowpass >= highpass:
        raise SettingError(
            "Analysis.DetectionRadiusLowpass",
            f"{lowpass:g} px is not below Analysis.DetectionRadiusHighpass={highpass:g} px: nothing passes both",
            "give a smaller one, about the width of a spot",
        )
    if settings["Analysis.Weights"] != "data" and settings["Analysis.Estimator"] == "mle":
        raise SettingError(
            "Analysis.Weights",
            f"{settings['Analysis.Weights']} cannot be combined with Analysis.Estimator=mle, which weighs by its model",
            "leave one of them out",
        )


def _possibilities(module: FitModule, settings: Metadata) -> dict[str, bool]:
    """Return for each setting whether the module supports it; a default is always supported."""
    return {
        "Analysis.Estimator": settings["Analysis.Estimator"] in (module.estimators or ("wls",)),
        "Analysis.BackgroundModel": settings["Analysis.BackgroundModel"] in ("auto", *module.backgrounds),
        "Analysis.FitSigma": module.has_free_width or settings["Analysis.FitSigma"] is True,
        "Analysis.Weights": bool(module.estimators) or settings["Analysis.Weights"] == "data",
    }
