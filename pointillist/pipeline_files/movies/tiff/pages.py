"""The pages of a TIFF file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.tiff.directory import ByteOrder, Directory, DirectoryReader
from pointillist.pipeline_files.movies.tiff.layout import LAYOUT_TAGS, Layout, layout_of
from pointillist.system import irregular

NO_DATA = 0
"""Offset of pixels that are not in the file."""

SCATTERED = -1
"""Offset of pixels whose strips or tiles do not follow one another, or are compressed one by one."""

DESCRIPTION = 270
_OFFSETS = (324, 273)
_BYTE_COUNTS = (325, 279)
_SUB_IFDS = 330


@dataclass(frozen=True, kw_only=True, eq=False)
class Pages:
    """Pages of one file, in the order of their chain of directories.

    Parameters
    ----------
    path
        Path of the file.
    byteorder
        ``<`` or ``>``.
    n_bytes
        Size of the file, bytes.
    directories
        Offsets of the directories, bytes, int64, ``(page,)``.
    layouts
        Layouts that occur in the file.
    layout_indices
        Index into `layouts` for each page, int64, ``(page,)``.
    data_offsets
        Offsets of the pixels, bytes, int64, ``(page,)``; or :data:`NO_DATA` or :data:`SCATTERED`.
    byte_counts
        Size of the stored pixels, bytes, int64, ``(page,)``.
    described
        Indices of the pages with a description.
    sub_ifds
        Layout of the first sub-IFD, and the number of pages with sub-IFDs; None without any.
    fault
        Description of a broken chain of directories; empty if it is intact.
    """

    path: Path
    byteorder: ByteOrder
    n_bytes: int
    directories: NDArray[np.int64]
    layouts: Sequence[Layout]
    layout_indices: NDArray[np.int64]
    data_offsets: NDArray[np.int64]
    byte_counts: NDArray[np.int64]
    described: Sequence[int]
    sub_ifds: tuple[Layout, int] | None
    fault: str

    def __len__(self) -> int:
        return len(self.directories)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Offset at which the pixels of each page end, as far as it is known without decompressing them."""
        sizes = np.array([layout.n_bytes if layout.is_plain else 0 for layout in self.layouts], np.int64)
        ends: NDArray[np.int64] = self.data_offsets + np.maximum(self.byte_counts, sizes[self.layout_indices])
        return ends

    @cached_property
    def lacks_data(self) -> NDArray[np.bool_]:
        """Whether the pixels of a page are missing, wholly or in part, as far as it is known without reading them."""
        sizes = np.array([layout.n_bytes if layout.is_plain else 1 for layout in self.layouts], np.int64)
        is_short = (self.byte_counts < sizes[self.layout_indices]) | (self.ends > self.n_bytes)
        lacks: NDArray[np.bool_] = (self.data_offsets == NO_DATA) | ((self.data_offsets != SCATTERED) & is_short)
        return lacks

    def layout_of(self, page: int) -> Layout:
        """Return the layout of a page."""
        return self.layouts[int(self.layout_indices[page])]

    def n_values(self, code: int) -> int:
        """Return how many values a tag of the first page has; 0 without it."""
        with self.path.open("rb") as file:
            first = DirectoryReader(file.fileno(), self.path).read(int(self.directories[0]))
            return first.counts[first.codes.index(code)] if first is not None and code in first.codes else 0

    def descriptions(self, n_pages: int | None = None) -> list[str]:
        """Return the descriptions of the first pages that have any; of all of these by default."""
        with self.path.open("rb") as file:
            reader = DirectoryReader(file.fileno(), self.path)
            found = (reader.read(int(self.directories[page])) for page in self.described[:n_pages])
            return [
                reader.text(directory, at)
                for directory in found
                if directory is not None
                for at, code in enumerate(directory.codes)
                if code == DESCRIPTION
            ]


def read_pages(path: Path, others: Sequence[int] = ()) -> Pages:
    """Read the directories of a TIFF.

    Parameters
    ----------
    path
        Path of the file.
    others
        Offsets of further directories, which count as pages after those of the chain.

    Returns
    -------
    Pages
        All pages, with a fault where their chain is broken.

    Raises
    ------
    MovieError
        If it is not a TIFF.
    """
    if kind := irregular(path):
        raise MovieError(path, f"is {kind}", "name a movie file")
    with path.open("rb") as file:
        n_bytes = os.fstat(file.fileno()).st_size
        survey = _DirectoryChain(DirectoryReader(file.fileno(), path))
        fault = survey.follow(n_bytes)
        for offset in others:
            survey.add(offset)
        return survey.result(path, n_bytes, fault)


class _TagPositions(NamedTuple):
    """Indices of the required tags, in directories with the same tags."""

    structure: Callable[[tuple[int, ...]], Any]
    offsets: int | None
    byte_counts: int | None
    description: int | None
    sub_ifds: int | None


