"""Localization in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pointillist.api.kernels import ready_kernels
from pointillist.api.movie_source import MovieSource, SettingValues, opened, plain_values
from pointillist.fitting import BlockReader, FitSettings, Localizer, Rows, join_rows
from pointillist.fitting.backgrounds import window_span
from pointillist.fitting.estimation import MODULES
from pointillist.localizations import Localizations
from pointillist.pipeline_files import prepare
from pointillist.pipeline_files.backgrounds import copied_images
from pointillist.pipeline_files.maps import camera_model
from pointillist.pipeline_files.movies import Movie, gap_reader
from pointillist.pipeline_files.results import localizations_of_rows
from pointillist.settings import Metadata, analysis_settings

OnProgress: TypeAlias = Callable[[int, int], object]
"""Function that is called with the number of frames that are done and the number of all frames."""

_BLOCK_BYTES = 32 << 20
"""Raw frames in memory at a time, unless a background window is longer."""


def localize(
    movie: MovieSource,
    settings: SettingValues | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    progress: OnProgress | None = None,
) -> Localizations:
    """Localize the molecules of a movie in this process, without a server; the rows are those of `analyse`.

    Parameters
    ----------
    movie
        Path of a movie, open movie, or frames ``(frame, y, x)`` in raw counts, ADU: uint8, uint16 or float32.
    settings
        Settings by PYME's names, each a value of its type or text; they override the movie's metadata. An array has
        no metadata: its pixel size and the numbers of its camera must be given.
    start, stop
        Range of frames ``[start, stop)`` from 0, up to the end of the movie by default; frames before it are used for
        the background.
    progress
        Function that is called with the number of frames that are done and the number of all frames.

    Returns
    -------
    Localizations
        Table of the localizations in order of frames.

    Raises
    ------
    MovieError
        If the movie cannot be read, or the array is no movie.
    SettingError
        If settings are missing or wrong; the message names them.
    ValueError
        If the range is not inside the movie.
    ServerError
        If the kernels cannot be compiled.

    Examples
    --------
    >>> import pointillist
    >>> localizations = pointillist.localize("movie.h5", {"Analysis.DetectionThreshold": 1.2}, stop=50)
    >>> localizations.units["x"]
    'nm'
    """
    with opened(movie) as source:
        end = source.n_frames if stop is None else stop
        if not 0 <= start <= end <= source.n_frames:
            msg = f"frames {start} to {end}: the movie has {source.n_frames} frames"
            raise ValueError(msg)
        ready_kernels()
        complete, remarks = prepare(source, None, plain_values(settings))
        rows, failures = _rows(source, complete, range(start, end), progress or (lambda *_: None))
        return localizations_of_rows(rows, complete, failures=failures, remarks=[*source.remarks, *remarks])


def _rows(movie: Movie, settings: Metadata, frames: range, progress: OnProgress) -> tuple[Rows, dict[int, str]]:
    known = analysis_settings(settings)
    fit = known.fit
    localizer = Localizer(camera_model(known.camera, movie.frame_shape, movie.path.absolute().parent), fit)
    lost: dict[int, str] = {}
    parts: list[Rows] = []
    failures: dict[int, str] = {}
    n_block = _block_length(movie, fit)
    with copied_images(known.copied) as images:
        blocks = BlockReader(gap_reader(movie, lost), movie.n_frames, fit, images, lost)
        for first in range(frames.start, frames.stop, n_block):
            end = min(first + n_block, frames.stop)
            found = localizer.localize(blocks.block(first, end), first, end)
            parts.append(found.rows)
            failures |= found.failures
            progress(end - frames.start, len(frames))
    return join_rows(parts, MODULES[fit.fit_module].dtype), failures


def _block_length(movie: Movie, settings: FitSettings) -> int:
    """Return how many frames are analysed at a time: so many that their background windows are a small part."""
    middle = movie.n_frames // 2
    first, end = window_span(settings, middle, middle + 1, movie.n_frames)
    frame_bytes = int(np.prod(movie.frame_shape)) * movie.dtype.itemsize
    return max(1, _BLOCK_BYTES // frame_bytes, end - first)
