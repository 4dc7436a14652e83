"""The kind ``fit``: frames in, localizations out."""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path

import numpy as np

from fitting.background import window_span
from fitting.blocks import spread_images
from fitting.localizations import FrameBlock, Rows
from fitting.localize import localize
from pipeline_files.camera import camera_model
from pipeline_files.movie import open_movie
from pipeline_files.settings import fit_settings
from pipeline_files.source import Frames
from pipeline_protocol.errors import MovieError, PointillistError
from pipeline_protocol.messages import JobSpec
from pipeline_worker.kinds import BlockedError, Result

_BLOCK_BYTES = 8 << 20
"""Raw frames that are read, then localized, at a time: they are still in the cache, and memory does not grow with the
task."""

_BLOCK_WINDOWS = 2
"""Length of such a block in background windows, at least, since each block begins its windows anew."""

_AHEAD_BYTES = 64 << 20
"""Raw frames that the system is asked to fetch while earlier ones are at work."""


class FitRunner:
    """A movie, opened, with its camera and settings.

    Parameters
    ----------
    spec
        The job.

    Raises
    ------
    BlockedError
        If the movie, or a camera map, is not there or is another one.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._path = Path(spec.movie)
        self._identity = spec.identity
        with contextlib.ExitStack() as stack:
            try:
                self._stamp = self._stamped()
                self._movie = stack.enter_context(open_movie(self._path))
                if self._movie.identity != spec.identity:
                    raise _changed(self._path)
                self._settings = fit_settings(spec.settings)
                self._camera = camera_model(spec.settings, self._movie.frame_shape, self._path.parent)
            except PointillistError as error:
                raise BlockedError(str(error)) from error
            stack.pop_all()  # the movie stays open
        self._n_frames = spec.n_frames
        middle = self._n_frames // 2
        first, end = window_span(self._settings, middle, middle + 1, self._n_frames)
        frame_bytes = math.prod(self._movie.frame_shape) * self._movie.dtype.itemsize
        self._n_block = max(1, _BLOCK_BYTES // frame_bytes, _BLOCK_WINDOWS * (end - first - 1))
        self._frames: Frames = np.empty((0, *self._movie.frame_shape), self._movie.dtype)
        self._first = self._end = 0  # of the frames in it
        self._n_ahead = max(1, _AHEAD_BYTES // frame_bytes)
        self._spread = spread_images(self._settings, self._movie.read, self._n_frames)

    def read(self, start: int, stop: int) -> tuple[int, int]:
        """Have the system fetch what a range begins with, and return the range."""
        first, end = window_span(self._settings, start, stop, self._n_frames)
        self._movie.expect(first, min(end, first + self._n_ahead))
        return start, stop

    def compute(self, inputs: tuple[int, int]) -> Result:
        """Localize the molecules of a range.

        Raises
        ------
        BlockedError
            If the movie is gone, or has changed.
        MovieError
            If these frames cannot be read.
        """
        try:
            self._check_unchanged()
            return self._localize(*inputs)
        except MovieError as error:
            self._end = self._first
            self._check_readable(error)
            raise

    def close(self) -> None:
        """Let go of the movie."""
        self._movie.close()

    def _localize(self, start: int, stop: int) -> Result:
        rows: list[Rows] = []
        failures: dict[int, str] = {}
        seconds = {"read": 0.0, "fit": 0.0}
        for first in range(start, stop, self._n_block):
            end = min(first + self._n_block, stop)
            began = time.perf_counter()
            block = self._block(first, end)
            self._movie.expect(min(first + self._n_ahead, stop), min(end + self._n_ahead, stop))
            read = time.perf_counter()
            found = localize(block, first, end, self._camera, self._settings)
            rows.append(found.rows)
            failures.update(found.failures)
            seconds["read"] += read - began
            seconds["fit"] += time.perf_counter() - read
        return Result(
            n_items=sum(map(len, rows)),
            failures=failures,
            buffers=[b"".join(part.tobytes() for part in rows)],
            seconds=seconds,
        )

    def _block(self, start: int, stop: int) -> FrameBlock:
        """Read frames with their background windows; what the block before left in memory is not read again."""
        first, end = window_span(self._settings, start, stop, self._n_frames)
        kept = self._frames[:0]
        if self._first <= first < self._end:
            kept = self._frames[first - self._first : min(end, self._end) - self._first]
        if end - first > len(self._frames):
            self._frames = np.empty((end - first, *self._movie.frame_shape), self._movie.dtype)
        frames = self._frames[: end - first]
        frames[: len(kept)] = kept
        self._first = self._end = first
        self._movie.read(first + len(kept), end, frames[len(kept) :])
        self._end = end
        return FrameBlock(
            frames=frames,
            first=first,
            n_movie_frames=self._n_frames,
            background_images=None if self._spread is None else self._spread.range(start, stop),
        )

    def _stamped(self) -> tuple[int, int, int]:
        """Return what changes when somebody writes to the movie."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise MovieError(self._path, "has vanished", "put it back, and run the command again") from error
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _check_unchanged(self) -> None:
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        self._check_identity()
        self._stamp = stamp

    def _check_readable(self, cause: MovieError) -> None:
        """Find out whether an error concerns a few frames, or the whole movie."""
        try:
            self._check_identity()
        except MovieError as error:
            raise BlockedError(str(error)) from cause

    def _check_identity(self) -> None:
        """Make sure that the path still leads to the same movie.

        Raises
        ------
        BlockedError
            If it is another one.
        MovieError
            If it cannot be opened.
        """
        with open_movie(self._path) as movie:
            if movie.identity != self._identity:
                raise _changed(self._path)


def _changed(path: Path) -> BlockedError:
    return BlockedError(f"{path}: is not the movie that it was; put the old one back, and run the command again")
