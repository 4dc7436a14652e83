"""Stored chunks ``(frame, X, Y)`` into frames ``(frame, y, x)``.

Every index is unsigned: numba asks of a signed one whether it counts from the end, which keeps loops out of vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pointillist.fitting import kernel

_STRIP = 16
"""Pixels that are written side by side: as many lines of the cache are read at a time, and they do not yet drive
each other out where they lie a power of two apart."""

_TILE = 32
"""Length of such a strip, whose lines stay in the cache until they are used up."""

_LONG_BYTES = 8
"""Of a long word, as which several pixels are written at once."""

_LINE = 32
"""Long words that are written side by side: four lines of the cache, since in a large frame each row begins another
page of memory."""

_LONG_TILE = 128
"""Rows transposed at a time, whose columns stay in the cache."""

Words = NDArray[Any]
"""Pixels as unsigned integers of their size, which are copied without conversion."""


@kernel
def join_planes(planes: NDArray[np.uint8], words: Words) -> None:
    """Undo HDF5's shuffle, which sorts bytes by their significance.

    Parameters
    ----------
    planes
        C-contiguous bytes of uint8, ``(byte, pixel)``, the least significant byte first.
    words
        Output of uint16 or uint32, ``(pixel,)``.
    """
    n_bytes, n_pixels = np.uintp(planes.shape[0]), np.uintp(planes.shape[1])
    for pixel in range(np.uintp(0), n_pixels):
        words[pixel] = planes[np.uintp(0), pixel]
    for byte in range(np.uintp(1), n_bytes):
        shift = np.uint32(8) * np.uint32(byte)
        for pixel in range(np.uintp(0), n_pixels):
            words[pixel] |= np.uint32(planes[byte, pixel]) << shift


@kernel
def transpose_words(
    words: Words, shape: tuple[int, int, int], skipped: int, origin: tuple[int, int, int], n_frames: int, frames: Words
) -> None:
    """Copy part of a chunk to its frames.

    Parameters
    ----------
    words
        Pixels of the chunk in stored order, one-dimensional; uint8, uint16 or uint32.
    shape
        Lengths of the chunk, ``(frame, X, Y)``.
    skipped
        Number of frames of the chunk before the first one to copy.
    origin
        Index ``(frame, X, Y)`` in `frames` of the first pixel copied.
    n_frames
        Number of frames to copy, which both the chunk and `frames` have.
    frames
        Output ``(frame, y, x)``, C-contiguous, of the type of `words`. The chunk may extend beyond its edges.
    """
    n_pixels = _LONG_BYTES // words.itemsize
    n_x = min(shape[1], frames.shape[2] - origin[1])
    if n_pixels > 2 and n_x % n_pixels == 0 and origin[1] % n_pixels == 0 and frames.shape[2] % n_pixels == 0:
        _transpose_longs(words, shape, skipped, origin, n_frames, frames)
    else:
        _transpose_strips(words, shape, skipped, origin, n_frames, frames)


@kernel
def _transpose_longs(
    words: Words, shape: tuple[int, int, int], skipped: int, origin: tuple[int, int, int], n_frames: int, frames: Words
) -> None:
    """Copy where rows are whole long words: the compiler does not join stores of pixels, nor loads of a column."""
    chunk_x, chunk_y = np.uintp(shape[1]), np.uintp(shape[2])
    n_pixels = np.uintp(_LONG_BYTES // words.itemsize)
    longs = frames.reshape(-1).view(np.uint64)
    width, height = np.uintp(frames.shape[2]) // n_pixels, np.uintp(frames.shape[1])
    first, left, top = np.uintp(origin[0]), np.uintp(origin[1]) // n_pixels, np.uintp(origin[2])
    n_x = min(chunk_x // n_pixels, width - left)
    n_y = min(chunk_y, height - top)
    columns = np.empty((_LINE, _LONG_TILE), np.uint64)
    for frame in range(np.uintp(0), np.uintp(n_frames)):
        source = (np.uintp(skipped) + frame) * chunk_x * chunk_y
        target = ((first + frame) * height + top) * width + left
        for y0 in range(np.uintp(0), n_y, np.uintp(_LONG_TILE)):
            n_rows = min(np.uintp(_LONG_TILE), n_y - y0)
            for x0 in range(np.uintp(0), n_x, np.uintp(_LINE)):
                n_columns = min(np.uintp(_LINE), n_x - x0)
                for x in range(n_columns):
                    _join_columns(words, source + (x0 + x) * n_pixels * chunk_y + y0, chunk_y, columns[x], n_rows)
                _write_lines(columns, n_columns, n_rows, longs, target + y0 * width + x0, width)


@kernel
def _join_columns(
    words: Words, start: np.uintp, stride: np.uintp, column: NDArray[np.uint64], n_rows: np.uintp
) -> None:
    """Join the columns of a long word, the leftmost in its lowest bits: numba runs on no big-endian processor."""
    for row in range(n_rows):
        column[row] = words[start + row]
    for x in range(np.uintp(1), np.uintp(_LONG_BYTES // words.itemsize)):
        shift = np.uint64(8 * words.itemsize) * np.uint64(x)
        for row in range(n_rows):
            column[row] |= np.uint64(words[start + x * stride + row]) << shift


@kernel
def _write_lines(
    columns: NDArray[np.uint64],
    n_columns: np.uintp,
    n_rows: np.uintp,
    longs: NDArray[np.uint64],
    start: np.uintp,
    stride: np.uintp,
) -> None:
    """Write columns of long words side by side."""
    if n_columns == np.uintp(_LINE):  # a loop of fixed length is unrolled
        for row in range(n_rows):
            for x in range(np.uintp(_LINE)):
                longs[start + row * stride + x] = columns[x, row]
    else:
        for row in range(n_rows):
            for x in range(n_columns):
                longs[start + row * stride + x] = columns[x, row]


@kernel
def _transpose_strips(
    words: Words, shape: tuple[int, int, int], skipped: int, origin: tuple[int, int, int], n_frames: int, frames: Words
) -> None:
    """Copy strips of pixels."""
    chunk_x, chunk_y = np.uintp(shape[1]), np.uintp(shape[2])
    first, left, top = np.uintp(origin[0]), np.uintp(origin[1]), np.uintp(origin[2])
    n_x = min(chunk_x, np.uintp(frames.shape[2]) - left)
    n_y = min(chunk_y, np.uintp(frames.shape[1]) - top)
    strip, tile = np.uintp(_STRIP), np.uintp(_TILE)
    for frame in range(np.uintp(0), np.uintp(n_frames)):
        base = (np.uintp(skipped) + frame) * chunk_x * chunk_y
        for y0 in range(np.uintp(0), n_y, tile):
            for x0 in range(np.uintp(0), n_x, strip):
                for y in range(y0, min(y0 + tile, n_y)):
                    start = base + x0 * chunk_y + y
                    if x0 + strip <= n_x:  # a loop of fixed length is unrolled
                        for x in range(strip):
                            frames[first + frame, top + y, left + x0 + x] = words[start + x * chunk_y]
                    else:
                        for x in range(n_x - x0):
                            frames[first + frame, top + y, left + x0 + x] = words[start + x * chunk_y]


def run_kernels(word: DTypeLike) -> None:
    """Run the kernels on a few pixels, so that they are compiled, or loaded.

    Parameters
    ----------
    word
        Type of a pixel: uint8, uint16 or uint32.
    """
    words = np.zeros(8, word)
    if words.itemsize > 1:
        join_planes(np.zeros((words.itemsize, words.size), np.uint8), words)
    transpose_words(words, (2, 2, 2), 0, (0, 0, 0), 2, np.zeros((2, 2, 2), word))
