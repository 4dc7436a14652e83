"""Localizations in px and photoelectrons, and the same in nm and ADU as PYME stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fitting.localizations import LOCALIZATION_DTYPE, Rows
from pipeline_files.metadata import Metadata, number
from pipeline_protocol.errors import SettingError

NO_ERROR = -5000.0
"""PYME's mark of a fit without error estimates."""

_PARAMETERS = ("A", "x0", "y0", "sigma", "background", "bx", "by")

_SLICE = np.dtype([("start", "<i4"), ("stop", "<i4"), ("step", "<i4")])

_GAUSSIAN_DTYPE = np.dtype(
    [
        ("tIndex", "<i4"),
        ("fitResults", [(name, "<f4") for name in _PARAMETERS]),
        ("fitError", [(name, "<f4") for name in _PARAMETERS]),
        ("resultCode", "<i4"),
        ("slicesUsed", [("x", _SLICE), ("y", _SLICE), ("z", _SLICE)]),
        ("subtractedBackground", "<f4"),
        ("nchi2", "<f4"),
    ]
)

_GAUSSIAN_COLUMNS = (
    ("frame", "tIndex", "as it is"),
    ("amplitude", "fitResults.A", "photoelectrons"),
    ("x", "fitResults.x0", "x"),
    ("y", "fitResults.y0", "y"),
    ("sigma", "fitResults.sigma", "x"),
    ("background", "fitResults.background", "photoelectrons"),
    ("slope_x", "fitResults.bx", "photoelectrons per x"),
    ("slope_y", "fitResults.by", "photoelectrons per y"),
    ("amplitude_error", "fitError.A", "photoelectrons"),
    ("x_error", "fitError.x0", "x"),
    ("y_error", "fitError.y0", "y"),
    ("sigma_error", "fitError.sigma", "x"),
    ("background_error", "fitError.background", "photoelectrons"),
    ("slope_x_error", "fitError.bx", "photoelectrons per x"),
    ("slope_y_error", "fitError.by", "photoelectrons per y"),
    ("result_code", "resultCode", "as it is"),
    ("roi_x_start", "slicesUsed.x.start", "as it is"),
    ("roi_x_stop", "slicesUsed.x.stop", "as it is"),
    ("roi_y_start", "slicesUsed.y.start", "as it is"),
    ("roi_y_stop", "slicesUsed.y.stop", "as it is"),
    ("subtracted_background", "subtractedBackground", "photoelectrons"),
    ("nchi2", "nchi2", "as it is"),
)


@dataclass(frozen=True, kw_only=True)
class FitFormat:
    """How PYME stores the results of one fit module.

    Parameters
    ----------
    dtype
        Of a row of ``/FitResults``.
    columns
        ``(our column, PYME's column, unit)``; a unit is a name in :meth:`Scale.factors`.
    constants
        Columns of PYME's that say nothing here, with their values.
    """

    dtype: np.dtype[Any]
    columns: tuple[tuple[str, str, str], ...]
    constants: Mapping[str, int]


FORMATS: Mapping[str, FitFormat] = {
    "LatGaussFitFR": FitFormat(
        dtype=_GAUSSIAN_DTYPE,
        columns=_GAUSSIAN_COLUMNS,
        constants={"slicesUsed.x.step": 1, "slicesUsed.y.step": 1, "slicesUsed.z.stop": 1, "slicesUsed.z.step": 1},
    )
}
"""Formats by name of the fit module."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What a px and a photoelectron are in PYME's units.

    Parameters
    ----------
    nm_per_px_x, nm_per_px_y
        Size of a pixel.
    adu_per_photoelectron
        Gain of EM register and camera together.
    """

    nm_per_px_x: float
    nm_per_px_y: float
    adu_per_photoelectron: float

    @classmethod
    def of(cls, metadata: Metadata) -> Self:
        """Take the scale from metadata.

        Parameters
        ----------
        metadata
            With ``voxelsize.x``, ``voxelsize.y`` (µm), ``Camera.TrueEMGain``, ``Camera.ElectronsPerCount``.

        Returns
        -------
        Scale
            In PYME's units.

        Raises
        ------
        SettingError
            If one of them is missing, or not positive.
        """
        values = []
        for key in ("voxelsize.x", "voxelsize.y", "Camera.TrueEMGain", "Camera.ElectronsPerCount"):
            value = number(metadata, key)
            if value is None or not value > 0:
                raise SettingError(key, "is missing or not positive", f"give -s {key}=VALUE")
            values.append(value)
        x_um, y_um, gain, electrons_per_adu = values
        return cls(nm_per_px_x=1e3 * x_um, nm_per_px_y=1e3 * y_um, adu_per_photoelectron=gain / electrons_per_adu)

    def factors(self) -> dict[str, float]:
        """Return what a value of each unit is to be multiplied with to become PYME's."""
        return {
            "as it is": 1.0,
            "x": self.nm_per_px_x,
            "y": self.nm_per_px_y,
            "photoelectrons": self.adu_per_photoelectron,
            "photoelectrons per x": self.adu_per_photoelectron / self.nm_per_px_x,
            "photoelectrons per y": self.adu_per_photoelectron / self.nm_per_px_y,
        }


def to_pyme(rows: Rows, fit_module: str, scale: Scale) -> NDArray[np.void]:
    """Convert localizations to PYME's rows.

    Parameters
    ----------
    rows
        :data:`fitting.localizations.LOCALIZATION_DTYPE`.
    fit_module
        A key of :data:`FORMATS`.
    scale
        Of the movie.

    Returns
    -------
    ndarray
        As many rows of the format's dtype; errors of NaN are :data:`NO_ERROR`.
    """
    form, factors = FORMATS[fit_module], scale.factors()
    stored = np.zeros(len(rows), form.dtype)
    for ours, theirs, unit in form.columns:
        value = rows[ours]
        if value.dtype.kind == "f":
            value = value * factors[unit]
            if ours.endswith("_error"):
                value = np.where(np.isnan(value), NO_ERROR, value)
        _column(stored, theirs)[:] = value
    for theirs, constant in form.constants.items():
        _column(stored, theirs)[:] = constant
    return stored


def from_pyme(stored: NDArray[np.void], fit_module: str, scale: Scale) -> Rows:
    """Convert PYME's rows to localizations, the inverse of :func:`to_pyme`.

    Parameters
    ----------
    stored
        Rows of ``/FitResults``, by PYME or Pointillist.
    fit_module
        A key of :data:`FORMATS`.
    scale
        Of the movie.

    Returns
    -------
    ndarray
        :data:`fitting.localizations.LOCALIZATION_DTYPE`.

    Raises
    ------
    KeyError
        If a column is missing.
    """
    factors = scale.factors()
    rows = np.zeros(len(stored), LOCALIZATION_DTYPE)
    for ours, theirs, unit in FORMATS[fit_module].columns:
        value = _column(stored, theirs)
        if value.dtype.kind == "f":
            is_missing = ours.endswith("_error") & (value == NO_ERROR)
            value = np.where(is_missing, np.nan, value / factors[unit])
        rows[ours] = value
    return rows


def _column(rows: NDArray[np.void], path: str) -> NDArray[Any]:
    column: NDArray[Any] = rows
    for name in path.split("."):
        if name not in (column.dtype.names or ()):
            raise KeyError(path)
        column = column[name]
    return column
