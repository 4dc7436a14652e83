"""A movie in a worker: the same file all the time, and no frame read twice for neighbouring ranges."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import numpy as np

from pointillist.errors import MovieError, PointillistError
from pointillist.fitting import FrameBlock, movie_background_images
from pointillist.fitting.backgrounds import window_span
from pointillist.pipeline_files.movies import Frames, read_with_gaps
from pointillist.pipeline_protocol.messages import JobSpec
from pointillist.pipeline_worker.data_access import DataAccess
from pointillist.pipeline_worker.job_movie import JobMovie
from pointillist.pipeline_worker.tasks import BlockedError
from pointillist.settings import AnyJobSettings

BLOCK_BYTES = 8 << 20
"""Raw frames that are read, then computed with, at a time: they are still in the cache, and memory does not grow with
the task."""

_BLOCK_FRAMES = 8
"""Frames of such a block, at least, where there is a window: ordered windows slide over as many at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """A part of a range, read.

    Parameters
    ----------
    block
        The frames of the part and of its background window.
    start, stop
        Frames of the part.
    read_s
        Reading time, s.
    """

    block: FrameBlock
    start: int
    stop: int
    read_s: float


class MovieReader:
    """A job's movie, open.

    Parameters
    ----------
    spec
        Description of the job.
    settings
        Settings, which say which frames a background needs.
    access
        Files that the worker may open.

    Attributes
    ----------
    movie
        Open movie.

    Raises
    ------
    BlockedError
        If neither this machine nor the server has the movie, or its stored background.
    """

    def __init__(self, spec: JobSpec, settings: AnyJobSettings, access: DataAccess) -> None:
        with blocked_by_errors(), ExitStack() as stack:
            self.movie = stack.enter_context(closing(JobMovie(spec, access)))
            stored = stack.enter_context(access.copied_images(spec, settings.copied))
            self._files = stack.pop_all()  # they stay open
        self._settings = settings.fit
        self._n_frames = spec.n_frames
        middle = self._n_frames // 2
        first, end = window_span(settings.fit, middle, middle + 1, self._n_frames)
        frame_bytes = math.prod(self.movie.frame_shape) * self.movie.dtype.itemsize
        context = end - first - 1
        self._n_block = max(1, BLOCK_BYTES // frame_bytes, min(context, _BLOCK_FRAMES))
        self._n_shared = context + 1 if context else 0  # frames that a block has in common with the one before
        self._frame_bytes = frame_bytes
        self._lost: dict[int, str] = {}
        self._movie_images = movie_background_images(settings.fit, self._read_there, self._n_frames, stored)
        self._frames: Frames = np.empty((0, *self.movie.frame_shape), self.movie.dtype)
        self._first = self._end = 0  # of the frames in it
        self._place = 0  # of the first of them
        self._expected_stop = self._expected_end = 0

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch what a range begins with."""
        first, end = window_span(self._settings, start, stop, self._n_frames)
        if start == self._expected_stop:  # what the range before needs is in memory by then
            first = max(first, self._expected_end)
        self._expected_stop, self._expected_end = stop, end
        self.movie.expect(first, min(end, first + self._n_ahead))

    def parts(self, start: int, stop: int) -> Iterator[Part]:
        """Read a range with its background windows, part by part; each one ends with the next.

        Raises
        ------
        BlockedError
            If the movie is gone, or has changed, here and at the server.
        MovieError
            If these frames cannot be read.
        """
        try:
            self.movie.check()
            for first in range(start, stop, self._n_block):
                end = min(first + self._n_block, stop)
                began = time.perf_counter()
                block = self._block(first, end)
                self.movie.expect(min(first + self._n_ahead, stop), min(end + self._n_ahead, stop))
                yield Part(block=block, start=first, stop=end, read_s=time.perf_counter() - began)
        except MovieError:
            self._end = self._first
            raise

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    @property
    def _n_ahead(self) -> int:
        return max(1, self.movie.ahead_bytes // self._frame_bytes)

    def _block(self, start: int, stop: int) -> FrameBlock:
        """Read frames with all that their background needs; what the block before left in memory is not read again."""
        first, end = window_span(self._settings, start, stop, self._n_frames)
        if self._n_shared and self._first < first <= self._end:
            first -= 1  # which leaves the window as it slides on
        n_kept = self._make_room(first, end)
        frames = self._frames[self._place : self._place + end - first]
        self._end = first + n_kept
        self._read(self._end, end, frames[n_kept:])
        self._end = end
        return FrameBlock(
            frames=frames,
            first=first,
            n_movie_frames=self._n_frames,
            background_images=None if self._movie_images is None else self._movie_images(start, stop),
            lost={frame: reason for frame, reason in self._lost.items() if first <= frame < end},
        )

    def _read(self, start: int, stop: int, out: Frames) -> None:
        """Read frames; those that the movie lacks are zero, and are noted."""
        self._lost |= read_with_gaps(self.movie.read, start, stop, out)

    def _read_there(self, start: int, stop: int) -> Frames:
        """Return those of the frames ``[start, stop)`` that the movie does not lack."""
        frames = np.empty((stop - start, *self.movie.frame_shape), self.movie.dtype)
        self._read(start, stop, frames)
        return frames[[frame not in self._lost for frame in range(start, stop)]]

    def _make_room(self, first: int, end: int) -> int:
        """Make room for the frames ``[first, end)``; return how many of them, the first ones, are there already."""
        is_near = self._first <= first < self._end
        n_kept = min(end, self._end) - first if is_near else 0
        place = self._place + first - self._first if is_near else 0
        if place + end - first > len(self._frames):
            kept = self._frames[place : place + n_kept]
            if end - first > len(self._frames):
                n_room = max(end - first, 2 * self._n_shared + self._n_block)  # what is kept is moved seldom
                self._frames = np.empty((n_room, *self.movie.frame_shape), self.movie.dtype)
            self._frames[:n_kept] = kept
            place = 0
        self._first, self._place = first, place
        return n_kept


@contextmanager
def blocked_by_errors() -> Iterator[None]:
    """Let an error that a user is meant to read block the job: no range of it can be done here."""
    try:
        yield
    except PointillistError as error:
        raise BlockedError(str(error)) from error
