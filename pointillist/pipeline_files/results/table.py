"""Localizations on disk, ``.h5r``, as PYME reads them: making and extending such files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting import Rows
from pointillist.fitting.estimation import MODULES
from pointillist.pipeline_files.hdf5_metadata import write_metadata
from pointillist.pipeline_files.movies import EVENT_DTYPE, NO_EVENTS, Events, Movie, data_file_id, first_available
from pointillist.pipeline_files.results.conversion import Scale, to_pyme
from pointillist.pipeline_files.results.fit_formats import format_of
from pointillist.pipeline_files.storage import create_hdf5, extend_hdf5
from pointillist.settings import Metadata, Value, settings_digest

if TYPE_CHECKING:
    import tables

FORMAT_VERSION = 1

_EXPECTED_ROWS = 500_000
"""PYME's number, from which PyTables derives the size of chunks."""

_BLOCK_ROWS = 4096
"""Rows converted and appended at a time, so that they are still in the cache when PyTables copies them."""

Converted = TypeVar("Converted")


@dataclass(frozen=True, kw_only=True, eq=False)
class ResultsDescription:
    """Metadata and provenance of a results file.

    Parameters
    ----------
    metadata
        Metadata of the movie and effective settings, by dotted key.
    movie_path
        Path of the movie.
    movie_identity
        :attr:`pointillist.pipeline_files.movies.Movie.identity` of the movie.
    n_frames
        Number of frames of the movie.
    settings_digest
        Digest from :func:`pointillist.settings.settings_digest`.
    events
        Structured array of :data:`pointillist.pipeline_files.movies.EVENT_DTYPE`.
    versions
        Versions of the programs in use, by name.
    """

    metadata: Metadata
    movie_path: str
    movie_identity: str
    n_frames: int
    settings_digest: str
    events: Events = field(default_factory=NO_EVENTS.copy)
    versions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, movie: Movie, settings: Metadata) -> Self:
        """Describe the results of analysing a movie.

        Parameters
        ----------
        movie
            Open movie, of which the first frame is read.
        settings
            Effective settings.

        Returns
        -------
        ResultsDescription
            Description with the versions of installed packages.
        """
        return cls(
            metadata={**movie.metadata, **settings, "DataFileID": data_file_id(first_available(movie))},
            movie_path=str(movie.path),
            movie_identity=movie.identity,
            n_frames=movie.n_frames,
            settings_digest=settings_digest(settings),
            events=movie.events,
            versions={name: _version(name) for name in ("pointillist", "numba", "numpy", "scipy")},
        )

    @property
    def fit_module(self) -> str:
        """Name of the fit."""
        return str(self.metadata.get("Analysis.FitModule"))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the fit's rows."""
        return MODULES[self.fit_module].dtype


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def create_results(path: Path, description: ResultsDescription, *, is_compressed: bool) -> int:
    """Make a results file without localizations.

    Parameters
    ----------
    path
        Path of the new file, whose directories are made.
    description
        Metadata and provenance of the file.
    is_compressed
        Whether rows are compressed with zlib, as PYME does; unsuitable for a file that is appended to while others read
        it.

    Returns
    -------
    int
        Number of rows in a chunk of the table.

    Raises
    ------
    ResultsError
        If the file exists, or cannot be written.
    SettingError
        If the metadata lacks what the units need.
    """
    from pointillist.pipeline_files.unlocked_tables import tables  # noqa: PLC0415 - only for who writes

    if description.fit_module not in MODULES:
        raise SettingError(
            "Analysis.FitModule", f"there is no fit {description.fit_module!r}", f"use {', '.join(MODULES)}"
        )
    scale = Scale.of(description.metadata)
    filters = tables.Filters(5, "zlib", shuffle=True) if is_compressed else None
    create_hdf5(path)
    with extend_hdf5(path, description.events.nbytes) as file:
        for name, content in (
            ("FitResults", np.zeros(0, format_of(description.fit_module).dtype)),
            ("Events", np.asarray(description.events, EVENT_DTYPE)),
        ):
            file.create_table("/", name, content, filters=filters, expectedrows=_EXPECTED_ROWS, track_times=False)
        left_out = write_metadata(file, description.metadata)
        more = {"fit_module": description.fit_module, **asdict(scale)}
        write_provenance(file, description, {"metadata_left_out": json.dumps(left_out), **more})
        return int(file.root.FitResults.chunkshape[0])


def write_provenance(file: tables.File, description: ResultsDescription, more: Mapping[str, Value]) -> None:
    """Create the group ``/Pointillist`` with the provenance of a file that is not complete.

    Parameters
    ----------
    file
        File open for writing.
    description
        Movie and settings of the file.
    more
        Further attributes by name.
    """
    own = file.create_group("/", "Pointillist")
    for name, value in {
        "format_version": FORMAT_VERSION,
        "is_complete": False,
        "movie_path": description.movie_path,
        "movie_identity": description.movie_identity,
        "n_frames": description.n_frames,
        "settings_digest": description.settings_digest,
        "versions": json.dumps(dict(description.versions)),
        **more,
    }.items():
        file.set_node_attr(own, name, value)


def append_localizations(path: Path, rows: Rows) -> None:
    """Append localizations, opening the file only for that time.

    Parameters
    ----------
    path
        Path of a file from :func:`create_results`.
    rows
        Structured array of the file's fit module, in px and photoelectrons.

    Raises
    ------
    DiskFullError
        If there is no room; the file is as it was.
    FileBusyError
        If another program has the file open; the file is as it was.
    ResultsError
        If it cannot be written for any other reason.
    """
    with extend_hdf5(path, 2 * rows.nbytes) as file:
        convert = row_converter(file, to_pyme)
        for start in range(0, len(rows), _BLOCK_ROWS):
            file.root.FitResults.append(convert(rows[start : start + _BLOCK_ROWS]))


def row_converter(file: tables.File, convert: Callable[[Rows, str, Scale], Converted]) -> Callable[[Rows], Converted]:
    """Return the function that converts localizations to what a file stores."""
    own = file.root.Pointillist._v_attrs  # noqa: SLF001 - PyTables' name for attributes
    scale = Scale(**{name: float(own[name]) for name in Scale.__dataclass_fields__})
    return lambda rows: convert(rows, str(own.fit_module), scale)
