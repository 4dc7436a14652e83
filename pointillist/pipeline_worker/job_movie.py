"""The movie of a job, wherever a worker has its frames from."""

from __future__ import annotations

from pathlib import Path

from pointillist.errors import MessageError
from pointillist.pipeline_files.movies import Frames, LostMovieError, VerifiedMovie
from pointillist.pipeline_protocol.messages import MOVIE, JobSpec
from pointillist.pipeline_worker.data_access import DataAccess
from pointillist.pipeline_worker.remote_frames import RemoteFrames
from pointillist.pipeline_worker.tasks import BlockedError

_AHEAD_BYTES = 64 << 20
"""Frames that the system is asked to fetch from a disk while earlier ones are at work."""

_AHEAD_REMOTE_BYTES = 16 << 20
"""Frames that the server is asked for meanwhile: it sends them to memory, twice, for this range and the next."""


class JobMovie:
    """A job's movie: its file while that is here, what the server has of it otherwise.

    Parameters
    ----------
    spec
        Description of the job.
    access
        Files that the worker may open.

    Attributes
    ----------
    frame_shape, dtype
        Shape ``(y, x)`` and dtype of a frame.

    Raises
    ------
    BlockedError
        If it is neither here nor there.
    """

    def __init__(self, spec: JobSpec, access: DataAccess) -> None:
        self._spec = spec
        self._access = access
        self._source: VerifiedMovie | RemoteFrames
        try:
            self._source = VerifiedMovie(Path(spec.movie), spec.identity, access.roots_for(spec))
        except LostMovieError as error:
            self._source = self._fetched(error)
            shape, self.dtype = self._source.shape, self._source.dtype
        else:
            shape, self.dtype = self._source.movie.shape, self._source.movie.dtype
        self.frame_shape = shape[1:]
        if shape[0] < spec.n_frames:
            self.close()
            problem = f"has {shape[0]} frames instead of {spec.n_frames}"
            raise MessageError(spec.movie, problem, "use the same version everywhere")

    @property
    def ahead_bytes(self) -> int:
        """Frames that should be fetched while others are at work."""
        return _AHEAD_BYTES if isinstance(self._source, VerifiedMovie) else _AHEAD_REMOTE_BYTES

    def check(self) -> None:
        """Make sure that the file is what it was; use the server's if it is not.

        Raises
        ------
        BlockedError
            If the server does not have it either.
        """
        if isinstance(self._source, VerifiedMovie):
            try:
                self._source.check()
            except LostMovieError as error:
                self._change(error)

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)`` as a C-contiguous array ``(frame, y, x)``, new or `out`.

        Raises
        ------
        BlockedError
            If the movie is gone.
        MovieError
            If these frames cannot be read.
        """
        try:
            return self._source.read(start, stop, out)
        except LostMovieError as error:
            self._change(error)
        return self._source.read(start, stop, out)

    def expect(self, start: int, stop: int) -> None:
        """Have frames fetched that will be read soon."""
        if isinstance(self._source, VerifiedMovie):
            self._source.movie.expect(start, stop)
        elif start < stop:
            self._source.expect(start, stop)

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._source, VerifiedMovie):
            self._source.close()

    def _change(self, error: LostMovieError) -> None:
        """Have the frames from the server from here on."""
        source, self._source = self._source, self._fetched(error)
        if isinstance(source, VerifiedMovie):
            source.close()

    def _fetched(self, error: LostMovieError) -> RemoteFrames:
        try:
            return self._access.fetched(self._spec, MOVIE, error)
        except LostMovieError as lost:
            raise BlockedError(str(lost)) from lost
