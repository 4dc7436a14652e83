"""Movies, whatever their format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from pointillist.errors import MovieError, TruncatedMovieError
from pointillist.pipeline_files.error_text import short_reason
from pointillist.pipeline_files.movies.growth import STILL_WRITTEN, is_growing, stamp
from pointillist.pipeline_files.movies.identity import identify
from pointillist.pipeline_files.movies.npy import open_npy
from pointillist.pipeline_files.movies.pyme_h5 import open_pyme_h5
from pointillist.pipeline_files.movies.sidecar import read_sidecar
from pointillist.pipeline_files.movies.source import DAMAGE, Events, Frames, OpenedMovie
from pointillist.pipeline_files.movies.tiff import open_tiff
from pointillist.settings import Metadata
from pointillist.system import irregular

if TYPE_CHECKING:
    from pointillist.pipeline_files.movies.stored_chunks import StoredChunks

_OPENERS: dict[bytes, Callable[[Path], OpenedMovie]] = {
    b"\x89HDF\r\n\x1a\n": open_pyme_h5,
    b"\x93NUMPY": open_npy,
    b"II*\0": open_tiff,
    b"MM\0*": open_tiff,
    b"II+\0": open_tiff,
    b"MM\0+": open_tiff,
}
"""Readers by the first bytes of a file; its name does not matter."""

_READ_AS = {np.dtype(kind): np.dtype(read) for kind, read in (("u1", "u1"), ("u2", "u2"), ("f4", "f4"), ("f8", "f4"))}


class Movie(Protocol):
    """Frames with metadata, for one thread at a time."""

    @property
    def path(self) -> Path:
        """Path as the user gave it."""

    @property
    def n_frames(self) -> int:
        """Number of frames, ``>= 1``."""

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(y, x)``."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32, in this machine's byte order."""

    @property
    def metadata(self) -> Metadata:
        """Metadata by dotted key."""

    @property
    def events(self) -> Events:
        """Structured array of :data:`pointillist.pipeline_files.movies.EVENT_DTYPE`."""

    @property
    def identity(self) -> str:
        """Digest that is equal for equal files on all machines."""

    @property
    def remarks(self) -> Sequence[str]:
        """Remarks for the user."""

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)`` as a C-contiguous array ``(frame, y, x)`` of :attr:`dtype`, new or `out`."""

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch frames that will be read soon; any thread may ask, at any time."""

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class MovieFile:
    """A :class:`Movie` that is a file, and perhaps a side-car, whose entries win over the file's own.

    Parameters
    ----------
    path
        Path as the user gave it.
    opened
        File as opened by the reader of its format.

    Attributes
    ----------
    files
        Paths of all files of the movie, in order.

    Raises
    ------
    MovieError
        If it holds no frames, or pixels of another type.
    """

    def __init__(self, path: Path, opened: OpenedMovie) -> None:
        self.path = path
        self._frames = opened.frames
        self.n_frames, *frame_shape = opened.frames.shape
        self.frame_shape = (frame_shape[0], frame_shape[1])
        stored = opened.frames.dtype.newbyteorder("=")
        if stored not in _READ_AS:
            raise MovieError(path, f"has pixels of type {stored}", "save it as uint8, uint16 or float32")
        if 0 in opened.frames.shape:
            raise MovieError(path, "holds no frames", "check that the acquisition wrote any")
        self.dtype = _READ_AS[stored]
        sidecar, remarks = read_sidecar(path)
        self.metadata: Metadata = {**opened.metadata, **sidecar}
        self.events = opened.events
        self.files = tuple(opened.files)
        self.identity = identify(opened.files)
        narrowed = [f"pixels of type {stored} are read as {self.dtype}"] if stored != self.dtype else []
        self.remarks = (*opened.remarks, *remarks, *narrowed)

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frame, y, x)``."""
        return self.n_frames, *self.frame_shape

    @property
    def chunks(self) -> StoredChunks | None:
        """Chunks that can be decoded without HDF5; None where there are no such chunks."""
        return self._frames.chunks

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Read frames.

        Parameters
        ----------
        start, stop
            Range of frames, ``0 <= start <= stop <= n_frames``.
        out
            C-contiguous output ``(frame, y, x)`` of :attr:`dtype`; a new array by default.

        Returns
        -------
        ndarray
            C-contiguous frames ``(frame, y, x)`` of :attr:`dtype`.

        Raises
        ------
        MovieError
            If the range is outside the movie, or the file is damaged or gone.
        """
        if not 0 <= start <= stop <= self.n_frames:
            raise MovieError(self.path, f"has {self.n_frames} frames, not {start} to {stop}", "ask for fewer")
        if start == stop:
            return np.empty((0, *self.frame_shape), self.dtype) if out is None else out
        with _translated_errors(self.path, f"frames {start} to {stop} cannot be read"):
            frames = self._frames.read(start, stop, out if self._frames.dtype == self.dtype else None)
            if out is None:
                return np.ascontiguousarray(frames, self.dtype)
            if frames is not out:
                out[:] = frames
            return out

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch frames that will be read soon.

        Parameters
        ----------
        start, stop
            Range of frames. Nothing happens where it is empty or cannot be fetched, since reading reports errors.
        """
        if start < stop:
            with suppress(OSError, RuntimeError, ValueError):
                self._frames.expect(start, stop)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_movie(path: Path | str) -> MovieFile:
    """Open a movie of any format that is known.

    Parameters
    ----------
    path
        Path of a PYME ``.h5``, of a TIFF of any kind, or of a ``.npy``; a side-car of the same stem is read with it.

    Returns
    -------
    MovieFile
        Movie to be closed, or used in a ``with`` statement.

    Raises
    ------
    MovieError
        If there is no such file, or it is no movie, or is damaged, or is still being written.
    SettingError
        If its side-car is no metadata.

    Examples
    --------
    >>> import pointillist
    >>> with pointillist.open_movie("movie.h5") as movie:
    ...     frames = movie.read(0, 10)
    >>> frames.shape == (10, *movie.frame_shape)
    True
    """
    path = Path(path)
    before = stamp([path])
    try:
        movie = _open(path)
    except TruncatedMovieError as error:
        if is_growing(path):
            raise MovieError(path, *STILL_WRITTEN) from error
        raise
    if stamp([path]) != before:
        movie.close()
        raise MovieError(path, *STILL_WRITTEN)
    return movie


def _open(path: Path) -> MovieFile:
    with _translated_errors(path, "cannot be read"):
        if kind := irregular(path):
            raise MovieError(path, f"is {kind}", "name a movie file")
        with path.open("rb") as file:
            head = file.read(8)
        if not head:
            raise TruncatedMovieError(path, "is empty", "name a movie: .h5 of PYME, .tif or .npy")
        for magic, open_file in _OPENERS.items():
            if head.startswith(magic):
                opened = open_file(path)
                try:
                    return MovieFile(path, opened)
                except BaseException:
                    opened.frames.close()
                    raise
    raise MovieError(path, "is neither HDF5, TIFF nor NumPy", "name a movie: .h5 of PYME, .tif or .npy")


@contextmanager
def _translated_errors(path: Path, problem: str) -> Iterator[None]:
    """Translate the libraries' errors to one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise MovieError(path, "there is no such file", "check its name and folder") from error
    except PermissionError as error:
        raise MovieError(path, "may not be read", "ask its owner for permission to read") from error
    except (OSError, RuntimeError, ValueError, KeyError, IndexError, EOFError, TypeError, *DAMAGE) as error:
        raise MovieError(path, f"{problem} ({short_reason(error)})", "it may be damaged: copy it again") from error
