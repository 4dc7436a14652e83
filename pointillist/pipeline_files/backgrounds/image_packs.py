"""Images of frames, encoded one by one as chunks of an HDF5 array.

Whoever makes the images compresses them; whoever writes the file puts the chunks where they belong, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import deflate
import numpy as np
from numpy.typing import NDArray

FRAME_DTYPE: np.dtype[Any] = np.dtype([("image", "<i8"), ("offset", "<f4")])
"""Frame: number of its image, -1 for none, and offset to add to that image, ADU."""

_SIZE_DTYPE = np.dtype("<u4")
"""Type of the lengths of images."""

_LEVEL = 1
"""Level of zlib; higher ones take twice the time to save a few per cent."""

Buffer = bytes | memoryview


@dataclass(frozen=True, kw_only=True)
class ImageLayout:
    """Storage of images in a file.

    Parameters
    ----------
    frame_shape
        Height and width of an image, ``(y, x)``, px.
    dtype
        Type of a pixel: uint8, uint16 or float32.
    is_compressed
        Whether images are shuffled and deflated.
    is_mapped
        Whether successive frames with equal images share one stored image.
    """

    frame_shape: tuple[int, int]
    dtype: np.dtype[Any]
    is_compressed: bool
    is_mapped: bool

    @property
    def image_bytes(self) -> int:
        """Bytes of an image, uncompressed."""
        return int(np.prod(self.frame_shape)) * self.dtype.itemsize

    def chunk(self, image: NDArray[Any]) -> bytes:
        """Return an image ``(y, x)`` as the chunk ``(1, X, Y)`` of the file."""
        stored = np.ascontiguousarray(image.T, self.dtype.newbyteorder("<"))
        if not self.is_compressed:
            return stored.tobytes()
        planes = stored.reshape(-1).view(np.uint8).reshape(-1, self.dtype.itemsize).T
        return bytes(deflate.zlib_compress(planes.tobytes(), _LEVEL))


@dataclass(frozen=True, kw_only=True, eq=False)
class Pack:
    """Images of successive frames.

    Parameters
    ----------
    frames
        Structured array of :data:`FRAME_DTYPE`, one row a frame; image numbers are indices into `chunks`.
    chunks
        Encoded images, each once, in order of frames.
    """

    frames: NDArray[np.void]
    chunks: Sequence[Buffer]

    @classmethod
    def of(cls, layout: ImageLayout, images: Iterable[tuple[NDArray[Any] | None, float]]) -> Self:
        """Pack images ``(y, x)``, or None for a frame without one, each with what has to be added to it.

        Where images are not mapped, it is added here.
        """
        rows: list[tuple[int, float]] = []
        chunks: list[bytes] = []
        last = b""
        for image, offset in images:
            if image is None:
                rows.append((-1, 0.0))
                continue
            whole = image if layout.is_mapped or not offset else image + np.float32(offset)
            pixels = whole.tobytes()
            if pixels != last:
                chunks.append(layout.chunk(whole))
                last = pixels
            rows.append((len(chunks) - 1, offset if layout.is_mapped else 0.0))
        return cls(frames=np.array(rows, FRAME_DTYPE), chunks=chunks)

    @classmethod
    def from_buffers(cls, buffers: Sequence[Buffer]) -> Self:
        """Return the pack of which :meth:`buffers` returned the buffers.

        Raises
        ------
        ValueError
            If it cannot be that.
        """
        first, second, third = buffers
        frames = np.frombuffer(first, FRAME_DTYPE)
        sizes = np.frombuffer(second, _SIZE_DTYPE)
        content = np.frombuffer(third, np.uint8)
        ends = np.cumsum(sizes, dtype=np.int64)
        n_bytes = int(ends[-1]) if len(ends) else 0
        is_numbered = not len(frames) or (frames["image"].min() >= -1 and frames["image"].max() < len(sizes))
        if n_bytes != len(content) or not is_numbered:
            msg = f"{len(frames)} frames of {len(sizes)} images do not match {len(content)} bytes"
            raise ValueError(msg)
        chunks = memoryview(buffers[2])
        return cls(frames=frames, chunks=[chunks[end - size : end] for end, size in zip(ends, sizes, strict=True)])

    def buffers(self) -> list[bytes]:
        """Return the pack as three buffers for a message."""
        sizes = np.array([len(chunk) for chunk in self.chunks], _SIZE_DTYPE)
        return [self.frames.tobytes(), sizes.tobytes(), b"".join(self.chunks)]
