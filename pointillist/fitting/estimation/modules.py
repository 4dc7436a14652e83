"""The fit modules by PYME's names: their columns and options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pointillist.fitting.localizations import LOCALIZATION_DTYPE, REGION, localization_dtype
from pointillist.fitting.shared_settings import GAUSSIAN_SETTINGS, ROI_SIZE, BackgroundModel, Estimator
from pointillist.plugins import Registry, Setting

if TYPE_CHECKING:
    from pointillist.fitting.estimation.fit import Fit


@dataclass(frozen=True, kw_only=True)
class FitModule:
    """A fit module.

    Parameters
    ----------
    summary
        Description of the fit in one line.
    fit
        What makes the fit from the settings of the analysis and the camera maps, or where that is:
        ``package.module:name``.
    dtype
        Structured dtype of the rows, with the columns ``frame``, ``x``, ``y`` and those of the region, from
        :func:`pointillist.fitting.localization_dtype`.
    roi_half_size
        Default half size of the fitted region, px, >= 1.
    estimators
        Names of the available estimators; empty if nothing is fitted.
    backgrounds
        Names of the available background models, the default first.
    has_free_width
        Whether there is one width that can be fitted or fixed.
    settings
        Settings that it uses; those that only this module has included.
    """

    summary: str
    fit: str | Callable[..., Fit]
    dtype: np.dtype[Any]
    roi_half_size: int = 5
    estimators: tuple[Estimator, ...] = ("wls", "mle")
    backgrounds: tuple[BackgroundModel, ...] = ("sloping", "flat", "none")
    has_free_width: bool = True
    settings: tuple[Setting, ...] = GAUSSIAN_SETTINGS

    def __post_init__(self) -> None:
        """Check the columns.

        Raises
        ------
        ValueError
            If a column is missing that every fit must give.
        """
        missing = {"frame", "x", "y", *REGION}.difference(self.dtype.names or ())
        if missing:
            msg = f"{self.summary}: its rows lack {', '.join(sorted(missing))}"
            raise ValueError(msg)


_BUILT_IN: Mapping[str, FitModule] = {
    "LatGaussFitFR": FitModule(
        summary="round Gaussian",
        fit="pointillist.fitting.estimation.gaussian_fit:round_gaussian",
        dtype=LOCALIZATION_DTYPE,
    ),
    "AstigGaussFitFR": FitModule(
        summary="elliptical Gaussian, its axes along x and y",
        fit="pointillist.fitting.estimation.gaussian_fit:elliptical_gaussian",
        dtype=localization_dtype(
            ("amplitude", "x", "y", "sigma", "sigma_y", "background", "slope_x", "slope_y"), has_starts=True
        ),
        roi_half_size=7,
        has_free_width=False,
    ),
    "GaussFitConstrR": FitModule(
        summary="round Gaussian with a positive amplitude",
        fit="pointillist.fitting.estimation.gaussian_fit:positive_gaussian",
        dtype=localization_dtype(("amplitude", "x", "y", "sigma", "background")),
        backgrounds=("flat", "none"),
    ),
    "LatObjFindFR": FitModule(
        summary="no fit: the candidates as they were detected",
        fit="pointillist.fitting.estimation.centroid:DetectedPoint",
        dtype=localization_dtype(("amplitude", "x", "y", "background"), REGION, has_errors=False),
        estimators=(),
        backgrounds=(),
        has_free_width=False,
        settings=(ROI_SIZE,),
    ),
    "LatFitCOIR": FitModule(
        summary="no fit: the centroid of what exceeds half of the maximum",
        fit="pointillist.fitting.estimation.centroid:Centroid",
        dtype=localization_dtype(("light", "x", "y", "half_width_x", "half_width_y"), REGION, has_errors=False),
        roi_half_size=4,
        estimators=(),
        backgrounds=(),
        has_free_width=False,
        settings=(ROI_SIZE,),
    ),
}

MODULES: Registry[FitModule] = Registry("pointillist.fits", _BUILT_IN)
"""All fit modules, by name."""
