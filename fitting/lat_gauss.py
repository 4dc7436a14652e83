"""LatGaussFitFR: the weighted least-squares fit of a Gaussian that PYME's users know by this name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fitting._least_squares_kernels import fit_spots
from fitting.localizations import PARAMETERS, Rows, blank_rows
from fitting.modules import MODULES
from fitting.settings import FitSettings

if TYPE_CHECKING:
    from fitting.fits import FrameImages

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
        self.dtype = MODULES[settings.fit_module].dtype
        n_free = {"none": 4, "flat": 5}.get(settings.background_model, 7)
        self._shape = (settings.roi_half_size, n_free, settings.psf_sigma_px, settings.pixel_aspect)
        self._is_background_subtracted = settings.is_background_subtracted
        self._rows: list[Rows] = []

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Fit all candidates of a frame, ``(candidate, 3)``, x and y first in px."""
        subtracted = images.background if self._is_background_subtracted else np.zeros_like(images.background)
        values = np.empty((len(points), len(_VALUE_COLUMNS)))
        codes = np.empty((len(points), len(_CODE_COLUMNS)), np.int32)
        fit_spots((images.photoelectrons, subtracted, images.variance), points, self._shape, values, codes)
        rows = blank_rows(len(points), self.dtype)
        rows["frame"] = frame
        for column, name in enumerate(_VALUE_COLUMNS):
            if name in (self.dtype.names or ()):
                rows[name] = values[:, column]
        for column, name in enumerate(_CODE_COLUMNS):
            rows[name] = codes[:, column]
        self._rows.append(rows)

    def rows(self) -> Rows:
        """Return the rows since the last call."""
        rows, self._rows = self._rows, []
        return np.concatenate([np.zeros(0, self.dtype), *rows])
