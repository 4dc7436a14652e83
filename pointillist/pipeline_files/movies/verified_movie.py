"""Movies whose files must not change."""

from __future__ import annotations

from pathlib import Path

from pointillist.errors import LostFrameError, MovieError, PointillistError
from pointillist.pipeline_files.data_roots import EVERYWHERE, DataRoots
from pointillist.pipeline_files.movies.growth import STILL_WRITTEN, is_growing
from pointillist.pipeline_files.movies.movie import MovieFile, open_movie
from pointillist.pipeline_files.movies.source import Frames


class LostMovieError(MovieError):
    """The movie is missing or was replaced, and cannot be read on this machine."""


class VerifiedMovie:
    """Open movie of known identity.

    Parameters
    ----------
    path, identity
        Path and identity of the movie.
    roots
        Folders that the movie has to be in.

    Attributes
    ----------
    movie
        Opened file.

    Raises
    ------
    LostMovieError
        If it is outside the roots, cannot be opened, or is another one.
    """

    def __init__(self, path: Path, identity: str, roots: DataRoots = EVERYWHERE) -> None:
        self._path = path
        self._identity = identity
        self._roots = roots
        self._stamp = self._stamped()
        self.movie = self._open()

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Read frames.

        Raises
        ------
        LostMovieError
            If the movie is gone, or has changed.
        LostFrameError
            If the file lacks one of these frames.
        MovieError
            If these frames cannot be read.
        """
        try:
            return self.movie.read(start, stop, out)
        except LostFrameError:
            raise
        except MovieError as error:
            try:
                self._open().close()
            except LostMovieError as lost:
                raise lost from error
            raise

    def check(self) -> None:
        """Check that the file has not changed since the last call.

        Raises
        ------
        LostMovieError
            If it is gone, or has changed.
        """
        stamp = self._stamped()
        if stamp != self._stamp:
            self._open().close()
            self._stamp = stamp

    def close(self) -> None:
        """Close the file."""
        self.movie.close()

    def _stamped(self) -> tuple[int, int, int] | None:
        """Return sizes and modification times of the movie's files."""
        try:
            status = self._path.stat()
        except (OSError, ValueError):
            return None  # opening tells what is wrong
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _open(self) -> MovieFile:
        """Open the movie and check its identity."""
        real = self._roots.allowed(self._path)
        if real is None:
            raise LostMovieError(self._path, f"is outside {self._roots}", "start launch-workers with --allow FOLDER")
        try:
            movie = open_movie(real)
        except PointillistError as error:
            raise LostMovieError(error.subject, error.problem, error.remedy) from error
        if movie.identity != self._identity or not all(map(self._roots.allowed, movie.files)):
            movie.close()
            if is_growing(self._path):
                raise LostMovieError(self._path, *STILL_WRITTEN)
            problem = "has changed since the job was submitted"
            raise LostMovieError(self._path, problem, "restore the original file, or run the command again")
        return movie
