"""Where results go."""

from __future__ import annotations

import getpass
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline_files.storage import clear_write_errors, make_directory


def data_root() -> Path:
    """Return PYME's data directory.

    Returns
    -------
    Path
        ``$PYMEDATADIR`` if that can be written to, else ``~/PYMEData``; it need not exist.
    """
    configured = os.environ.get("PYMEDATADIR")
    if configured and os.access(configured, os.W_OK):
        return Path(configured)
    return Path.home() / "PYMEData"


def default_results_path(movie: Path) -> Path:
    """Return where PYME puts the results of a movie.

    Parameters
    ----------
    movie
        Path of the movie.

    Returns
    -------
    Path
        ``<data root>/<user>/analysis/<directory of the movie>/<stem of the movie>.h5r``.
    """
    movie = movie.absolute()
    return data_root() / getpass.getuser() / "analysis" / movie.parent.name / f"{movie.stem}.h5r"


def partial_path(results: Path) -> Path:
    """Return where the rows are while the analysis runs.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    Path
        ``<stem>.partial.h5r``.
    """
    return _beside(results, "partial.h5r")


def unfinished_path(results: Path) -> Path:
    """Return where the results are until they are whole.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    Path
        ``<stem>.unfinished.h5r``.
    """
    return _beside(results, "unfinished.h5r")


def journal_path(results: Path) -> Path:
    """Return where the journal of the analysis is.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    Path
        ``<stem>.journal``.
    """
    return _beside(results, "journal")


def _beside(results: Path, ending: str) -> Path:
    return results.with_name(f"{results.name.removesuffix('.h5r')}.{ending}")


def alternatives(results: Path) -> Iterator[Path]:
    """Yield names to try, for what exists is never overwritten.

    Parameters
    ----------
    results
        As the user, or PYME's rule, wants it.

    Yields
    ------
    Path
        ``<stem>.h5r``, ``<stem>_1.h5r``, ``<stem>_2.h5r`` and so on, without end.
    """
    stem = results.name.removesuffix(".h5r")
    yield results.with_name(f"{stem}.h5r")
    for n in itertools.count(1):
        yield results.with_name(f"{stem}_{n}.h5r")


def is_taken(results: Path) -> bool:
    """Return whether a name belongs to an analysis, finished or not.

    Parameters
    ----------
    results
        Path of results.

    Returns
    -------
    bool
        Whether the file, or one that an analysis of that name leaves beside it, exists.
    """
    return any(path.exists() for path in (results, partial_path(results), journal_path(results)))


def check_writable(results: Path) -> None:
    """Make sure, before the work is done, that results can be written.

    Parameters
    ----------
    results
        Path of the results; its directory is made.

    Raises
    ------
    ResultsError
        If there can be no file.
    """
    trial = _beside(results, f"trial{os.getpid()}")
    make_directory(results)
    with clear_write_errors(results):
        trial.write_bytes(b"")
        trial.unlink()