class _DirectoryChain:
    """Reader of a chain of directories, which interprets equal ones once.

    Parameters
    ----------
    reader
        Reader of the file.
    """

    def __init__(self, reader: DirectoryReader) -> None:
        self._reader = reader
        self._positions: dict[Any, _TagPositions] = {}
        self._known: dict[Any, int] = {}
        self._layouts: dict[Layout, int] = {}
        self._list: list[Layout] = []
        self._pages: list[tuple[int, int, int, int]] = []
        self._seen: dict[int, int] = {}
        self._described: list[int] = []
        self._sub_ifds: tuple[Layout, int] | None = None

    def follow(self, n_bytes: int) -> str:
        """Add the pages of the chain, and return a description of its fault, if any."""
        offset = self._reader.start
        while offset:
            if offset in self._seen:
                return f"its page {len(self._seen) - 1} refers back to page {self._seen[offset]}"
            directory = self._reader.read(offset) if offset < n_bytes else None
            if directory is None:
                return f"its page {len(self._seen)} should begin at byte {offset} of {n_bytes}, and is not there"
            self._append(directory)
            offset = directory.next_offset
        return "" if self._pages else "it has no pages"

    def add(self, offset: int) -> None:
        """Add a page outside the chain, unless it is known or not at that offset."""
        directory = self._reader.read(offset) if offset not in self._seen else None
        if directory is not None:
            self._append(directory)

    def result(self, path: Path, n_bytes: int, fault: str) -> Pages:
        """Return the pages."""
        table = np.array(self._pages, np.int64).reshape(-1, 4).T
        return Pages(
            path=path,
            byteorder=self._reader.byteorder,
            n_bytes=n_bytes,
            directories=table[0],
            layouts=self._list,
            layout_indices=table[1],
            data_offsets=table[2],
            byte_counts=table[3],
            described=self._described,
            sub_ifds=self._sub_ifds,
            fault=fault,
        )

    def _append(self, directory: Directory) -> None:
        positions = self._positions.get((directory.codes, directory.types))
        if positions is None:
            positions = self._positions[directory.codes, directory.types] = _tag_positions(directory.codes)
        structure = positions.structure(directory.values), positions.structure(directory.counts)
        number = self._known.get((directory.codes, directory.types, structure))
        if number is None:
            number = self._number(directory)
            self._known[directory.codes, directory.types, structure] = number
        if positions.description is not None:
            self._described.append(len(self._pages))
        if positions.sub_ifds is not None:
            self._add_sub_ifd(directory, positions.sub_ifds)
        self._seen[directory.offset] = len(self._pages)
        self._pages.append((directory.offset, number, *self._data(directory, positions, self._list[number])))

    def _number(self, directory: Directory) -> int:
        layout = layout_of(self._reader, directory)
        if layout not in self._layouts:
            self._layouts[layout] = len(self._list)
            self._list.append(layout)
        return self._layouts[layout]

    def _add_sub_ifd(self, directory: Directory, at: int) -> None:
        if self._sub_ifds is not None:
            self._sub_ifds = self._sub_ifds[0], self._sub_ifds[1] + 1
            return
        offsets = self._reader.numbers(directory, at)
        inner = self._reader.read(int(offsets[0])) if len(offsets) and offsets[0] else None
        self._sub_ifds = (layout_of(self._reader, inner), 1) if inner else None

    def _data(self, directory: Directory, positions: _TagPositions, layout: Layout) -> tuple[int, int]:
        """Return the offset of the pixels and how many bytes they take in the file."""
        if positions.offsets is None:
            return NO_DATA, 0
        if directory.counts[positions.offsets] == 1:
            offset = self._reader.number(directory, positions.offsets)
            return offset, layout.n_bytes if positions.byte_counts is None else self._reader.number(
                directory, positions.byte_counts
            )
        if not layout.is_plain or positions.byte_counts is None:
            return SCATTERED, 0
        offsets = self._reader.numbers(directory, positions.offsets)
        lengths = self._reader.numbers(directory, positions.byte_counts)
        if not len(offsets) or len(offsets) != len(lengths) or not offsets.all() or not lengths.all():
            return NO_DATA, 0
        is_joined = (offsets[1:] == offsets[:-1] + lengths[:-1]).all()
        return (int(offsets[0]), int(lengths.sum())) if is_joined else (SCATTERED, 0)


def _tag_positions(codes: Sequence[int]) -> _TagPositions:
    at = {code: index for index, code in reversed(list(enumerate(codes)))}
    structure = [index for index, code in enumerate(codes) if code in LAYOUT_TAGS]
    return _TagPositions(
        structure=itemgetter(*structure) if structure else len,
        offsets=next((at[code] for code in _OFFSETS if code in at), None),
        byte_counts=next((at[code] for code in _BYTE_COUNTS if code in at), None),
        description=at.get(DESCRIPTION),
        sub_ifds=at.get(_SUB_IFDS),
    )


def read_strips(path: Path, file: int, directory: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Return where the strips or tiles of a page are, and how long.

    Parameters
    ----------
    path, file
        Path of the file, and its open descriptor.
    directory
        Offset of the page's directory, bytes.

    Returns
    -------
    tuple or None
        Offsets and lengths, bytes; None where the page does not state them.
    """
    reader = DirectoryReader(file, path)
    found = reader.read(directory)
    positions = _tag_positions(found.codes) if found else None
    if found is None or positions is None or positions.offsets is None or positions.byte_counts is None:
        return None
    return reader.numbers(found, positions.offsets), reader.numbers(found, positions.byte_counts)
