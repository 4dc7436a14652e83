"""Paths of results and of the files that a job keeps beside them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.pipeline_files.storage import check_place, make_directory, translated_write_errors
from pointillist.system import DATA, chosen, expand, home, irregular, trouble_of, user_name

RESULTS_ENDING, IMAGES_ENDING = ".h5r", ".h5"
"""Endings of files of localizations and of images."""


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
    """Return why the results are not in the user's folder; None if they are."""
    configured = chosen(DATA)
    trouble = configured and trouble_of(configured)
    return f"{DATA.variable}: {configured} {trouble}; {data_root()} is used instead" if trouble else None


def default_results_path(movie: Path) -> Path:
    """Return PYME's path for the results of a movie.

    The path is ``<data root>/<user>/analysis/<directory of the movie>/<stem of the movie>.h5r``.
    """
    return _analysis_folder(movie) / f"{movie.stem}{RESULTS_ENDING}"


def default_background_path(movie: Path) -> Path:
    """Return the default path of a background, beside the results of its movie.

    The path is ``<stem of the movie>.background.h5`` in the directory of :func:`default_results_path`.
    """
    return _analysis_folder(movie) / f"{movie.stem}.background{IMAGES_ENDING}"


def _analysis_folder(movie: Path) -> Path:
    return data_root() / user_name() / "analysis" / movie.absolute().parent.name


def partial_path(results: Path) -> Path:
    """Return the path of the rows written so far, while the job runs.

    The name is ``<stem>.partial.h5r``, or with the suffix of `results`.
    """
    return _beside(results, f"partial{results.suffix}")


def unfinished_path(results: Path) -> Path:
    """Return the path of the results until they are complete.

    The name is ``<stem>.unfinished.h5r``, or with the suffix of `results`.
    """
    return _beside(results, f"unfinished{results.suffix}")


def journal_path(results: Path) -> Path:
    """Return the path of the job's journal.

    The name is ``<stem>.journal``.
    """
    return _beside(results, "journal")


def _beside(results: Path, ending: str) -> Path:
    is_whole_name = results.suffix not in (RESULTS_ENDING, IMAGES_ENDING)
    return results.with_name(f"{results.name if is_whole_name else results.stem}.{ending}")


def alternatives(results: Path, ending: str = RESULTS_ENDING) -> Iterator[Path]:
    """Yield paths to try, since existing files are never overwritten.

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


def find_file(setting: str, name: str, folder: Path) -> Path:
    """Return the file that a setting names: in the movie's folder, else below PYME's data directory.

    Parameters
    ----------
    setting
        Name of the setting, for error messages.
    name
        Absolute or relative path.
    folder
        Folder of the movie.

    Raises
    ------
    SettingError
        If there is no such file.
    """
    paths = (folder / name, data_root() / name)
    for path in paths:
        if path.is_file():
            return path
    for path in paths:
        if kind := irregular(path):
            raise SettingError(setting, f"{path} is {kind}", "name a file")
    raise SettingError(setting, f"there is no file {name!r} in {folder} or {data_root()}", "give its full path")


def is_taken(results: Path) -> bool:
    """Return whether a name belongs to a job, finished or not.

    A job in progress has a partial file or a journal of that name.
    """
    return any(path.exists() for path in (results, partial_path(results), journal_path(results)))


def check_writable(results: Path) -> None:
    """Check, before the analysis, that results can be written.

    Parameters
    ----------
    results
        Path of the results, whose directory is made.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    check_place(results)
    trial = _beside(results, f"trial{os.getpid()}")
    make_directory(results)
    with translated_write_errors(results):
        trial.write_bytes(b"")
        trial.unlink()
