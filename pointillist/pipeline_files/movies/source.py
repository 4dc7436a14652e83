"""Interface of the readers of movie formats."""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pointillist.settings import Metadata

if TYPE_CHECKING:  # h5py
    from pointillist.pipeline_files.movies.stored_chunks import StoredChunks

EVENT_DTYPE = np.dtype([("EventDescr", "S256"), ("EventName", "S32"), ("Time", "<f8")])
"""One event of an acquisition, as PYME stores it; time in seconds since 1970."""

Events = NDArray[np.void]
"""One-dimensional structured array of :data:`EVENT_DTYPE`."""

NO_EVENTS: Events = np.zeros(0, EVENT_DTYPE)

DAMAGE = (struct.error, zlib.error, lzma.LZMAError)
"""Errors of decoders on damaged bytes, besides OSError and ValueError."""

Frames = NDArray[Any]
"""``(frame, y, x)``."""


class FrameSource(Protocol):
    """Frames stored in a file.

    Readers raise :class:`pointillist.errors.MovieError` for what they recognise, and may let through
    OSError, RuntimeError, ValueError and KeyError for what they do not.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frame, y, x)``."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels in the file, any byte order."""

    @property
    def chunks(self) -> StoredChunks | None:
        """Chunks that can be decoded without HDF5; None where there are no such chunks."""

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``, ``0 <= start < stop <= shape[0]``, of :attr:`dtype`; in `out`, if handy."""

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch frames that will be read soon, as far as it can; any thread may ask."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenedMovie:
    """A movie file, opened.

    Parameters
    ----------
    frames
        Pixels of the movie.
    metadata
        Metadata of the file, by dotted key.
    events
        Structured array of :data:`EVENT_DTYPE`.
    remarks
        Remarks for the user, on entries left out and on guesses.
    files
        Paths of all files of the movie, in order.
    """

    frames: FrameSource
    files: Sequence[Path]
    metadata: Metadata = field(default_factory=dict)
    events: Events = field(default_factory=NO_EVENTS.copy)
    remarks: Sequence[str] = ()
