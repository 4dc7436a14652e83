"""Frames in memory as a movie."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.source import NO_EVENTS, Events, Frames
from pointillist.settings import Metadata

_SUBJECT = Path("array")
_KINDS = "uint8, uint16 or float32"


class ArrayMovie:
    """A :class:`pointillist.pipeline_files.movies.Movie` in memory.

    Parameters
    ----------
    frames
        Frames ``(frame, y, x)``, uint8, uint16, float32 or float64, which is read as float32; raw counts, ADU. They
        are not copied unless they must be converted.

    Raises
    ------
    MovieError
        If it is no such array, or is empty.
    """

    path = _SUBJECT
    metadata: Metadata = MappingProxyType({})
    events: Events = NO_EVENTS

    def __init__(self, frames: ArrayLike) -> None:
        given = np.asarray(frames)
        if given.ndim != 3:
            raise MovieError(_SUBJECT, f"has {given.ndim} dimensions", "give frames as an array (frame, y, x)")
        if 0 in given.shape:
            raise MovieError(_SUBJECT, "holds no frames", "give at least one")
        native = given.dtype.newbyteorder("=")
        is_narrowed = native == np.float64
        if native not in (np.uint8, np.uint16, np.float32) and not is_narrowed:
            raise MovieError(_SUBJECT, f"has pixels of type {given.dtype}", f"convert it to {_KINDS} with .astype()")
        self._frames: Frames = given.astype(np.float32 if is_narrowed else native, copy=False)
        self.remarks: Sequence[str] = ["pixels of type float64 are read as float32"] if is_narrowed else []
        self.n_frames, height, width = given.shape
        self.frame_shape = (height, width)
        self.dtype: np.dtype[Any] = self._frames.dtype

    @property
    def identity(self) -> str:
        """Digest of the shape, the type and the values, 64 hexadecimal digits."""
        digest = hashlib.sha256(f"{self._frames.shape} {self.dtype.str}".encode())
        for frame in self._frames:
            digest.update(frame.tobytes())
        return digest.hexdigest()

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``, C-contiguous, new or in `out`.

        Raises
        ------
        MovieError
            If the range is outside the array.
        """
        if not 0 <= start <= stop <= self.n_frames:
            raise MovieError(_SUBJECT, f"has {self.n_frames} frames, not {start} to {stop}", "ask for fewer")
        if out is None:
            return self._frames[start:stop].copy()
        out[:] = self._frames[start:stop]
        return out

    def expect(self, start: int, stop: int) -> None:
        """There is nothing to fetch."""

    def close(self) -> None:
        """There is nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
