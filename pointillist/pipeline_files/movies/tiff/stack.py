"""TIFF stacks: plain, BigTIFF, OME, ImageJ, Micro-Manager, MetaMorph."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from pointillist.errors import MovieError, TruncatedMovieError
from pointillist.pipeline_files.movies.contiguous import ContiguousFrames
from pointillist.pipeline_files.movies.library_log import captured_log, message_of
from pointillist.pipeline_files.movies.source import FrameSource, OpenedMovie
from pointillist.pipeline_files.movies.tiff.codecs import check_codecs
from pointillist.pipeline_files.movies.tiff.frame_count import FrameCount, count_following, read_imagej, read_shaped
from pointillist.pipeline_files.movies.tiff.frames import PageFrames
from pointillist.pipeline_files.movies.tiff.micromanager import read_stack, select_stack
from pointillist.pipeline_files.movies.tiff.ndtiff import is_ndtiff, select_ndtiff
from pointillist.pipeline_files.movies.tiff.ome import find_ome, own_image, select_ome
from pointillist.pipeline_files.movies.tiff.ome_xml import is_ome
from pointillist.pipeline_files.movies.tiff.pages import Pages, read_pages
from pointillist.pipeline_files.movies.tiff.selection import (
    MISSING,
    Selection,
    check_axes,
    count_remarks,
    frame_pages,
    table_of,
)

_UIC2 = 33629
"""Tag of MetaMorph's STK whose count is the number of planes."""

_LARGEST_LSM = 1 << 32
"""Bytes up to which the offsets of an LSM are right."""

_MOST_UNREAD = 1 << 16
"""Bytes that may follow the only page of a file, such as a colour table or private metadata."""

_OTHER_KINDS = ("lsm", "fluoview", "scanimage", "sis", "nih", "mdgel", "eer")
"""Formats of microscopes whose axes tifffile states."""


def open_tiff(path: Path) -> OpenedMovie:
    """Open a stack of grey images of one size; the column of an image is x.

    Parameters
    ----------
    path
        Path of any TIFF; one file of several that make up a movie stands for all.

    Returns
    -------
    OpenedMovie
        Opened file, with the pixel size of an OME-TIFF that states it, and remarks where pages and metadata differ.

    Raises
    ------
    MovieError
        If it has colours, channels, or both planes and times; is truncated, or part of a movie; or is compressed in a
        way that is not read.
    """
    pages = read_pages(path)
    _refuse_broken(pages)
    stack, ome = read_stack(path), find_ome(path, pages.descriptions(1))
    if stack is not None:
        selection, image = select_stack(stack, pages, ome), own_image(path, ome)
    elif is_ndtiff(path):
        selection, image = select_ndtiff(path, pages), None
    elif ome is not None:
        selection, image = select_ome(path, pages, ome)
    else:
        count = _count(path, pages)
        n_frames = count_following(pages, count)
        if n_frames > 1:
            return OpenedMovie(frames=_following(pages, n_frames), files=[path])
        selection, image = _select(pages, count), None
    frames, remarks = _source(path, selection)
    return OpenedMovie(
        frames=frames,
        files=[file.path for file in selection.files],
        metadata=image.pixel_size if image else {},
        remarks=[*selection.remarks, *remarks],
    )


def pyme_annotation(path: Path) -> str:
    """Return PYME's metadata of a TIFF; where there are any, its rows are PYME's x.

    Parameters
    ----------
    path
        Path of a TIFF.

    Returns
    -------
    str
        XML of PYME's annotation and what follows it; empty without one.
    """
    texts = read_pages(path).descriptions(1)
    _, start, rest = next((text for text in texts if is_ome(text)), "").partition('<XMLAnnotation ID="PYME"')
    return start + rest


def _count(path: Path, pages: Pages) -> FrameCount:
    """Return the number of frames that a file without index states."""
    layout = pages.layout_of(int(frame_pages(pages)[0][0]))
    n_planes = pages.n_values(_UIC2)
    if n_planes:
        if not layout.is_plain and n_planes > 1:
            raise MovieError(path, "is a compressed STK of MetaMorph", "save it uncompressed, or as TIFF")
        return FrameCount(what="its MetaMorph entry", n_frames=n_planes, may_follow=True)
    texts = pages.descriptions(1)
    imagej = read_imagej(path, texts)
    if imagej is not None:
        return imagej
    shaped = pages.descriptions() if any(text.startswith("{") for text in texts) else []
    return read_shaped(path, shaped, (layout.length, layout.width)) or _count_others(path)


