"""The fit modules by PYME's names: their columns and options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointillist.fitting.localizations import LOCALIZATION_DTYPE, REGION, localization_dtype


@dataclass(frozen=True, kw_only=True)
class FitModule:
    """A fit module.

    Parameters
    ----------
    summary
        Description of the fit in one line.
    dtype
        Structured dtype of the rows.
    roi_half_size
        Default half size of the fitted region, px, >= 1.
    estimators
        Names of the available estimators; empty if nothing is fitted.
    backgrounds
        Names of the available background models, the default first.
    has_free_width
        Whether there is one width that can be fitted or fixed.
    """

    summary: str
    dtype: np.dtype[Any]
    roi_half_size: int = 5
    estimators: tuple[str, ...] = ("wls", "mle")
    backgrounds: tuple[str, ...] = ("sloping", "flat", "none")
    has_free_width: bool = True


MODULES: Mapping[str, FitModule] = {
    "LatGaussFitFR": FitModule(
        summary="round Gaussian",
        dtype=LOCALIZATION_DTYPE,
    ),
    "AstigGaussFitFR": FitModule(
        summary="elliptical Gaussian, its axes along x and y",
        dtype=localization_dtype(
            ("amplitude", "x", "y", "sigma", "sigma_y", "background", "slope_x", "slope_y"), has_starts=True
        ),
        roi_half_size=7,
        has_free_width=False,
    ),
    "GaussFitConstrR": FitModule(
        summary="round Gaussian with a positive amplitude",
        dtype=localization_dtype(("amplitude", "x", "y", "sigma", "background")),
        backgrounds=("flat", "none"),
    ),
    "LatObjFindFR": FitModule(
        summary="no fit: the candidates as they were detected",
        dtype=localization_dtype(("amplitude", "x", "y", "background"), REGION, has_errors=False),
        estimators=(),
        backgrounds=(),
        has_free_width=False,
    ),
    "LatFitCOIR": FitModule(
        summary="no fit: the centroid of what exceeds half of the maximum",
        dtype=localization_dtype(("light", "x", "y", "half_width_x", "half_width_y"), REGION, has_errors=False),
        roi_half_size=4,
        estimators=(),
        backgrounds=(),
        has_free_width=False,
    ),
}
"""All fit modules."""
