"""Reading ``.h5r``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError, ResultsError, SettingError
from pointillist.fitting import Rows
from pointillist.fitting.estimation import MODULES
from pointillist.localizations import Localizations
from pointillist.pipeline_files.error_text import short_reason
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.hdf5_metadata import read_events, read_metadata
from pointillist.pipeline_files.movies import Events
from pointillist.pipeline_files.results.conversion import Scale, from_pyme
from pointillist.pipeline_files.results.localizations import localizations_of
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.pipeline_files.results.writer import FAILURE_DTYPE, RANGE_DTYPE
from pointillist.settings import Metadata


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """A results file, or a part of it.

    Parameters
    ----------
    n_localizations
        Number of localizations in the whole file.
    rows
        Requested rows, a structured array of the fit module's dtype, in px and photoelectrons.
    metadata
        Metadata of the movie, and settings, by dotted key.
    events
        Structured array of :data:`pointillist.pipeline_files.movies.EVENT_DTYPE`.
    is_complete
        Whether the analysis was finished; True for PYME's files, which do not say.
    ranges
        Analysed frames, a structured array of :data:`pointillist.pipeline_files.results.writer.RANGE_DTYPE`; empty in
        PYME's files.
    failures
        Reasons why frames could not be analysed, by frame.
    movie_path, movie_identity, settings_digest
        Origin as in :class:`pointillist.pipeline_files.results.ResultsDescription`; empty in PYME's files.
    versions
        Versions of the programs that wrote the file, by name.
    remarks
        One line for each entry that was left out.
    """

    n_localizations: int
    rows: Rows
    metadata: Metadata
    events: Events
    is_complete: bool
    ranges: NDArray[np.void]
    failures: Mapping[int, str]
    movie_path: str
    movie_identity: str
    settings_digest: str
    versions: Mapping[str, str]
    remarks: list[str]


def read_results(path: Path, start: int = 0, stop: int | None = None) -> Results:
    """Read localizations, by PYME or Pointillist.

    Parameters
    ----------
    path
        Path of a ``.h5r``, finished or partial.
    start, stop
        Range of rows as for a slice; ``stop=0`` for none.

    Returns
    -------
    Results
        Localizations in px and photoelectrons, with metadata.

    Raises
    ------
    ResultsError
        If there is no such file, or it is damaged, foreign, or by a fit that is not known.
    """
    with _translated_errors(path), open_hdf5(path) as file:
        return _read(path, file, slice(start, stop))


def read_localizations(path: Path) -> Localizations:
    """Read a results file, by PYME or Pointillist, as a table with units.

    Parameters
    ----------
    path
        Path of a ``.h5r``, finished or partial.

    Raises
    ------
    ResultsError
        If there is no such file, or it is damaged, foreign, or by a fit that is not known.
    """
    with _translated_errors(path), open_hdf5(path) as file:
        about = _read(path, file, slice(0, 0))
        unfinished = [] if about.is_complete else ["the analysis is not finished: these are the rows so far"]
        return localizations_of(
            file["FitResults"][:],
            about.metadata,
            failures=about.failures,
            remarks=[*about.remarks, *unfinished],
        )


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except MovieError as error:
        raise ResultsError(path, error.problem, error.remedy) from error
    except SettingError as error:
        raise ResultsError(path, f"its metadata: {error.subject} {error.problem}", "analyse the movie again") from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(
            path, f"is not a results file, or is damaged ({short_reason(error)})", "copy it again"
        ) from error


def is_finished(path: Path, description: ResultsDescription, failed: Collection[int]) -> bool:
    """Return whether a file is complete, of this movie and these settings, and lacks only these frames.

    Parameters
    ----------
    path
        Path of any file, or of none.
    description
        Expected movie and settings.
    failed
        Numbers of the frames that could not be analysed.

    Returns
    -------
    bool
        Whether it is such a file; False if it cannot be read.
    """
    try:
        with open_hdf5(path) as file:
            about = file["Pointillist"].attrs
            found = bool(about["is_complete"]), _text(about, "movie_identity"), _text(about, "settings_digest")
            lacking = set(_table(file["Pointillist"], "Failures", FAILURE_DTYPE)["frame"].tolist())
    except (MovieError, OSError, KeyError):
        return False
    return (*found, lacking) == (True, description.movie_identity, description.settings_digest, set(failed))


def _read(path: Path, file: h5py.File, selection: slice) -> Results:
    table = file.get("FitResults")
    if not isinstance(table, h5py.Dataset) or table.dtype.names is None:
        raise ResultsError(path, "is HDF5, but holds no localizations (no /FitResults)", "name a .h5r file")
    metadata, remarks = read_metadata(file)
    events, event_remarks = read_events(file)
    fit_module = str(metadata.get("Analysis.FitModule"))
    if fit_module not in MODULES:
        raise ResultsError(path, f"holds results of {fit_module}", f"only those of {', '.join(MODULES)} are read")
    own = file.get("Pointillist")
    about = own.attrs if own is not None else {}
    return Results(
        n_localizations=len(table),
        rows=from_pyme(table[selection], fit_module, Scale.of(metadata)),
        metadata=metadata,
        events=events,
        is_complete=bool(about.get("is_complete", True)),
        ranges=_table(own, "Ranges", RANGE_DTYPE),
        failures={
            int(frame): reason.decode("utf-8", "replace") for frame, reason in _table(own, "Failures", FAILURE_DTYPE)
        },
        movie_path=_text(about, "movie_path"),
        movie_identity=_text(about, "movie_identity"),
        settings_digest=_text(about, "settings_digest"),
        versions=json.loads(_text(about, "versions") or "{}"),
        remarks=[*remarks, *event_remarks],
    )


def _table(group: h5py.Group | None, name: str, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    if group is None or name not in group:
        return np.zeros(0, dtype)
    rows: NDArray[np.void] = group[name][:]
    return rows


def _text(attributes: Mapping[str, object], name: str) -> str:
    value = attributes.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value) if isinstance(value, str) else ""
