"""Localizations from results files."""

from __future__ import annotations

from pathlib import Path

from pointillist.localizations import Localizations
from pointillist.pipeline_files.results import read_localizations


def read_results(path: str | Path) -> Localizations:
    """Read the localizations of a results file.

    Parameters
    ----------
    path
        Path of a ``.h5r`` by Pointillist or PYME, finished or partial.

    Returns
    -------
    Localizations
        Table of all rows; a remark says so if the analysis is not finished.

    Raises
    ------
    ResultsError
        If there is no such file, or it is damaged, foreign, or by a fit that is not known.

    Examples
    --------
    >>> import pointillist
    >>> localizations = pointillist.read_results("movie.h5r")
    >>> bright = localizations[localizations["photons"] > 500]
    """
    return read_localizations(Path(path))
