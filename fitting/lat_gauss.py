"""LatGaussFitFR: the weighted least-squares fit of a Gaussian that PYME's users know by this name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fitting._least_squares_kernels import fit_spots
from fitting.localizations import LOCALIZATION_DTYPE, PARAMETERS, Rows
from fitting.settings import FitSettings


class Fits(NamedTuple):
    """The fits of one frame: real-valued and whole-numbered outcomes, one row per spot."""

    values: NDArray[np.float64]
    codes: NDArray[np.int32]


_VALUE_COLUMNS = (*PARAMETERS, *(f"{name}_error" for name in PARAMETERS), "nchi2", "subtracted_background")
_CODE_COLUMNS = ("result_code", "roi_x_start", "roi_x_stop", "roi_y_start", "roi_y_stop")


class LatGaussFit:
    """Fits candidates as PYME's LatGaussFitFR does, with analytic derivatives.

    Parameters
    ----------
    settings
        Region, start width, and whether a background is fitted and subtracted.

    Notes
    -----
    Errors are scaled by the reduced chi-square, ``sqrt(diag(C) chi² / (N - p))``. A width is positive. Result codes:
    1 converged, 5 out of evaluations, 6 no way down; errors are NaN where the normal matrix is singular.
    """

    def __init__(self, settings: FitSettings) -> None:
        n_free = 7 if settings.is_background_fitted else 4
        self._shape = (settings.roi_half_size, n_free, settings.psf_sigma_px, settings.pixel_aspect)

    def fit(
        self,
        photoelectrons: NDArray[np.float32],
        background: NDArray[np.float32],
        variance: NDArray[np.float32],
        points: NDArray[np.float32],
    ) -> Fits:
        """Fit all candidates of a frame.

        Parameters
        ----------
        photoelectrons, background, variance
            ``(y, x)``, e- and e-²; the background is subtracted from the photoelectrons.
        points
            ``(candidate, 3)``, x and y first, px.
        """
        fits = Fits(
            np.empty((len(points), len(_VALUE_COLUMNS))),
            np.empty((len(points), len(_CODE_COLUMNS)), np.int32),
        )
        fit_spots((photoelectrons, background, variance), points, self._shape, *fits)
        return fits


def rows_of(fits_by_frame: dict[int, Fits]) -> Rows:
    """Put the fits of several frames into rows of :data:`~fitting.localizations.LOCALIZATION_DTYPE`."""
    counts = [len(fits.codes) for fits in fits_by_frame.values()]
    rows = np.zeros(sum(counts), LOCALIZATION_DTYPE)
    if len(rows):
        rows["frame"] = np.repeat(np.fromiter(fits_by_frame, np.int32), counts)
        values = np.concatenate([fits.values for fits in fits_by_frame.values()])
        codes = np.concatenate([fits.codes for fits in fits_by_frame.values()])
        for column, name in enumerate(_VALUE_COLUMNS):
            rows[name] = values[:, column]
        for column, name in enumerate(_CODE_COLUMNS):
            rows[name] = codes[:, column]
    return rows
