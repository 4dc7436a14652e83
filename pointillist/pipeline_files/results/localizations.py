"""Localizations with units, from rows of a fit and from results files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting import Rows
from pointillist.fitting.estimation import photons
from pointillist.localizations import Localizations
from pointillist.pipeline_files.results.conversion import Scale, column_of, from_pyme, to_pyme
from pointillist.pipeline_files.results.fit_formats import format_of
from pointillist.settings import Metadata

_UNITS = {
    "x": "nm",
    "y": "nm",
    "photoelectrons": "photons",
    "photoelectrons per x": "photons/nm",
    "photoelectrons per y": "photons/nm",
}
"""Units of the table by units of :data:`pointillist.fitting.QUANTITIES`."""

_FIRST = ("frame", "x", "y", "x_error", "y_error", "photons", "sigma", "sigma_x", "sigma_y", "background", "nchi2")

Columns = Iterator[tuple[str, NDArray[Any], str]]


def localizations_of_rows(
    rows: Rows, metadata: Metadata, *, failures: Mapping[int, str], remarks: Sequence[str]
) -> Localizations:
    """Return the table of rows, the same to the bit as that of a file which holds these rows.

    Parameters
    ----------
    rows
        Rows of a fit module, px and photoelectrons.
    metadata
        Metadata of the movie and complete settings.
    failures
        Reasons why frames could not be analysed, by frame.
    remarks
        Remarks for the user.

    Raises
    ------
    SettingError
        If the metadata lacks what the units need.
    """
    stored = to_pyme(rows, str(metadata["Analysis.FitModule"]), Scale.of(metadata))
    return localizations_of(stored, metadata, failures=failures, remarks=remarks)


def localizations_of(
    stored: NDArray[np.void], metadata: Metadata, *, failures: Mapping[int, str], remarks: Sequence[str]
) -> Localizations:
    """Return the table of rows as a results file stores them.

    Parameters
    ----------
    stored
        Rows of ``/FitResults``.
    metadata, failures, remarks
        Contents of the file, as for :func:`localizations_of_rows`.

    Raises
    ------
    SettingError
        If the metadata lacks what the units need.
    """
    fit_module, scale = str(metadata["Analysis.FitModule"]), Scale.of(metadata)
    found = {name: (values, unit) for name, values, unit in _columns(stored, fit_module, scale)}
    names = [*(name for name in _FIRST if name in found), *(name for name in found if name not in _FIRST)]
    return Localizations(
        columns={name: found[name][0] for name in names},
        units={name: found[name][1] for name in names if found[name][1]},
        metadata=metadata,
        failures=failures,
        remarks=remarks,
    )


def _columns(stored: NDArray[np.void], fit_module: str, scale: Scale) -> Columns:
    """Yield name, values and unit; lengths are the numbers that the file holds."""
    rows = from_pyme(stored, fit_module, scale)
    given = {ours: (theirs, unit) for ours, theirs, unit in format_of(fit_module).columns}
    per_nm = {"photoelectrons per x": 1 / scale.nm_per_px_x, "photoelectrons per y": 1 / scale.nm_per_px_y}
    for name, (theirs, unit) in given.items():
        if name.startswith(("roi_", "start_")):
            continue
        values = np.ascontiguousarray(rows[name])
        if unit in {"x", "y"}:
            values = np.where(np.isnan(values), np.float32(np.nan), column_of(stored, theirs))
        elif unit in per_nm:
            values = (values * per_nm[unit]).astype(np.float32)
        yield _name(name, given), values, _UNITS.get(unit, "")
    if {"amplitude", "sigma"} <= given.keys():
        yield "photons", photons(rows).astype(np.float32), "photons"


def _name(name: str, given: Mapping[str, object]) -> str:
    """Return the name in the table: ``sigma_x`` for the width along x of an elliptical spot."""
    return name.replace("sigma", "sigma_x") if "sigma_y" in given and name in {"sigma", "sigma_error"} else name
