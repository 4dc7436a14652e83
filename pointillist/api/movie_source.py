"""What functions accept as a movie: a path, an open movie, or an array."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pointillist.pipeline_files.movies import ArrayMovie, Movie, MovieFile, open_movie
from pointillist.settings import Value

MovieSource: TypeAlias = str | Path | Movie | NDArray[Any]
"""Path of a movie, open movie, or frames ``(frame, y, x)`` in raw counts, ADU."""

SettingValues: TypeAlias = Mapping[str, Any]
"""Settings by PYME's names; each value is of the setting's type or text."""


def opened(movie: MovieSource) -> AbstractContextManager[Movie]:
    """Return a movie for a ``with`` statement, which closes it only if it was opened here."""
    if isinstance(movie, str | Path):
        return open_movie(movie)
    if isinstance(movie, MovieFile | ArrayMovie):
        return nullcontext(movie)
    return ArrayMovie(np.asarray(movie))


def plain_values(settings: SettingValues | None) -> dict[str, Value]:
    """Return settings with NumPy's numbers and paths as Python's numbers and text."""
    return {name: _plain(value) for name, value in (settings or {}).items()}


def _plain(value: Any) -> Value:  # noqa: ANN401  # any value of a setting
    if isinstance(value, np.generic):
        return _plain(value.item())
    return str(value) if isinstance(value, Path) else value
