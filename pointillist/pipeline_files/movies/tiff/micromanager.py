"""Micro-Manager's stacks: TIFFs with an index of their frames, of which several make up a movie."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.tiff.ome import own_key
from pointillist.pipeline_files.movies.tiff.ome_xml import Ome
from pointillist.pipeline_files.movies.tiff.pages import Pages, read_pages
from pointillist.pipeline_files.movies.tiff.selection import (
    MISSING,
    Selection,
    check_axes,
    count_remarks,
    frame_pages,
    table_of,
)

_HEADER, _INDEX, _SUMMARY = 54773648, 3453623, 2355492
_MAX_SUMMARY_BYTES = 1 << 26
_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Index of the frames in one file.

    Parameters
    ----------
    path
        Path of the file.
    summary
        Summary metadata of the acquisition, the same in all its files.
    index
        Array of int64, ``(page, 5)``: channel, slice, time, position, offset of the directory.
    """

    path: Path
    summary: dict[str, Any]
    index: NDArray[np.int64]

    @property
    def positions(self) -> set[int]:
        """Positions of the stage."""
        return set(self.index[:, 3].tolist())


def read_stack(path: Path) -> Stack | None:
    """Read the index of a file.

    Parameters
    ----------
    path
        Path of any file.

    Returns
    -------
    Stack or None
        Index and summary, the index empty where none was written; None for another program's file.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(40).ljust(40, b"\0")
        order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        header = struct.unpack_from(f"{order}8I", head, 8) if order else (0,) * 8
        if header[0] != _HEADER or header[6] != _SUMMARY or header[7] > _MAX_SUMMARY_BYTES:
            return None
        try:
            summary = json.loads(file.read(header[7]))
        except ValueError:
            summary = None
        block = os.pread(file.fileno(), 8, header[1]).ljust(8, b"\0")
        magic, n_pages = struct.unpack(f"{order}2I", block)
        entries = os.pread(file.fileno(), 20 * n_pages, header[1] + 8) if magic == _INDEX else b""
    index = np.frombuffer(entries[: len(entries) // 20 * 20], f"{order}u4").reshape(-1, 5).astype(np.int64)
    return Stack(path=path, summary=summary if isinstance(summary, dict) else {}, index=index)


def select_stack(stack: Stack, pages: Pages, ome: Ome | None) -> Selection:
    """Choose the frames of the movie to which a file belongs: those of its position, in all files of the folder.

    Parameters
    ----------
    stack
        Stack of the file that the user named.
    pages
        Pages of that file.
    ome
        OME-XML of that file, which names the other files.

    Returns
    -------
    Selection
        Frames of the movie. Those that are in none of the files are missing; those planned and not recorded are left
        out.

    Raises
    ------
    MovieError
        If files are missing, or it is no sequence of grey images.
    """
    chosen, remarks = frame_pages(pages)
    if not len(stack.index) or len(np.unique(stack.index[:, :4], axis=0)) < len(stack.index):
        problem = "has no usable index of Micro-Manager: its pages are read in the order of the file"
        return Selection(files=[pages], table=table_of(chosen), remarks=[*remarks, problem])
    stacks, more = _series_files(stack)
    index = np.concatenate([part.index for part in stacks])
    sizes = [len(np.unique(index[:, column])) for column in range(4)]
    check_axes(stack.path, [("P", sizes[3]), ("T", sizes[2]), ("Z", sizes[1]), ("C", sizes[0])])
    column, planned = _axis(stack.summary, sizes)
    stacks.sort(key=lambda part: int(part.index[:, column].min()))
    _refuse_parts(stack.path, ome, stacks, int(index[:, column].min()))
    files = [_pages_of(part, pages if part is stack else read_pages(part.path)) for part in stacks]
    table = np.full((int(index[:, column].max()) + 1, 2), MISSING, np.int64)
    for number, (part, held) in enumerate(zip(stacks, files, strict=True)):
        table[part.index[:, column]] = np.stack([np.full(len(part.index), number), _found(part, held)], axis=1)
    remarks += [*more, *count_remarks("its summary", planned, len(table))]
    return _with_rest(stack.path, files, table, remarks)


def _series_files(stack: Stack) -> tuple[list[Stack], list[str]]:
    """Return the files of the same acquisition and position in the same folder, regardless of their names."""
    series, remarks = [stack], []
    known = set(map(tuple, stack.index[:, :4].tolist()))
    for path in sorted(stack.path.parent.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name == stack.path.name:
            continue
        other = read_stack(path)
        if other is None or other.summary != stack.summary or other.positions != stack.positions:
            continue
        coordinates = set(map(tuple, other.index[:, :4].tolist()))
        if known & coordinates:
            remarks.append(f"{path.name} holds frames of the same numbers and is not read")
        else:
            series.append(other)
            known |= coordinates
    return series, remarks


def _axis(summary: dict[str, Any], sizes: Sequence[int]) -> tuple[int, int]:
    """Return which column of the index counts the frames, and how many were planned."""
    n_times, n_slices = (summary.get(key) for key in ("Frames", "Slices"))
    is_sliced = sizes[1] > 1 or (
        sizes[2] == 1 and isinstance(n_slices, int) and n_slices > 1 and n_times in (1, 0, None)
    )
    planned = n_slices if is_sliced else n_times
    return (1 if is_sliced else 2), planned if isinstance(planned, int) and planned > 0 else 0


def _refuse_parts(path: Path, ome: Ome | None, stacks: Sequence[Stack], first: int) -> None:
    """Refuse an incomplete movie."""
    remedy = "put all files of the acquisition into one folder"
    if first > 0:
        raise MovieError(path, f"begins with frame {first}; the file with those before is not in its folder", remedy)
    images = [image for image in ome.images if own_key(path, ome, image) is not None] if ome else []
    names = {name for image in images for name in image.names.values() if name}
    if len(names) > len(stacks):
        present = {part.path.name for part in stacks}
        missing = ", ".join(sorted(names - present))
        problem = (
            f"is one of {len(names)} files of a movie, of which {len(names) - len(stacks)} are missing ({missing})"
        )
        raise MovieError(path, problem, remedy)


def _pages_of(stack: Stack, pages: Pages) -> Pages:
    """Return the pages of a file, including those that only its index lists."""
    offsets = stack.index[:, 4]
    unknown = offsets[(offsets > 0) & ~np.isin(offsets, pages.directories)]
    return read_pages(stack.path, unknown.tolist()) if len(unknown) else pages


def _found(stack: Stack, pages: Pages) -> NDArray[np.int64]:
    """Return the page of each entry of an index."""
    where = {offset: page for page, offset in enumerate(pages.directories.tolist())}
    return np.array([where.get(offset, MISSING) for offset in stack.index[:, 4].tolist()], np.int64)


def _with_rest(path: Path, files: Sequence[Pages], table: NDArray[np.int64], remarks: Sequence[str]) -> Selection:
    """Return the selection with the pages that no index lists, placed in gaps or at the end."""
    known = set(map(tuple, table.tolist()))
    rows = np.concatenate([table_of(frame_pages(pages)[0], number) for number, pages in enumerate(files)])
    rest = np.array([row for row in rows.tolist() if tuple(row) not in known], np.int64).reshape(-1, 2)
    gaps = np.flatnonzero(table[:, 1] == MISSING)
    if not len(rest):
        lost = [f"{len(gaps)} of its {len(table)} frames are missing from its index and from the file"]
        return Selection(files=files, table=table, remarks=[*remarks, *(lost if len(gaps) else [])])
    remark = f"its index lists {len(table) - len(gaps)} frames, but {len(rows)} were found; these {len(rows)} are read"
    if not len(gaps):
        whole = np.concatenate([table, rest])
    else:
        whole = table.copy()
        if len(gaps) == len(rest):
            whole[gaps] = rest
    if len(whole) != len(rows) or not _is_ordered(whole):
        problem = f"holds {len(rest)} pages that are missing from its index"
        raise MovieError(path, problem, "save it again as TIFF, with Fiji for instance")
    return Selection(files=files, table=whole, remarks=[*remarks, remark])


def _is_ordered(table: NDArray[np.int64]) -> bool:
    """Return whether frames follow one another as in the files."""
    return bool((np.lexsort((table[:, 1], table[:, 0])) == np.arange(len(table))).all())
