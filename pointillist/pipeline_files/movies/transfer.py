"""Frames divided into pieces for transfer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from pointillist.pipeline_files.movies.source import Frames
from pointillist.pipeline_files.movies.stored_chunks import StoredChunks, offsets
from pointillist.pipeline_protocol.messages import FrameData, Item, Layout

PIECE_BYTES = 1 << 20
"""Frames of a piece, as they are in memory: few enough messages, and little is sent that nobody needs. A single frame,
or a layer of chunks, may be larger."""


class Sendable(Protocol):
    """Source of frames to transfer: a movie or an array."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(frame, y, x)``."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""

    @property
    def chunks(self) -> StoredChunks | None:
        """Chunks, if they can be decoded elsewhere; else None."""

    def read(self, start: int, stop: int) -> Frames:
        """Return frames ``[start, stop)``."""


class ArrayInMemory:
    """An array as frames.

    Parameters
    ----------
    frames
        Array ``(frame, y, x)``.
    """

    chunks = None

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.shape: tuple[int, int, int] = frames.shape
        self.dtype: np.dtype[Any] = frames.dtype

    def read(self, start: int, stop: int) -> Frames:
        """Return frames ``[start, stop)``."""
        return self._frames[start:stop]


def layout_of(source: Sendable, digest: str = "") -> Layout:
    """Return how a source is divided into pieces.

    Parameters
    ----------
    source
        Open movie or array.
    digest
        SHA-256 of all frames, if known.

    Returns
    -------
    Layout
        Layout that depends on the source alone.
    """
    n_frames, n_y, n_x = source.shape
    depth = source.chunks.about.chunk[0] if source.chunks else 1
    layer_bytes = depth * n_y * n_x * source.dtype.itemsize
    return Layout(
        shape=(n_frames, n_y, n_x),
        dtype=source.dtype.str,
        piece_frames=depth * max(1, PIECE_BYTES // layer_bytes),
        chunks=source.chunks.about if source.chunks else None,
        digest=digest,
    )


def bounds(layout: Layout, item: Item) -> tuple[int, int]:
    """Return the frames ``[start, stop)`` of an item.

    Raises
    ------
    ValueError
        If there is no such item.
    """
    n_frames = 1 if item.is_frame else layout.piece_frames
    start = item.number * n_frames
    if not 0 <= start < layout.shape[0]:
        raise ValueError(f"{layout.shape[0]} frames have no item {item.number}")
    return start, min(start + n_frames, layout.shape[0])


def piece_bytes(layout: Layout) -> int:
    """Return the bytes of a piece's frames in memory."""
    _, n_y, n_x = layout.shape
    return min(layout.piece_frames, layout.shape[0]) * n_y * n_x * np.dtype(layout.dtype).itemsize


def read_piece(source: Sendable, layout: Layout, item: Item) -> tuple[FrameData, bytes]:
    """Return the description and the bytes of a piece.

    Parameters
    ----------
    source, layout
        Source and its layout.
    item
        Index and encoding of the requested data.

    Raises
    ------
    ValueError
        If there is no such piece.
    MovieError, OSError, RuntimeError
        If it cannot be read.
    """
    start, stop = bounds(layout, item)
    if layout.chunks is None or source.chunks is None or item.is_frame:
        return FrameData(item=item), source.read(start, stop).tobytes()
    sizes: list[int] = []
    skipped: list[int] = []
    parts: list[bytes] = []
    for offset in offsets(layout.chunks, start, stop):
        stored = source.chunks.get(offset)
        sizes.append(-1 if stored is None else len(stored[0]))
        skipped.append(0 if stored is None else stored[1])
        parts.append(b"" if stored is None else bytes(stored[0]))
    return FrameData(item=item, sizes=sizes, skipped=skipped), parts[0] if len(parts) == 1 else b"".join(parts)


def is_whole(layout: Layout, piece: FrameData, content: bytes | memoryview) -> bool:
    """Return whether the content of a piece matches its layout."""
    try:
        start, stop = bounds(layout, piece.item)
    except ValueError:
        return False
    if layout.chunks is None or piece.item.is_frame:
        return len(content) == (stop - start) * math.prod(layout.shape[1:]) * np.dtype(layout.dtype).itemsize
    n_chunks = sum(1 for _ in offsets(layout.chunks, start, stop))
    sizes: Sequence[int] = piece.sizes
    return n_chunks == len(sizes) == len(piece.skipped) and sum(size for size in sizes if size > 0) == len(content)
