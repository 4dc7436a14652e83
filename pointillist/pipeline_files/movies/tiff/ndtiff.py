"""NDTiff: TIFFs of Micro-Manager and Pycro-Manager with the index of their frames in a file beside them."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pointillist.errors import MovieError, TruncatedMovieError
from pointillist.pipeline_files.movies.tiff.pages import Pages, read_pages
from pointillist.pipeline_files.movies.tiff.selection import MISSING, Selection, check_axes, frame_pages, table_of
from pointillist.system import irregular

_MAGIC = 483729
_INDEX = "NDTiff.index"
_AXES = {"time": "T", "z": "Z", "channel": "C", "position": "P", "row": "P", "column": "P"}


class Entry(NamedTuple):
    """Location of a frame in the index."""

    axes: Mapping[str, Any]
    name: str
    offset: int


def is_ndtiff(path: Path) -> bool:
    """Return whether a TIFF belongs to an NDTiff.

    Parameters
    ----------
    path
        Path of a TIFF.
    """
    with path.open("rb") as file:
        head = file.read(12).ljust(12, b"\0")
    return _MAGIC in (struct.unpack_from("<I", head, 8)[0], struct.unpack_from(">I", head, 8)[0])


def select_ndtiff(path: Path, pages: Pages) -> Selection:
    """Choose the frames of all files that an index names.

    Parameters
    ----------
    path, pages
        Path and pages of one of the files.

    Returns
    -------
    Selection
        Frames of the movie; those that are in none of the files are missing.

    Raises
    ------
    MovieError
        If files are missing or renamed, or it is no sequence of grey images.
    """
    chosen, remarks = frame_pages(pages)
    index = path.with_name(_INDEX)
    if kind := irregular(index):
        raise MovieError(index, f"is {kind}", "put the whole folder of the acquisition there")
    entries = _newest(_entries(index)) if index.exists() else []
    names = list(dict.fromkeys(entry.name for entry in entries))
    if not entries:
        others = [other.name for other in sorted(path.parent.glob("*.tif")) if other != path and is_ndtiff(other)]
        if others:
            problem = f"is one of {len(others) + 1} files whose {_INDEX} is missing or empty"
            raise MovieError(path, problem, "put the whole folder of the acquisition there")
        remark = f"{_INDEX} is missing or empty: the pages are read in the order of the file"
        return Selection(files=[pages], table=table_of(chosen), remarks=[*remarks, remark])
    if path.name not in names:
        raise MovieError(
            path, f"is not among the files of its {_INDEX} ({', '.join(names)})", "give it its original name"
        )
    missing = [name for name in names if not path.with_name(Path(name).name).is_file()]
    if missing:
        problem = f"is one of {len(names)} files of a movie, of which {', '.join(missing)} is missing"
        raise MovieError(path, problem, "put the whole folder of the acquisition there")
    selection = _arrange(
        path, entries, {name: pages if name == path.name else read_pages(path.with_name(name)) for name in names}
    )
    return Selection(files=selection.files, table=selection.table, remarks=[*remarks, *selection.remarks])


def _entries(index: Path) -> Iterator[Entry]:
    content = index.read_bytes()
    at = 0
    try:
        while at < len(content):
            (n_axes,) = struct.unpack_from("<I", content, at)
            axes = json.loads(content[at + 4 : at + 4 + n_axes])
            at += 4 + n_axes
            (n_name,) = struct.unpack_from("<I", content, at)
            name = content[at + 4 : at + 4 + n_name].decode(errors="replace")
            offset, *_ = struct.unpack_from("<8I", content, at + 4 + n_name)
            at += 4 + n_name + 32
            yield Entry(axes if isinstance(axes, dict) else {}, name, offset)
    except (struct.error, ValueError) as error:
        raise TruncatedMovieError(index, "is truncated or damaged", "copy it again") from error


def _newest(entries: Iterator[Entry]) -> list[Entry]:
    """Return the last entry for each coordinate, which replaces earlier ones."""
    return list({tuple(sorted((k, str(v)) for k, v in entry.axes.items())): entry for entry in entries}.values())


def _arrange(path: Path, entries: list[Entry], files: Mapping[str, Pages]) -> Selection:
    names = list(dict.fromkeys(name for entry in entries for name in entry.axes))
    coordinates = {name: {entry.axes.get(name, 0) for entry in entries} for name in names}
    sizes = [(_AXES.get(name, "Q"), len(found)) for name, found in coordinates.items()]
    check_axes(path, [(axis, size) for wanted in "PTZCQ" for axis, size in sizes if axis == wanted])
    axis = next((name for name, found in coordinates.items() if len(found) > 1), None)
    frames = [entry.axes[axis] if axis else 0 for entry in entries]
    if not all(isinstance(frame, int) for frame in frames):
        frames = list(range(len(entries)))
    first = min(frames)
    numbers = {name: number for number, name in enumerate(files)}
    pages = {name: {data: page for page, data in enumerate(held.data_offsets.tolist())} for name, held in files.items()}
    table = np.full((max(frames) - first + 1, 2), MISSING, np.int64)
    for frame, entry in zip(frames, entries, strict=True):
        table[frame - first] = numbers[entry.name], pages[entry.name].get(entry.offset, MISSING)
    return Selection(files=list(files.values()), table=table, remarks=_differences(files, table))


def _differences(files: Mapping[str, Pages], table: np.ndarray[Any, Any]) -> list[str]:
    n_gaps = int((table[:, 1] == MISSING).sum())
    n_pages = sum(len(frame_pages(pages)[0]) for pages in files.values())
    remarks = [f"{n_gaps} of its {len(table)} frames are missing from {_INDEX} or from the files"] if n_gaps else []
    if n_pages > len(table) - n_gaps:
        remarks.append(
            f"{_INDEX} counts {len(table) - n_gaps} frames, the files hold {n_pages} pages; the others are not read"
        )
    return remarks
