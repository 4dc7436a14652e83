"""Quantities that follow from the fitted ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.localizations import Rows, column


def photons(rows: Rows) -> NDArray[np.float64]:
    """Return the photoelectrons of each localization, ``2 pi width² amplitude``.

    Parameters
    ----------
    rows
        Localizations by any fit; without width or amplitude the result is NaN.
    """
    return np.asarray(2 * np.pi * width_px(rows) ** 2 * column(rows, "amplitude"))


def width_px(rows: Rows) -> NDArray[np.float64]:
    """Return the width of each localization, sigma or the root of ``sigma sigma_y``, in px.

    Parameters
    ----------
    rows
        Localizations by any fit; without a width the result is NaN.
    """
    sigma = column(rows, "sigma").astype(np.float64)
    return np.sqrt(sigma * column(rows, "sigma_y")) if "sigma_y" in (rows.dtype.names or ()) else sigma


def precision_px(rows: Rows) -> NDArray[np.float64]:
    """Return the standard deviation of each position that the fit reports, averaged over x and y, in px.

    Parameters
    ----------
    rows
        Localizations by any fit; without errors the result is NaN.
    """
    variance = column(rows, "x_error").astype(np.float64) ** 2 + column(rows, "y_error").astype(np.float64) ** 2
    return np.asarray(np.sqrt(variance / 2))
