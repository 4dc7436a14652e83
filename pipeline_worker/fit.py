"""The kind ``fit``: frames in, localizations out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fitting.background import window_span
from fitting.localizations import FrameBlock
from fitting.localize import localize
from pipeline_files.camera import camera_model
from pipeline_files.movie import open_movie
from pipeline_files.settings import fit_settings
from pipeline_files.source import Frames
from pipeline_protocol.errors import MovieError, PointillistError
from pipeline_protocol.messages import JobSpec
from pipeline_worker.kinds import BlockedError, Result


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """A range, read.

    Parameters
    ----------
    block
        The frames of the range and of its background window.
    start, stop
        The range.
    read_s
        What reading took.
    """

    block: FrameBlock
    start: int
    stop: int
    read_s: float


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
        self._frames: Frames = np.empty((0, *self._movie.frame_shape), self._movie.dtype)
        self._first = 0

    def read(self, start: int, stop: int) -> Inputs:
        """Read a range with its background window; what the range before left in memory is not read again.

        Raises
        ------
        BlockedError
            If the movie is gone, or has changed.
        MovieError
            If these frames cannot be read.
        """
        began = time.perf_counter()
        first, end = window_span(self._settings, start, stop, self._n_frames)
        try:
            self._check_unchanged()
            frames = self._read(first, end)
        except MovieError as error:
            self._frames = self._frames[:0]
            self._check_readable(error)
            raise
        self._frames, self._first = frames, first
        block = FrameBlock(frames=frames, first=first, n_movie_frames=self._n_frames)
        return Inputs(block=block, start=start, stop=stop, read_s=time.perf_counter() - began)

    def compute(self, inputs: Inputs) -> Result:
        """Localize the molecules of a range."""
        began = time.perf_counter()
        found = localize(inputs.block, inputs.start, inputs.stop, self._camera, self._settings)
        return Result(
            n_items=len(found.rows),
            failures=found.failures,
            buffers=[found.rows.tobytes()],
            seconds={"read": inputs.read_s, "fit": time.perf_counter() - began},
        )

    def close(self) -> None:
        """Let go of the movie."""
        self._movie.close()

    def _read(self, first: int, end: int) -> Frames:
        kept_end = self._first + len(self._frames)
        if not self._first <= first < kept_end:
            return self._movie.read(first, end)
        kept = self._frames[first - self._first : end - self._first]
        return kept if end <= kept_end else np.concatenate([kept, self._movie.read(kept_end, end)])

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
