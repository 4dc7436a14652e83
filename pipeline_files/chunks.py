"""Chunks of an HDF5 array, read as they stand in the file and decoded here.

HDF5 undoes its filters under its one lock, with zlib, and leaves pixels in the order of the file. libdeflate is faster
than zlib, since it knows the size of what comes out, and works without the interpreter's lock; a kernel turns pixels
while they are in the cache. Chunks are read, not memory-mapped: a mapped file that loses its end kills the process.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import deflate
import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline_files.source import Frames

_WORDS = {"u1": np.uint8, "u2": np.uint16, "f4": np.uint32}
"""Pixels that kernels turn, by type, and the words that they are turned as."""

_SHUFFLE, _DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE

_PIPELINES = ((), (_SHUFFLE,), (_DEFLATE,), (_SHUFFLE, _DEFLATE))
"""Filters that are undone here, in the order of writing."""

_Offset = tuple[int, int, int]


class CannotDecodeError(Exception):
    """A chunk is damaged, or stored in a way that only HDF5 knows: let HDF5 read it."""


def is_turnable(dtype: np.dtype[Any]) -> bool:
    """Whether :func:`turn` takes pixels of a type.

    Parameters
    ----------
    dtype
        Of the pixels.

    Returns
    -------
    bool
        True for uint8, uint16 and float32 of this machine's byte order.
    """
    return dtype.isnative and dtype.str[1:] in _WORDS


def turn(stored: Frames) -> Frames:
    """Transpose frames.

    Parameters
    ----------
    stored
        ``(frame, X, Y)``, C-contiguous, of a type that :func:`is_turnable`.

    Returns
    -------
    ndarray
        ``(frame, y, x)``, new, C-contiguous.
    """
    from pipeline_files._chunk_kernels import transpose_words  # noqa: PLC0415 - numba, only for who reads movies

    n_frames, n_x, n_y = stored.shape
    word = _WORDS[stored.dtype.str[1:]]
    frames = np.empty((n_frames, n_y, n_x), word)
    transpose_words(stored.reshape(-1).view(word), stored.shape, 0, (0, 0, 0), n_frames, frames)
    return frames.view(stored.dtype)


class ChunkReader:
    """An array ``(frame, X, Y)`` in chunks that :func:`is_decodable`.

    Parameters
    ----------
    data
        The array.
    """

    def __init__(self, data: h5py.Dataset) -> None:
        self._id = data.id
        self._shape = data.shape
        self._chunks: _Offset = data.chunks
        self._dtype: np.dtype[Any] = data.dtype.newbyteorder("=")
        self._is_big_endian = data.dtype.str[0] == ">"
        word = np.dtype(_WORDS[data.dtype.str[1:]])
        self._stored_word = word.newbyteorder(data.dtype.str[0])
        self._fill = np.asarray(data.fillvalue, self._dtype).view(word)
        codes = _filter_codes(data.id.get_create_plist())
        self._bits = {code: 1 << position for position, code in enumerate(codes)}
        n_pixels = math.prod(self._chunks)
        self._n_bytes = n_pixels * word.itemsize
        self._latest: tuple[_Offset, NDArray[Any] | None] | None = None
        self._joined = np.empty(n_pixels if _SHUFFLE in codes else 0, word)
        self._buffer = np.empty(self._n_bytes + self._n_bytes // 7 + 1024, np.uint8)  # zlib's bound on what it adds

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Read frames, holding one chunk besides them.

        Parameters
        ----------
        start, stop
            Range within the array.
        out
            Where to put them; without it, into a new array.

        Returns
        -------
        ndarray
            Frames ``[start, stop)``: C-contiguous ``(frame, y, x)``, in this machine's byte order.

        Raises
        ------
        CannotDecodeError
            If HDF5 has to read it.
        OSError, RuntimeError, ValueError
            If the file is damaged.
        """
        _, n_x, n_y = self._shape
        depth, width, height = self._chunks
        frames = np.empty((stop - start, n_y, n_x), self._dtype) if out is None else out
        words = frames.view(self._joined.dtype)
        layers = range(start - start % depth, stop, depth)
        for offset in itertools.product(layers, range(0, n_x, width), range(0, n_y, height)):
            self._place(offset, start, words)
        return frames

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return where the file has the frames ``[start, stop)``: offset and length in bytes.

        The chunks between the first and the last one are taken to lie between them, as a camera writes them; the
        length is 0 where they do not.
        """
        corners = (start, 0, 0), (stop - 1, *(size - 1 for size in self._shape[1:]))
        offsets = [tuple(at - at % size for at, size in zip(corner, self._chunks, strict=True)) for corner in corners]
        first, last = map(self._id.get_chunk_info_by_coord, offsets)
        if first.byte_offset is None or last.byte_offset is None:
            return 0, 0
        n_bytes = last.byte_offset + last.size - first.byte_offset
        n_most = 2 * (stop - start + 2 * self._chunks[0]) * math.prod(self._shape[1:]) * self._joined.itemsize
        return first.byte_offset, n_bytes if 0 < n_bytes < n_most else 0

    def _place(self, offset: _Offset, start: int, words: NDArray[Any]) -> None:
        """Put a chunk's part of the range, which begins at frame `start`, where it belongs."""
        from pipeline_files._chunk_kernels import transpose_words  # noqa: PLC0415 - numba, only for who reads movies

        layer, left, top = offset
        depth, width, height = self._chunks
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
            place = (first - start, left, top)
            transpose_words(pixels, self._chunks, first - layer, place, end - first, words)

    def _pixels(self, offset: _Offset) -> NDArray[Any] | None:
        """Return the pixels of a chunk in its own order, until the next call, or None where none was ever written."""
        from pipeline_files._chunk_kernels import join_planes  # noqa: PLC0415 - numba, only for who reads movies

        stored = self._stored(offset)
        if stored is None:
            return None
        content, skipped_filters = stored
        applied = {code for code, bit in self._bits.items() if not skipped_filters & bit}
        if _DEFLATE in applied:
            content = self._inflated(content)
        if len(content) != self._n_bytes:
            raise OSError(f"the chunk at {offset} has {len(content)} bytes instead of {self._n_bytes}")
        if _SHUFFLE not in applied or self._joined.itemsize == 1:
            return np.frombuffer(content, self._stored_word).astype(self._joined.dtype, copy=False)
        planes = np.frombuffer(content, np.uint8).reshape(self._joined.itemsize, -1)
        join_planes(np.ascontiguousarray(planes[::-1]) if self._is_big_endian else planes, self._joined)
        return self._joined

    def _stored(self, offset: _Offset) -> tuple[memoryview | bytearray, int] | None:
        """Return what the file has, in a buffer that the next call overwrites, and the filters that were left out."""
        try:
            skipped_filters, content = self._id.read_direct_chunk(offset, out=self._buffer)
        except RuntimeError:
            if self._id.get_chunk_info_by_coord(offset).byte_offset is None:
                return None
            raise
        return content, skipped_filters

    def _inflated(self, content: memoryview | bytearray) -> bytearray:
        try:
            return deflate.zlib_decompress(content, self._n_bytes)
        except deflate.DeflateError as error:
            raise CannotDecodeError from error