def _count_others(path: Path) -> FrameCount:
    """Return tifffile's number of frames for files of other microscopes."""
    with captured_log("tifffile"), tifffile.TiffFile(path) as file:  # what it says of the axes is all that is used
        kind = next((kind for kind in _OTHER_KINDS if getattr(file, f"is_{kind}")), None)
        if kind is None:
            return FrameCount(what="", n_frames=0, may_follow=False)
        if kind == "lsm" and path.stat().st_size >= _LARGEST_LSM:
            raise MovieError(path, "is an LSM of more than 4 GB", "save it as OME-TIFF, with Fiji for instance")
        series = file.series[0]
        sizes = [(axis, size) for axis, size in zip(series.axes, series.shape, strict=True) if axis not in "YX"]
        check_axes(path, sizes)
        return FrameCount(what=f"its {kind} entry", n_frames=max([1, *(size for _, size in sizes)]), may_follow=False)


def _following(pages: Pages, n_frames: int) -> ContiguousFrames:
    layout = pages.layout_of(0)
    shape = (n_frames, layout.length, layout.width)
    return ContiguousFrames(pages.path, int(pages.data_offsets[0]), shape, layout.dtype(pages.byteorder))


def _select(pages: Pages, count: FrameCount) -> Selection:
    chosen, remarks = frame_pages(pages)
    remarks += count_remarks(count.what, count.n_frames, len(chosen))
    if any(map(is_ome, pages.descriptions(1))):
        remarks.append("its OME-XML cannot be read; all its pages are")
    unread = pages.n_bytes - int(pages.ends[0])
    if (
        len(pages.data_offsets) == 1
        and pages.data_offsets[0] > 0
        and unread > max(_MOST_UNREAD, int(pages.ends[0] - pages.data_offsets[0]))
    ):
        problem = f"has one page, and {unread} bytes behind it that belong to none: its writing was not ended"
        raise MovieError(pages.path, problem, "save it again, with the program that recorded it")
    return Selection(files=[pages], table=table_of(chosen), remarks=remarks)


def _source(path: Path, selection: Selection) -> tuple[FrameSource, list[str]]:
    """Return the frames, and remarks on them."""
    for number, pages in enumerate(selection.files):
        _refuse_broken(pages)
        _refuse_truncated(pages, selection.table[selection.table[:, 0] == number, 1])
    if len({selection.files[file].layout_of(page).kind for file, page in _known(selection)}) != 1:
        raise MovieError(path, "has frames of different sizes or types", "put the files of one movie into one folder")
    remarks = _lacking(path, selection)
    contiguous = None if remarks else _contiguous(selection)
    if contiguous is not None:
        return contiguous, []
    frames = PageFrames(path, selection)
    with ExitStack() as on_error, captured_log("tifffile") as records:
        on_error.callback(frames.close)
        check_codecs(path, selection, frames)
        on_error.pop_all()
    frames.tolerate(records)
    return frames, [*remarks, *dict.fromkeys(f"tifffile: {message_of(record)}" for record in records)]


def _lacking(path: Path, selection: Selection) -> list[str]:
    """Return a remark on pages without pixels."""
    lacking = [
        frame
        for frame, (file, page) in enumerate(selection.table.tolist())
        if page != MISSING and selection.files[file].lacks_data[page]
    ]
    if len(lacking) == len(_known(selection)):
        raise MovieError(path, "has pages, but no pixels", "copy it again")
    if not lacking:
        return []
    which = f"frame {lacking[0]} has" if len(lacking) == 1 else f"{len(lacking)} frames, the first {lacking[0]}, have"
    return [f"{which} no data, or only a part, and cannot be read"]


def _known(selection: Selection) -> list[tuple[int, int]]:
    return [(file, page) for file, page in selection.table.tolist() if page != MISSING]


def _contiguous(selection: Selection) -> ContiguousFrames | None:
    """Return contiguous frames, which are read fastest; None if they are not contiguous."""
    pages, chosen = selection.files[0], selection.table[:, 1]
    layout = pages.layout_of(int(chosen[0]))
    is_whole = len(selection.files) == 1 and bool((chosen != MISSING).all())
    if not is_whole or not all(pages.layouts[number].is_plain for number in np.unique(pages.layout_indices[chosen])):
        return None
    data = pages.data_offsets[chosen]
    if data[0] <= 0 or (np.diff(data) != layout.n_bytes).any():
        return None
    shape = (len(chosen), layout.length, layout.width)
    return ContiguousFrames(pages.path, int(data[0]), shape, layout.dtype(pages.byteorder))


def _refuse_broken(pages: Pages) -> None:
    if pages.fault:
        raise TruncatedMovieError(pages.path, f"is truncated or damaged: {pages.fault}", "copy it again")


def _refuse_truncated(pages: Pages, chosen: NDArray[np.int64]) -> None:
    """Refuse a file that ends before its last frame does."""
    chosen = chosen[chosen != MISSING]
    missing = int(pages.ends[chosen[-1]]) - pages.n_bytes if len(chosen) else 0
    if missing > 0 and pages.data_offsets[chosen[-1]] > 0:
        raise TruncatedMovieError(pages.path, f"is truncated, {missing} bytes are missing", "copy it again")
