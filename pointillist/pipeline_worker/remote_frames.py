"""Frames that come from the server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from msgspec import structs

from pointillist.errors import LostFrameError, MessageError, MovieError
from pointillist.pipeline_files.movies import (
    DEFLATE,
    CannotDecodeError,
    ChunkReader,
    Frames,
    Offset,
    Stored,
    bounds,
    can_decode,
    is_whole,
    offsets,
    piece_bytes,
)
from pointillist.pipeline_protocol.messages import LAYOUT, Buffer, Chunks, FrameData, Item
from pointillist.pipeline_worker.frame_client import FrameClient, MissingError
from pointillist.pipeline_worker.tasks import BlockedError

Obtained = TypeVar("Obtained")

_VERSION = "use the same version everywhere"
_MAX_FRAME_BYTES = 1 << 30


class RemoteFrames:
    """A part of a job as the server has it.

    Parameters
    ----------
    frame_client
        Fetches frames from the server.
    job, part
        Which part of which job.

    Attributes
    ----------
    shape, dtype
        Shape ``(frame, y, x)`` and dtype of the frames.
    digest
        SHA-256 of all of them, where the server says it.

    Raises
    ------
    BlockedError
        If the server does not have it either.
    """

    chunks = None

    def __init__(self, frame_client: FrameClient, job: str, part: str) -> None:
        self._frame_client = frame_client
        self._item = Item(job=job, part=part, number=LAYOUT)
        self._layout = _obtained(lambda: frame_client.layout(self._item))
        layout = self._layout
        try:
            self.dtype: np.dtype[Any] = np.dtype(layout.dtype)
        except TypeError as error:
            raise MessageError("server", f"sent pixels of type {layout.dtype}", _VERSION) from error
        self.shape = layout.shape
        self.digest = layout.digest
        frame_bytes = self.dtype.itemsize * self.shape[1] * self.shape[2]
        is_sound = not self.dtype.hasobject and 0 < frame_bytes <= _MAX_FRAME_BYTES
        if not is_sound or not (layout.chunks is None or _is_same(layout.chunks, self)):
            raise MessageError("server", f"sent an impossible layout: {layout}", _VERSION)
        self._n_bytes = piece_bytes(layout)
        self._piece: tuple[FrameData, Buffer] | None = None
        self._places: dict[Offset, tuple[int, int, int]] = {}
        self._reader = ChunkReader(layout.chunks, self._chunk) if layout.chunks else None

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``.

        Raises
        ------
        BlockedError
            If the server lost the file.
        MovieError
            If the server cannot read these frames.
        """
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        self.expect(start, stop)
        for item in self._items(start, stop):
            first, end = bounds(self._layout, item)
            first, end = max(first, start), min(end, stop)
            self._put(item, first, end, frames[first - start : end - start])
        return frames

    def expect(self, start: int, stop: int) -> None:
        """Have frames fetched."""
        self._frame_client.expect(self._items(start, stop), self._n_bytes)

    def _items(self, start: int, stop: int) -> list[Item]:
        depth = self._layout.piece_frames
        return [structs.replace(self._item, number=number) for number in range(start // depth, -(-stop // depth))]

    def _put(self, item: Item, start: int, stop: int, frames: Frames) -> None:
        """Put the frames ``[start, stop)`` of a piece where they belong; one by one if the piece cannot be had."""
        with suppress(CannotDecodeError, MovieError):
            if self._reader is None:
                first, _ = bounds(self._layout, item)
                frames[:] = self._pixels(item)[start - first : stop - first]
            else:
                self._get(item)
                self._reader.read(start, stop, frames)
            return
        for frame in range(start, stop):
            frames[frame - start] = self._pixels(structs.replace(item, number=frame, is_frame=True))[0]

    def _pixels(self, item: Item) -> Frames:
        _, content = self._get(item)
        return np.frombuffer(content, self.dtype).reshape(-1, *self.shape[1:])

    def _get(self, item: Item) -> tuple[FrameData, Buffer]:
        """Return a piece, and keep it: a range may begin within it where another one ends."""
        if self._piece is None or self._piece[0].item != item:
            self._piece = None
            piece, content = _obtained(lambda: self._frame_client.piece(item, self._n_bytes))
            if not is_whole(self._layout, piece, content):
                raise MessageError("server", f"sent a piece of {len(content)} bytes that cannot be", _VERSION)
            self._piece = piece, content
            self._places = self._placed(piece)
        return self._piece

    def _placed(self, piece: FrameData) -> dict[Offset, tuple[int, int, int]]:
        """Return where each chunk is in the piece, how large it is, and what filters it did not go through."""
        if self._layout.chunks is None or piece.item.is_frame:
            return {}
        start, stop = bounds(self._layout, piece.item)
        at = accumulate((max(0, size) for size in piece.sizes), initial=0)
        each = zip(at, piece.sizes, piece.skipped, strict=False)
        return dict(zip(offsets(self._layout.chunks, start, stop), each, strict=True))

    def _chunk(self, offset: Offset) -> Stored | None:
        if self._piece is None or self._layout.chunks is None:
            raise CannotDecodeError
        at, size, skipped = self._places[offset]
        if size < 0:
            return None
        content = memoryview(self._piece[1])[at : at + size]
        is_deflated = DEFLATE in self._layout.chunks.filters and not skipped
        # Kernels are compiled for arrays that can be written to.
        return content if is_deflated else bytearray(content), skipped


def _obtained(get: Callable[[], Obtained]) -> Obtained:
    """Turn what the server says into what a reader of files raises."""
    try:
        return get()
    except MissingError as error:
        missing = error.missing
        kind = LostFrameError if missing.is_lost else MovieError
        said = kind(missing.subject, missing.problem, missing.remedy)
        raise (BlockedError(str(said)) if missing.is_lasting else said) from error


def _is_same(chunks: Chunks, frames: RemoteFrames) -> bool:
    """Whether chunks are those of frames."""
    n_frames, n_y, n_x = frames.shape
    is_known = can_decode(chunks) and chunks.shape == (n_frames, n_x, n_y)
    return is_known and np.dtype(chunks.dtype).newbyteorder("=") == frames.dtype