def is_decodable(data: h5py.Dataset) -> bool:
    """Whether :class:`ChunkReader` can read an array.

    Parameters
    ----------
    data
        Of any kind.

    Returns
    -------
    bool
        True for uint8, uint16 and float32 in chunks, uncompressed, or shuffled or deflated or both, with few
        exceptions.
    """
    layout = data.id.get_create_plist()
    if layout.get_layout() != h5py.h5d.CHUNKED or data.dtype.str[1:] not in _WORDS:
        return False
    if data.id.get_type() != h5py.h5t.py_create(data.dtype):  # such as 12 bits within 16
        return False
    codes = _filter_codes(layout)
    if _SHUFFLE in codes and layout.get_filter(codes.index(_SHUFFLE))[2] != (data.dtype.itemsize,):
        return False
    if codes == (_SHUFFLE,) and any(size % chunk for size, chunk in zip(data.shape, data.chunks, strict=True)):
        return (
            False  # chunks at the edge may be unfiltered without a mark; deflate would fail on them, shuffle does not
        )
    # Asked for a chunk where there is not one, HDF5 makes up its size.
    return codes in _PIPELINES and data.id.get_storage_size() > 0


def _filter_codes(layout: h5py.h5p.PropDCID) -> tuple[int, ...]:
    return tuple(layout.get_filter(position)[0] for position in range(layout.get_nfilters()))
