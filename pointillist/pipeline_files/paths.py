"""Where results go."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from pointillist.pipeline_files.storage import make_directory, translated_write_errors
from pointillist.system import DATA, chosen, expand, home, trouble_of, user_name

RESULTS_ENDING, IMAGES_ENDING = ".h5r", ".h5"
"""Of localizations, and of images."""


def data_root() -> Path:
    """Return PYME's data directory.

    Returns
    -------
    Path
        ``$PYMEDATADIR`` if it is writable or can be created, else ``~/PYMEData``; it need not exist.
    """
    configured = chosen(DATA)
    return expand(str(home() / "PYMEData")) if configured is None or trouble_of(configured) else configured


def data_root_remark() -> str | None:
    """Say why results are not where the user wants them; None if they are."""
    configured = chosen(DATA)
    trouble = configured and trouble_of(configured)
    return f"{DATA.variable}: {configured} {trouble}; {data_root()} takes its place" if trouble else None


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
    return _analysis_folder(movie) / f"{movie.stem}{RESULTS_ENDING}"


def default_background_path(movie: Path) -> Path:
    """Return where the background of a movie goes: beside its results.

    Parameters
    ----------
    movie
        Path of the movie.

    Returns
    -------
    Path
        ``<stem of the movie>.background.h5`` in the directory of :func:`default_results_path`.
    """
    return _analysis_folder(movie) / f"{movie.stem}.background{IMAGES_ENDING}"


def _analysis_folder(movie: Path) -> Path:
    return data_root() / user_name() / "analysis" / movie.absolute().parent.name


def partial_path(results: Path) -> Path:
    """Return where what there is so far stands while the job runs.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    Path
        ``<stem>.partial.h5r``, or with the suffix of `results`.
    """
    return _beside(results, f"partial{results.suffix}")


def unfinished_path(results: Path) -> Path:
    """Return where the results are until they are whole.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    Path
        ``<stem>.unfinished.h5r``, or with the suffix of `results`.
    """
    return _beside(results, f"unfinished{results.suffix}")


def journal_path(results: Path) -> Path:
    """Return where the journal of the job is.

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
    is_whole_name = results.suffix not in (RESULTS_ENDING, IMAGES_ENDING)
    return results.with_name(f"{results.name if is_whole_name else results.stem}.{ending}")


def alternatives(results: Path, ending: str = RESULTS_ENDING) -> Iterator[Path]:
    """Yield names to try, for what exists is never overwritten.

    Parameters
    ----------
    results
        Path that the user or PYME's rule chose.
    ending
        Ending that the names must have.

    Yields
    ------
    Path
        ``<stem>.h5r``, ``<stem>_1.h5r``, ``<stem>_2.h5r`` and so on, without end.
    """
    stem = results.name.removesuffix(ending)
    yield results.with_name(f"{stem}{ending}")
    for n in itertools.count(1):
        yield results.with_name(f"{stem}_{n}{ending}")


def is_taken(results: Path) -> bool:
    """Return whether a name belongs to a job, finished or not.

    Parameters
    ----------
    results
        Path of the results.

    Returns
    -------
    bool
        Whether the file, or one that a job of that name keeps beside it, exists.
    """
    return any(path.exists() for path in (results, partial_path(results), journal_path(results)))


def check_writable(results: Path) -> None:
    """Make sure, before the work is done, that results can be written.

    Parameters
    ----------
    results
        Path of the results, whose directory is made.

    Raises
    ------
    ResultsError
        If there can be no file.
    """
    trial = _beside(results, f"trial{os.getpid()}")
    make_directory(results)
    with translated_write_errors(results):
        trial.write_bytes(b"")
        trial.unlink()
