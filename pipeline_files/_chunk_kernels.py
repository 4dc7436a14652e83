"""Stored chunks ``(frame, X, Y)`` into frames ``(frame, y, x)``.

Every index is unsigned: numba asks of a signed one whether it counts from the end, which keeps loops out of vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fitting.jit import kernel

_STRIP = 16
"""Pixels that are written side by side: as many lines of the cache are read at a time, and they do not yet drive
each other out where they lie a power of two apart."""

_TILE = 32
"""Length of such a strip: its lines stay in the cache until they are used up."""

Words = NDArray[Any]
"""Pixels as unsigned integers of their size, which no conversion can touch."""


@kernel
def join_planes(planes: NDArray[np.uint8], words: Words) -> None:
    """Undo HDF5's shuffle, which sorts bytes by their significance.

    Parameters
    ----------
    planes
        ``(byte, pixel)``, the least significant first, C-contiguous.
    words
        ``(pixel,)``; written to. uint16 or uint32.
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
    words: Words, shape: tuple[int, int, int], skipped: int, place: tuple[int, int, int], n_frames: int, frames: Words
) -> None:
    """Copy part of a chunk to where it belongs.

    Parameters
    ----------
    words
        The chunk's pixels in its own order, one-dimensional; uint8, uint16 or uint32.
    shape
        Of the chunk, ``(frame, X, Y)``.
    skipped
        Frames of the chunk before the first that is wanted.
    place
        ``(frame, X, Y)`` of that frame's first pixel in `frames`.
    n_frames
        How many are wanted; the chunk and `frames` have them.
    frames
        Written to. C-contiguous ``(frame, y, x)``, of the type of `words`. The chunk may reach beyond its edges.
    """
    chunk_x, chunk_y = np.uintp(shape[1]), np.uintp(shape[2])
    first, left, top = np.uintp(place[0]), np.uintp(place[1]), np.uintp(place[2])
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
        uint8, uint16 or uint32.
    """
    words = np.zeros(8, word)
    if words.itemsize > 1:
        join_planes(np.zeros((words.itemsize, words.size), np.uint8), words)
    transpose_words(words, (2, 2, 2), 0, (0, 0, 0), 2, np.zeros((2, 2, 2), word))
