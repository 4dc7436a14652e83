"""Frames that lie in a file one after the other, uncompressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pointillist.errors import MovieError, TruncatedMovieError
from pointillist.pipeline_files.movies.read_ahead import fetch
from pointillist.pipeline_files.movies.source import Frames


class ContiguousFrames:
    """Pixels from an offset to the end of a file.

    They are read, not memory-mapped: a mapped file that loses its end, or its server, kills the process.

    Parameters
    ----------
    path
        Path of the file.
    offset
        Offset of the first pixel, bytes.
    shape
        Lengths ``(frame, y, x)``, in C order.
    dtype
        Type of a pixel.

    Raises
    ------
    MovieError
        If the file is shorter than that.
    """

    chunks = None

    def __init__(self, path: Path, offset: int, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._path = path
        self._offset = offset
        self._frame_bytes = shape[1] * shape[2] * dtype.itemsize
        self._file = path.open("rb")
        missing = offset + shape[0] * self._frame_bytes - path.stat().st_size
        if missing > 0:
            self._file.close()
            raise TruncatedMovieError(path, f"is truncated, {missing} bytes are missing", "copy it again")

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``."""
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        self._file.seek(self._offset + start * self._frame_bytes)
        if self._file.readinto(frames.reshape(-1).view(np.uint8).data) != frames.nbytes:
            raise MovieError(self._path, f"ended while frames {start} to {stop} were read", "copy it again")
        return frames

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch frames."""
        fetch(self._file.fileno(), self._offset + start * self._frame_bytes, (stop - start) * self._frame_bytes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
