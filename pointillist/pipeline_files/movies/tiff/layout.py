"""Storage of the pixels of a TIFF page."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pointillist.pipeline_files.movies.tiff.directory import ByteOrder, Directory, DirectoryReader

LAYOUT_TAGS = {
    254: "subfile",
    256: "width",
    257: "length",
    258: "bits",
    259: "compression",
    266: "fill_order",
    277: "samples",
    317: "predictor",
    322: "tile_width",
    323: "tile_length",
    339: "sample_format",
    32997: "depth",
}
"""Tags that define the storage of pixels, with our names."""

_TYPES = {1: "uint", 2: "int", 3: "float"}
_WHOLE_BITS = (8, 16, 32, 64)


class Layout(NamedTuple):
    """Size, type and storage of the pixels of a page; the tags of :data:`LAYOUT_TAGS`, with the defaults of TIFF."""

    subfile: int = 0
    width: int = 0
    length: int = 0
    bits: int = 1
    compression: int = 1
    fill_order: int = 1
    samples: int = 1
    predictor: int = 1
    tile_width: int = 0
    tile_length: int = 0
    sample_format: int = 1
    depth: int = 1

    @property
    def kind(self) -> tuple[int, ...]:
        """Size and type, which all frames of a movie have in common."""
        return self.length, self.width, self.depth, self.samples, self.bits, self.sample_format

    @property
    def is_reduced(self) -> bool:
        """Whether the page is a smaller copy of another, such as a thumbnail."""
        return bool(self.subfile & 1)

    @property
    def n_bytes(self) -> int:
        """Bytes of the pixels without compression."""
        return (self.width * self.bits * self.samples + 7) // 8 * self.length * self.depth

    @property
    def is_plain(self) -> bool:
        """Whether the pixels lie in the file as they do in memory."""
        is_tiled = self.tile_width and (self.tile_width, self.tile_length) != (self.width, self.length)
        is_kept = (self.compression, self.predictor, self.fill_order, self.samples, self.depth) == (1, 1, 1, 1, 1)
        return is_kept and not is_tiled and self.bits in _WHOLE_BITS and self.sample_format in _TYPES

    def dtype(self, byteorder: ByteOrder) -> np.dtype[Any]:
        """Type of plain pixels in the file."""
        return np.dtype(f"{_TYPES[self.sample_format]}{self.bits}").newbyteorder(byteorder)

    def __str__(self) -> str:
        samples = f", {self.samples} samples" if self.samples > 1 else ""
        return f"{self.width} x {self.length} px, {_TYPES.get(self.sample_format, 'type ')}{self.bits}{samples}"


def layout_of(reader: DirectoryReader, directory: Directory) -> Layout:
    """Return the layout that the tags of a page state.

    Parameters
    ----------
    reader
        Reader of the file.
    directory
        Directory of the page.
    """
    entries = {}
    for at, code in enumerate(directory.codes):
        if code in LAYOUT_TAGS and directory.counts[at] == 1:
            entries[LAYOUT_TAGS[code]] = reader.number(directory, at)
        elif code in LAYOUT_TAGS:  # one number for each colour
            numbers = reader.numbers(directory, at)
            entries[LAYOUT_TAGS[code]] = int(numbers[0]) if len(numbers) else 0
    return Layout(**entries)
