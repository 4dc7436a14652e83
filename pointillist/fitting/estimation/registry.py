"""Fits by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.estimation.centroid import Centroid, DetectedPoint
from pointillist.fitting.estimation.fit import Fit
from pointillist.fitting.estimation.gaussian_fit import GAUSSIANS, GaussianFit
from pointillist.fitting.settings import FitSettings

FITS: Mapping[str, Callable[[FitSettings, CameraMaps], Fit]] = {
    "LatObjFindFR": lambda settings, _: DetectedPoint(settings),
    "LatFitCOIR": lambda settings, _: Centroid(settings),
    **dict.fromkeys(GAUSSIANS, GaussianFit),
}
"""Constructors of fits, by the keys of :data:`pointillist.fitting.estimation.MODULES`."""


def fit_of(settings: FitSettings, camera: CameraMaps) -> Fit:
    """Return the fit that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, whose ``fit_module`` and ``estimator`` name the fit.
    camera
        Camera maps of the shape of the frames.
    """
    return FITS[settings.fit_module](settings, camera)
