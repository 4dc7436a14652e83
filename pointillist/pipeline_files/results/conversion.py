"""Conversion of localizations between px and photoelectrons, and PYME's nm and ADU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.fitting import Rows, blank_rows
from pointillist.fitting.estimation import MODULES
from pointillist.pipeline_files.results.fit_formats import NO_ERROR, WORD_BYTES, Words, format_of
from pointillist.settings import Metadata, number

Column = Callable[[str], NDArray[Any]]
"""Returns one of PYME's columns, to be written to."""

_DEFLATE_LEVEL = 1
"""Level of ISA-L, of 3; higher ones save nothing. Readers ignore the level that a table states."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Units of the program in PYME's units.

    Parameters
    ----------
    nm_per_px_x, nm_per_px_y
        Width and height of a pixel, nm.
    adu_per_photoelectron
        Gain of EM register and camera together, ADU per photoelectron.
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
            Values by dotted key, with ``voxelsize.x``, ``voxelsize.y`` (µm), ``Camera.TrueEMGain``,
            ``Camera.ElectronsPerCount``.

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
        """Return the factor that converts each unit to PYME's."""
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
        Structured array of the fit module's dtype.
    fit_module
        Name of the fit module.
    scale
        Units of the movie.

    Returns
    -------
    ndarray
        Array of the format's dtype, one row a localization; errors of NaN become
        :data:`pointillist.pipeline_files.results.fit_formats.NO_ERROR`.
    """
    words = to_pyme_words(rows, fit_module, scale)
    return np.ascontiguousarray(words.T).reshape(-1).view(format_of(fit_module).dtype)


def to_pyme_words(rows: Rows, fit_module: str, scale: Scale) -> Words:
    """Convert localizations as :func:`to_pyme`, to columns, each on its own.

    Returns
    -------
    ndarray
        Array of uint32, ``(word, row)``: the 4-byte words of PYME's rows.
    """
    fit_format, factors = format_of(fit_module), scale.factors()
    words = np.zeros((fit_format.dtype.itemsize // WORD_BYTES, len(rows)), np.uint32)

    def column(name: str) -> NDArray[Any]:
        word, dtype = fit_format.words[name]
        values: NDArray[Any] = words[word].view(dtype)
        return values

    for ours, theirs, unit in fit_format.columns:
        values, output = rows[ours], column(theirs)
        if values.dtype.kind == "f":
            np.multiply(values, factors[unit], out=output)
            if ours.endswith("_error"):
                output[np.isnan(output)] = NO_ERROR
        else:
            output[:] = values
    for theirs, constant in fit_format.constants.items():
        column(theirs)[:] = constant
    if fit_format.is_root_stored:
        _take_root(column)
    if fit_format.is_level_at_origin:
        _move_levels(column, -1)
    return words


def pack_chunk(words: Words, n_chunk: int) -> bytes:
    """Return a chunk of a table as HDF5 keeps it: bytes sorted by their place in the row, then deflated.

    Parameters
    ----------
    words
        Of the chunk's rows, in this machine's byte order, which is little-endian.
    n_chunk
        Rows in a chunk; where there are fewer, zeros follow.

    Returns
    -------
    bytes
        Contents of the chunk in the file.

    Notes
    -----
    HDF5 would do it in one thread, with zlib. ISA-L makes the same format six times as fast, as small, and in as many
    threads as there are cores.
    """
    n_words, n_rows = words.shape
    by_place = words.view(np.uint8).reshape(n_words, n_rows, -1)
    planes = np.zeros((n_words, by_place.shape[2], n_chunk), np.uint8)
    for place in range(planes.shape[1]):
        planes[:, place, :n_rows] = by_place[:, :, place]
    return isal_zlib.compress(planes, _DEFLATE_LEVEL)


def from_pyme(stored: NDArray[np.void], fit_module: str, scale: Scale) -> Rows:
    """Convert PYME's rows to localizations, the inverse of :func:`to_pyme`.

    Parameters
    ----------
    stored
        Rows of ``/FitResults``, by PYME or Pointillist.
    fit_module
        Name of the fit module.
    scale
        Units of the movie.

    Returns
    -------
    ndarray
        Structured array of the fit module's dtype; NaN in columns that PYME does not store.

    Raises
    ------
    KeyError
        If a column is missing.
    """
    fit_format, factors = format_of(fit_module), scale.factors()
    if fit_format.is_root_stored:
        stored = _squared(stored)
    if fit_format.is_level_at_origin:
        stored = stored.copy()
        _move_levels(partial(column_of, stored), 1)
    rows = blank_rows(len(stored), MODULES[fit_module].dtype)
    for ours, theirs, unit in fit_format.columns:
        value = column_of(stored, theirs)
        if value.dtype.kind == "f":
            is_missing = ours.endswith("_error") & (value == NO_ERROR)
            value = np.where(is_missing, np.nan, value / factors[unit])
        rows[ours] = value
    return rows


def _take_root(column: Column) -> None:
    """Replace heights, and their errors, by their roots."""
    height, error = column("fitResults.A"), column("fitError.A")
    root = np.sqrt(np.maximum(height, 0))
    has_error = (error != NO_ERROR) & (root > 0)
    error[:] = np.where(has_error, error / np.where(has_error, 2 * root, 1), NO_ERROR)
    height[:] = root


def _squared(stored: NDArray[np.void]) -> NDArray[np.void]:
    """Return the rows with heights, and their errors, in place of their roots, which may be negative."""
    stored = stored.copy()
    height, error = column_of(stored, "fitResults.A"), column_of(stored, "fitError.A")
    error[:] = np.where(error == NO_ERROR, NO_ERROR, 2 * np.abs(height) * error)
    height[:] = height**2
    return stored


def _move_levels(column: Column, sign: int) -> None:
    """Move the level of a sloping background from the spot to the origin of the frame, or from there to the spot."""
    for group in ("fitResults", "startParams"):
        x, y, slope_x, slope_y = (column(f"{group}.{name}").astype(np.float64) for name in ("x0", "y0", "bx", "by"))
        level = column(f"{group}.background")
        level += sign * (slope_x * x + slope_y * y)


def column_of(rows: NDArray[np.void], path: str) -> NDArray[Any]:
    """Return a column of PYME's rows, a view.

    Parameters
    ----------
    rows
        Rows of a format's dtype.
    path
        Dotted name of the column, such as ``fitResults.x0``.

    Raises
    ------
    KeyError
        If it is missing.
    """
    column: NDArray[Any] = rows
    for name in path.split("."):
        if name not in (column.dtype.names or ()):
            raise KeyError(path)
        column = column[name]
    return column
