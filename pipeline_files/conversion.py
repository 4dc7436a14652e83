"""Localizations in px and photoelectrons, and the same in nm and ADU as PYME stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fitting.localizations import Rows, blank_rows
from fitting.modules import MODULES
from pipeline_files.formats import FORMATS, NO_ERROR, FitFormat
from pipeline_files.metadata import Metadata, number
from pipeline_protocol.errors import SettingError

_BLOCK_ROWS = 4096
"""Converted at a time, column by column: as many stay in the cache until the last column."""


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
            "": 1.0,
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
        Of the module's dtype.
    fit_module
        A key of :data:`pipeline_files.formats.FORMATS`.
    scale
        Of the movie.

    Returns
    -------
    ndarray
        As many rows of the format's dtype; errors of NaN are :data:`pipeline_files.formats.NO_ERROR`.
    """
    form, factors = FORMATS[fit_module], scale.factors()
    stored = np.zeros(len(rows), form.dtype)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        _fill(stored[block], rows[block], form, factors)
    return stored


def _fill(stored: NDArray[np.void], rows: Rows, form: FitFormat, factors: Mapping[str, float]) -> None:
    for ours, theirs, unit in form.columns:
        value = rows[ours]
        if value.dtype.kind == "f":
            value = value * factors[unit]
            if ours.endswith("_error"):
                value = np.where(np.isnan(value), NO_ERROR, value)
        _column(stored, theirs)[:] = value
    for theirs, constant in form.constants.items():
        _column(stored, theirs)[:] = constant
    if form.is_root_stored:
        _take_root(stored)
    if form.is_level_at_origin:
        for group in ("fitResults", "startParams"):
            _move_level(_column(stored, group), -1)


def from_pyme(stored: NDArray[np.void], fit_module: str, scale: Scale) -> Rows:
    """Convert PYME's rows to localizations, the inverse of :func:`to_pyme`.

    Parameters
    ----------
    stored
        Rows of ``/FitResults``, by PYME or Pointillist.
    fit_module
        A key of :data:`pipeline_files.formats.FORMATS`.
    scale
        Of the movie.

    Returns
    -------
    ndarray
        Of the module's dtype; NaN in what PYME does not store.

    Raises
    ------
    KeyError
        If a column is missing.
    """
    form, factors = FORMATS[fit_module], scale.factors()
    if form.is_root_stored:
        stored = _squared(stored)
    if form.is_level_at_origin:
        stored = stored.copy()
        for group in ("fitResults", "startParams"):
            _move_level(_column(stored, group), 1)
    rows = blank_rows(len(stored), MODULES[fit_module].dtype)
    for ours, theirs, unit in form.columns:
        value = _column(stored, theirs)
        if value.dtype.kind == "f":
            is_missing = ours.endswith("_error") & (value == NO_ERROR)
            value = np.where(is_missing, np.nan, value / factors[unit])
        rows[ours] = value
    return rows


def _take_root(stored: NDArray[np.void]) -> None:
    """Replace heights, and their errors, by their roots."""
    height, error = _column(stored, "fitResults.A"), _column(stored, "fitError.A")
    root = np.sqrt(np.maximum(height, 0))
    has_error = (error != NO_ERROR) & (root > 0)
    error[:] = np.where(has_error, error / np.where(has_error, 2 * root, 1), NO_ERROR)
    height[:] = root


def _squared(stored: NDArray[np.void]) -> NDArray[np.void]:
    """Return the rows with heights, and their errors, in place of their roots, which may be negative."""
    stored = stored.copy()
    height, error = _column(stored, "fitResults.A"), _column(stored, "fitError.A")
    error[:] = np.where(error == NO_ERROR, NO_ERROR, 2 * np.abs(height) * error)
    height[:] = height**2
    return stored


def _move_level(values: NDArray[np.void], sign: int) -> None:
    """Move the level of a sloping background from the spot to the origin of the frame, or from there to the spot."""
    x, y, slope_x, slope_y = (_column(values, name).astype(np.float64) for name in ("x0", "y0", "bx", "by"))
    level = _column(values, "background")
    level += sign * (slope_x * x + slope_y * y)


def _column(rows: NDArray[np.void], path: str) -> NDArray[Any]:
    column: NDArray[Any] = rows
    for name in path.split("."):
        if name not in (column.dtype.names or ()):
            raise KeyError(path)
        column = column[name]
    return column
