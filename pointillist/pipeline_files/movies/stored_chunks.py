"""Encoded chunks of an HDF5 array."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.pipeline_protocol.messages import Chunks

Offset = tuple[int, int, int]
"""First element of a chunk."""

Stored = tuple[memoryview | bytearray, int]
"""Bytes of a chunk, and the mask of filters that were not applied."""

WORDS = {"u1": np.uint8, "u2": np.uint16, "f4": np.uint32}
"""Pixels that can be decoded here, by type, and the words that kernels transpose them as."""

SHUFFLE, DEFLATE = h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE

N_SPANNED = 50_000
"""Chunks from which on nobody is told where they lie: HDF5 goes through all of them to find one, 40 ns each."""

_PIPELINES = ((), (SHUFFLE,), (DEFLATE,), (SHUFFLE, DEFLATE))
"""Filters that can be decoded without HDF5, in the order of writing."""


def is_decodable(data: h5py.Dataset) -> bool:
    """Whether an array's chunks can be decoded without HDF5.

    Parameters
    ----------
    data
        Data set of any kind.

    Returns
    -------
    bool
        True for most data sets of uint8, uint16 or float32 in chunks that are uncompressed, shuffled or deflated.
    """
    layout = data.id.get_create_plist()
    if layout.get_layout() != h5py.h5d.CHUNKED or data.dtype.str[1:] not in WORDS:
        return False
    if data.id.get_type() != h5py.h5t.py_create(data.dtype):  # such as 12 bits within 16
        return False
    codes = _filter_codes(layout)
    if SHUFFLE in codes and layout.get_filter(codes.index(SHUFFLE))[2] != (data.dtype.itemsize,):
        return False
    if codes == (SHUFFLE,) and any(size % chunk for size, chunk in zip(data.shape, data.chunks, strict=True)):
        return (
            False  # chunks at the edge may be unfiltered without a mark; deflate would fail on them, shuffle does not
        )
    # Asked for a chunk where there is not one, HDF5 makes up its size.
    return codes in _PIPELINES and data.id.get_storage_size() > 0


def can_decode(chunks: Chunks) -> bool:
    """Return whether chunks described by another machine can be decoded."""
    return (
        chunks.dtype[1:] in WORDS
        and tuple(chunks.filters) in _PIPELINES
        and min(*chunks.shape, *chunks.chunk) > 0
        and len(chunks.fill) == np.dtype(chunks.dtype).itemsize
    )


def offsets(chunks: Chunks, start: int, stop: int) -> Iterator[Offset]:
    """Yield the chunks that hold the frames ``[start, stop)``, in C order."""
    _, n_x, n_y = chunks.shape
    depth, width, height = chunks.chunk
    yield from itertools.product(range(start - start % depth, stop, depth), range(0, n_x, width), range(0, n_y, height))


class StoredChunks:
    """The chunks of an array ``(frame, X, Y)`` in a file.

    Parameters
    ----------
    data
        Data set that satisfies :func:`is_decodable`.

    Attributes
    ----------
    about
        Encoding of the chunks.
    """

    def __init__(self, data: h5py.Dataset) -> None:
        self._id = data.id
        self.about = Chunks(
            shape=data.shape,
            chunk=data.chunks,
            dtype=data.dtype.str,
            filters=list(_filter_codes(data.id.get_create_plist())),
            fill=np.asarray(data.fillvalue, data.dtype.newbyteorder("=")).tobytes(),
        )
        n_bytes = math.prod(data.chunks) * data.dtype.itemsize
        self._buffer = np.empty(n_bytes + n_bytes // 7 + 1024, np.uint8)  # zlib's bound on what it adds

    def get(self, offset: Offset) -> Stored | None:
        """Return a chunk in a buffer that the next call overwrites; None where none was ever written.

        Raises
        ------
        OSError, RuntimeError, ValueError
            If the file is damaged.
        """
        try:
            skipped, content = self._id.read_direct_chunk(offset, out=self._buffer)
        except RuntimeError:
            if self._id.get_chunk_info_by_coord(offset).byte_offset is None:
                return None
            raise
        return content, skipped

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return where the file has the frames ``[start, stop)``: offset and length in bytes.

        The chunks between the first and the last one are taken to lie between them, as a camera writes them; the
        length is 0 where they do not, or where finding out would take long.
        """
        about = self.about
        if math.prod(-(-size // chunk) for size, chunk in zip(about.shape, about.chunk, strict=True)) > N_SPANNED:
            return 0, 0
        corners = (start, 0, 0), (stop - 1, *(size - 1 for size in about.shape[1:]))
        places = [tuple(at - at % size for at, size in zip(corner, about.chunk, strict=True)) for corner in corners]
        first, last = map(self._id.get_chunk_info_by_coord, places)
        if first.byte_offset is None or last.byte_offset is None:
            return 0, 0
        n_bytes = last.byte_offset + last.size - first.byte_offset
        itemsize = np.dtype(about.dtype).itemsize
        n_most = 2 * (stop - start + 2 * about.chunk[0]) * math.prod(about.shape[1:]) * itemsize
        return first.byte_offset, n_bytes if 0 < n_bytes < n_most else 0


def unwritten_frames(data: h5py.Dataset) -> NDArray[np.intp]:
    """Return the frames of which the file has no pixels, or not all, since they were never written.

    Parameters
    ----------
    data
        Data set ``(frame, ...)``, of which HDF5 reads zeros where nothing was written.
    """
    n_frames = data.shape[0]
    if data.chunks is None:
        is_written = data.id.get_storage_size() > 0 or data.external or data.is_virtual
        return np.arange(0 if is_written else n_frames)
    n_along = [-(-size // chunk) for size, chunk in zip(data.shape, data.chunks, strict=True)]
    if data.id.get_num_chunks() >= math.prod(n_along):
        return np.arange(0)
    n_written = np.zeros(n_along[0], np.int64)

    def count(chunk: h5py.h5d.StoreInfo) -> None:
        n_written[chunk.chunk_offset[0] // data.chunks[0]] += 1

    data.id.chunk_iter(count)
    return np.flatnonzero(np.repeat(n_written < math.prod(n_along[1:]), data.chunks[0])[:n_frames])


def _filter_codes(layout: h5py.h5p.PropDCID) -> tuple[int, ...]:
    return tuple(layout.get_filter(position)[0] for position in range(layout.get_nfilters()))
