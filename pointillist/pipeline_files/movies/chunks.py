"""Decoding chunks of an HDF5 array.

HDF5 undoes its filters under its one lock, with zlib, and leaves pixels in the order of the file. libdeflate is faster
than zlib, since it knows the size of what comes out, and works without the interpreter's lock; a kernel turns pixels
while they are in the cache. Chunks are read, not memory-mapped: a mapped file that loses its end kills the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import deflate
import numpy as np
from numpy.typing import NDArray

from pointillist.pipeline_files.movies.source import Frames
from pointillist.pipeline_files.movies.stored_chunks import DEFLATE, SHUFFLE, WORDS, Offset, Stored, offsets
from pointillist.pipeline_protocol.messages import Chunks


class CannotDecodeError(Exception):
    """A chunk is damaged or of an unsupported encoding; HDF5 has to read it."""


def is_transposable(dtype: np.dtype[Any]) -> bool:
    """Whether :func:`transpose_frames` takes pixels of a type.

    Parameters
    ----------
    dtype
        Type of the pixels.

    Returns
    -------
    bool
        True for uint8, uint16 and float32 in this machine's byte order.
    """
    return dtype.isnative and dtype.str[1:] in WORDS


def transpose_frames(stored: Frames) -> Frames:
    """Transpose frames.

    Parameters
    ----------
    stored
        C-contiguous frames ``(frame, X, Y)`` of a type that satisfies :func:`is_transposable`.

    Returns
    -------
    ndarray
        New C-contiguous frames ``(frame, y, x)``.
    """
    from pointillist.pipeline_files.movies._chunk_kernels import transpose_words  # noqa: PLC0415 - numba, only for who reads movies

    n_frames, n_x, n_y = stored.shape
    word = WORDS[stored.dtype.str[1:]]
    frames = np.empty((n_frames, n_y, n_x), word)
    transpose_words(stored.reshape(-1).view(word), stored.shape, 0, (0, 0, 0), n_frames, frames)
    return frames.view(stored.dtype)


class ChunkReader:
    """Decoder of frames from chunks of any origin.

    Parameters
    ----------
    about
        Encoding of the chunks.
    get
        Function that returns a chunk by its offset, or None if it was never written. The next call may overwrite it.
    """

    def __init__(self, about: Chunks, get: Callable[[Offset], Stored | None]) -> None:
        self._about = about
        self._get = get
        stored = np.dtype(about.dtype)
        word = np.dtype(WORDS[stored.str[1:]])
        self._dtype: np.dtype[Any] = stored.newbyteorder("=")
        self._is_big_endian = stored.str[0] == ">"
        self._stored_word = np.dtype(stored.str[0] + word.str[1:])
        self._fill = np.frombuffer(about.fill, word)[0]
        self._bits = {code: 1 << position for position, code in enumerate(about.filters)}
        n_pixels = math.prod(about.chunk)
        self._n_bytes = n_pixels * word.itemsize
        self._latest: tuple[Offset, NDArray[Any] | None] | None = None
        self._joined = np.empty(n_pixels if SHUFFLE in about.filters else 0, word)

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Read frames, with one chunk at a time in memory.

        Parameters
        ----------
        start, stop
            Range ``[start, stop)`` of frames.
        out
            C-contiguous output ``(frame, y, x)``; a new array by default.

        Returns
        -------
        ndarray
            C-contiguous frames ``(frame, y, x)`` in this machine's byte order.

        Raises
        ------
        CannotDecodeError
            If HDF5 has to read it.
        OSError, RuntimeError, ValueError
            If the file is damaged.
        """
        _, n_x, n_y = self._about.shape
        frames = np.empty((stop - start, n_y, n_x), self._dtype) if out is None else out
        words = frames.view(self._joined.dtype)
        for offset in offsets(self._about, start, stop):
            self._place(offset, start, words)
        return frames

    def _place(self, offset: Offset, start: int, words: NDArray[Any]) -> None:
        """Copy a chunk's part of the range, which begins at frame `start`, to the output."""
        from pointillist.pipeline_files.movies._chunk_kernels import transpose_words  # noqa: PLC0415 - numba, only for who reads movies

        layer, left, top = offset
        depth, width, height = self._about.chunk
        first, end = max(start, layer), min(start + len(words), layer + depth)
        if (
            self._latest is None or self._latest[0] != offset
        ):  # ranges may begin where the one before ended: within a chunk
            self._latest = None
            self._latest = offset, self._pixels(offset)
        pixels = self._latest[1]
        if pixels is None:
            words[first - start : end - start, top : top + height, left : left + width] = self._fill
        else:
            origin = (first - start, left, top)
            transpose_words(pixels, self._about.chunk, first - layer, origin, end - first, words)

    def _pixels(self, offset: Offset) -> NDArray[Any] | None:
        """Return the pixels of a chunk in its own order, until the next call, or None where none was ever written."""
        from pointillist.pipeline_files.movies._chunk_kernels import join_planes  # noqa: PLC0415 - numba, only for who reads movies

        stored = self._get(offset)
        if stored is None:
            return None
        content, skipped_filters = stored
        applied = {code for code, bit in self._bits.items() if not skipped_filters & bit}
        if DEFLATE in applied:
            content = self._inflated(content)
        if len(content) != self._n_bytes:
            raise OSError(f"the chunk at {offset} has {len(content)} bytes instead of {self._n_bytes}")
        if SHUFFLE not in applied or self._joined.itemsize == 1:
            return np.frombuffer(content, self._stored_word).astype(self._joined.dtype, copy=False)
        planes = np.frombuffer(content, np.uint8).reshape(self._joined.itemsize, -1)
        join_planes(np.ascontiguousarray(planes[::-1]) if self._is_big_endian else planes, self._joined)
        return self._joined

    def _inflated(self, content: memoryview | bytearray) -> bytearray:
        try:
            return deflate.zlib_decompress(content, self._n_bytes)
        except deflate.DeflateError as error:
            raise CannotDecodeError from error
