"""Quantities that follow from the fitted ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fitting.localizations import Rows


def photons(rows: Rows) -> NDArray[np.float64]:
    """Return the photoelectrons of each localization, ``2 pi sigma² amplitude``.

    Parameters
    ----------
    rows
        Localizations, of :data:`fitting.localizations.LOCALIZATION_DTYPE`.
    """
    return np.asarray(2 * np.pi * rows["sigma"].astype(np.float64) ** 2 * rows["amplitude"])


def precision_px(rows: Rows) -> NDArray[np.float64]:
    """Return the standard deviation of each position that the fit reports, averaged over x and y, in px.

    Parameters
    ----------
    rows
        Localizations, of :data:`fitting.localizations.LOCALIZATION_DTYPE`; NaN where the fit has no errors.
    """
    variance = rows["x_error"].astype(np.float64) ** 2 + rows["y_error"].astype(np.float64) ** 2
    return np.asarray(np.sqrt(variance / 2))
