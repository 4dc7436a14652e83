"""The background of a movie in this process, batch by batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.api.analysis import existing_path
from pointillist.api.movie_source import MovieSource, SettingValues, opened, plain_values
from pointillist.fitting import BlockReader, FitSettings
from pointillist.fitting.backgrounds import BackgroundImages, BackgroundMethod, BackgroundSeries, window_span
from pointillist.pipeline_files.backgrounds import (
    EventImages,
    background_layout,
    copied_images,
    has_event_images,
    images_of,
    prepare_background,
)
from pointillist.pipeline_files.movies import Movie, gap_reader
from pointillist.settings import background_job_settings

_BATCH_BYTES = 16 << 20
"""Raw frames of a batch, unless its background windows are longer."""


@dataclass(frozen=True, kw_only=True)
class BackgroundRun:
    """A background that is to be computed in this process.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings of the background.
    dtype
        Type of a pixel of the background.
    parts
        Backgrounds of successive batches, each computed when it is asked for.
    """

    movie: Movie
    settings: FitSettings
    dtype: np.dtype[Any]
    parts: Iterator[BackgroundImages]

    @property
    def method(self) -> BackgroundMethod:
        """Method of the background."""
        return self.settings.background


def background_batches(
    source: MovieSource,
    method: str | None = None,
    *,
    settings: SettingValues | None = None,
    batch: int | None = None,
    workers: int = 1,
) -> Iterator[tuple[int, int, NDArray[Any]]]:
    """Yield the background of a movie batch by batch, computed in this process.

    Parameters
    ----------
    source
        Path of a movie or of an HDF5 file with ``events/image``, open movie, or frames ``(frame, y, x)``.
    method
        Identifier of the method, such as ``rollmed:k=100``; None for that of the settings.
    settings
        Settings by PYME's names, which override the movie's.
    batch
        Number of frames in a batch, >= 1; None for some 16 MB of frames.
    workers
        Number of threads, >= 1.

    Yields
    ------
    start, stop
        Range of frames ``[start, stop)``.
    images
        Background of these frames, ``(frame, y, x)``, raw counts; of a frame without any, NaN or 0.

    Raises
    ------
    MovieError, SettingError
        If the movie cannot be read, or the method does not suit.

    Examples
    --------
    >>> import numpy as np, pointillist
    >>> frames = np.full((100, 32, 32), 7, np.uint16)
    >>> for start, stop, images in pointillist.background_batches(frames, "rollmed:k=10", batch=60):
    ...     print(start, stop, images.mean())
    0 60 7.0
    60 100 7.0
    """
    with background_run(source, method, settings, batch=batch, workers=workers) as run:
        for part in run.parts:
            yield part.first, part.stop, images_of(part, run.dtype)


@contextmanager
def background_run(  # noqa: PLR0913 - of the batches, and one more
    source: MovieSource,
    method: str | None,
    settings: SettingValues | None = None,
    *,
    batch: int | None = None,
    workers: int = 1,
    keeps_offsets_apart: bool = False,
) -> Iterator[BackgroundRun]:
    """Open a movie and yield its background; parameters as for :func:`background_batches`.

    Parameters
    ----------
    source, method, settings, batch, workers
        As for :func:`background_batches`.
    keeps_offsets_apart
        Whether the type of a pixel is that of images without their offsets.
    """
    if workers < 1 or (batch is not None and batch < 1):
        msg = f"{workers} workers, batches of {batch} frames: give at least one of each"
        raise ValueError(msg)
    with opened_source(source) as movie:
        values = prepare_background(movie, overrides=chosen(method, settings), is_mapped=keeps_offsets_apart)
        known = background_job_settings(values)
        if keeps_offsets_apart and not known.background.has_offsets:
            known = replace(known, is_mapped=False)
        fit = known.fit
        with copied_images(known.copied) as images:
            lost: dict[int, str] = {}
            blocks = BlockReader(gap_reader(movie, lost), movie.n_frames, fit, images, lost)
            edges = [*range(0, movie.n_frames, batch or _batch_length(movie, fit)), movie.n_frames]
            yield BackgroundRun(
                movie=movie,
                settings=fit,
                dtype=background_layout(known, movie).dtype,
                parts=_parts(blocks, fit, edges, workers),
            )


def opened_source(source: MovieSource) -> AbstractContextManager[Movie]:
    """Open a movie, also an HDF5 file with ``events/image``."""
    if isinstance(source, str | Path):
        path = existing_path(source)
        return EventImages(path) if has_event_images(path) else opened(path)
    return opened(source)


def chosen(method: str | None, settings: SettingValues | None) -> dict[str, Any]:
    """Return the settings that the user gave, with the method among them."""
    return {**plain_values(settings), **({} if method is None else {"Analysis.Background": method})}


def _batch_length(movie: Movie, settings: FitSettings) -> int:
    middle = movie.n_frames // 2
    first, end = window_span(settings, middle, middle + 1, movie.n_frames)
    frame_bytes = int(np.prod(movie.frame_shape)) * movie.dtype.itemsize
    return max(1, _BATCH_BYTES // frame_bytes, end - first)


def _parts(
    blocks: BlockReader, settings: FitSettings, edges: Sequence[int], workers: int
) -> Iterator[BackgroundImages]:
    """Yield the background of each range in order; frames are read by this thread alone."""
    if workers == 1:
        series = BackgroundSeries(settings)
        for start, stop in pairwise(edges):
            yield series.images(blocks.block(start, stop), start, stop)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[BackgroundImages]] = deque()
        for start, stop in pairwise(edges):
            block = blocks.block(start, stop)
            waiting.append(pool.submit(BackgroundSeries(settings).images, block, start, stop))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
