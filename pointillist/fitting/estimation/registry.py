"""The fit that the settings name."""

from __future__ import annotations

import pkgutil
from typing import Any

from pointillist.fitting.camera import CameraMaps
from pointillist.fitting.estimation.fit import Fit
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.settings import FitSettings


def fit_of(settings: FitSettings, camera: CameraMaps) -> Fit:
    """Return the fit that the settings name.

    Parameters
    ----------
    settings
        Settings of the analysis, whose ``fit_module`` and ``estimator`` name the fit.
    camera
        Camera maps of the shape of the frames.
    """
    found = MODULES[settings.fit_module].fit
    make: Any = pkgutil.resolve_name(found) if isinstance(found, str) else found
    fit: Fit = make(settings, camera)
    return fit
