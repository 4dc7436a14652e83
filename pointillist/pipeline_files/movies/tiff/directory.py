"""Directories of a TIFF file: the tags of one page each."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError

ByteOrder: TypeAlias = Literal["<", ">"]
"""Byte order, little or big endian."""

_MAX_TAGS = 4096
_FIRST_READ = 512
_N_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 13: 4, 16: 8, 18: 8}
"""Bytes of a number, by the type that its tag states; those of others are not numbers that this program needs."""


class Directory(NamedTuple):
    """Tags of one page, each with the same index in all tuples.

    `values` are as they stand in the file: a number, or the offset of several.
    """

    offset: int
    codes: tuple[int, ...]
    types: tuple[int, ...]
    counts: tuple[int, ...]
    values: tuple[int, ...]
    next_offset: int


class DirectoryReader:
    """Reads directories of TIFF and BigTIFF.

    Parameters
    ----------
    file
        Descriptor of the open file.
    path
        Path of the file, for error messages.

    Attributes
    ----------
    byteorder
        ``<`` or ``>``.
    start
        Offset of the first directory, bytes.

    Raises
    ------
    MovieError
        If the file is not a TIFF.
    """

    def __init__(self, file: int, path: Path) -> None:
        head = os.pread(file, 16, 0).ljust(16, b"\0")
        self.byteorder: ByteOrder = ">" if head[:2] == b"MM" else "<"
        version = struct.unpack_from(f"{self.byteorder}H", head, 2)[0]
        if head[:2] not in (b"II", b"MM") or version not in (42, 43):
            raise MovieError(path, "is not a TIFF", "name a movie file")
        self._file = file
        self._is_big = version == 43
        self._n_tags = struct.Struct(f"{self.byteorder}{'Q' if self._is_big else 'H'}")
        self._pointer_bytes = 8 if self._is_big else 4
        self._entry_bytes = 20 if self._is_big else 12
        pointer = f"{self.byteorder}{'Q' if self._is_big else 'I'}"
        self.start: int = struct.unpack_from(pointer, head, self._pointer_bytes)[0]
        self._entries: dict[int, struct.Struct] = {}

    def read(self, offset: int) -> Directory | None:
        """Return the directory at an offset; None where there is none."""
        block = os.pread(self._file, _FIRST_READ, offset)
        if len(block) < self._n_tags.size:
            return None
        (n_tags,) = self._n_tags.unpack_from(block)
        if not 0 < n_tags <= _MAX_TAGS:
            return None
        n_bytes = self._n_tags.size + n_tags * self._entry_bytes + self._pointer_bytes
        if n_bytes > len(block):
            block = os.pread(self._file, n_bytes, offset)
        if len(block) < n_bytes:
            return None
        fields = self._structure(n_tags).unpack_from(block, self._n_tags.size)
        return Directory(offset, fields[:-1:4], fields[1:-1:4], fields[2:-1:4], fields[3:-1:4], fields[-1])

    def number(self, directory: Directory, at: int) -> int:
        """Return the one number of a tag, which stands in the directory itself, at the beginning of its field."""
        value, n_bytes = directory.values[at], _N_BYTES.get(directory.types[at], self._pointer_bytes)
        if self.byteorder == "<":
            return value & ((1 << 8 * n_bytes) - 1)
        return value >> 8 * max(0, self._pointer_bytes - n_bytes)

    def numbers(self, directory: Directory, at: int) -> NDArray[np.int64]:
        """Return all numbers of a tag; none where they are beyond the end of the file."""
        width = _N_BYTES.get(directory.types[at], 0)
        n_bytes = width * directory.counts[at]
        if not 0 < n_bytes <= os.fstat(self._file).st_size:
            return np.zeros(0, np.int64)
        inside = directory.offset + self._n_tags.size + (at + 1) * self._entry_bytes - self._pointer_bytes
        block = os.pread(self._file, n_bytes, inside if n_bytes <= self._pointer_bytes else directory.values[at])
        if len(block) < n_bytes:
            return np.zeros(0, np.int64)
        return np.frombuffer(block, f"{self.byteorder}u{width}").astype(np.int64)

    def text(self, directory: Directory, at: int) -> str:
        """Return the text of a tag."""
        if directory.counts[at] > self._pointer_bytes:
            block = os.pread(self._file, directory.counts[at], directory.values[at])
        else:
            block = directory.values[at].to_bytes(self._pointer_bytes, "little" if self.byteorder == "<" else "big")
        return block.rstrip(b"\0").decode(errors="replace")

    def _structure(self, n_tags: int) -> struct.Struct:
        if n_tags not in self._entries:
            entry, pointer = ("HHQQ", "Q") if self._is_big else ("HHII", "I")
            self._entries[n_tags] = struct.Struct(f"{self.byteorder}{entry * n_tags}{pointer}")
        return self._entries[n_tags]
