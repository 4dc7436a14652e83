"""Which pages of a TIFF are the frames of the movie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.tiff.layout import Layout
from pointillist.pipeline_files.movies.tiff.pages import Pages

MISSING = -1
"""Page of a frame that no file holds."""

Table = NDArray[np.int64]
"""Index of the file and of its page, or :data:`MISSING`, for each frame, ``(frame, 2)``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """The frames of a movie, in order.

    Parameters
    ----------
    files
        Pages of each file of the movie.
    table
        File and page of each frame, ``(frame, 2)``.
    remarks
        Differences between what the files hold, what their metadata promise, and what is read.
    """

    files: Sequence[Pages]
    table: Table
    remarks: Sequence[str] = ()


def table_of(pages: NDArray[np.int64], file: int = 0) -> Table:
    """Return the table of pages of one file.

    Parameters
    ----------
    pages
        Indices of the pages, in order of frames.
    file
        Index of the file.
    """
    return np.stack([np.full(len(pages), file), pages], axis=1).astype(np.int64)


def frame_pages(pages: Pages) -> tuple[NDArray[np.int64], list[str]]:
    """Choose the pages that are frames: the most numerous of one size and type, however they are compressed.

    Parameters
    ----------
    pages
        Pages of the file.

    Returns
    -------
    pages
        Indices of the frames' pages, in order.
    remarks
        One line for each other kind of page.

    Raises
    ------
    MovieError
        If it cannot be told which are the frames; or if they have colours or a depth.
    """
    counts = np.bincount(pages.layout_indices, minlength=len(pages.layouts))
    is_whole = np.array([not layout.is_reduced for layout in pages.layouts])
    kinds: dict[tuple[int, ...], list[int]] = {}
    for number, layout in enumerate(pages.layouts):
        if is_whole[number] or not is_whole.any():
            kinds.setdefault(layout.kind, []).append(number)
    numbers = sorted(kinds.values(), key=lambda group: (_count(counts, group), _area(pages, group)), reverse=True)
    frames = pages.layouts[numbers[0][0]]
    for other in numbers[1:]:
        _refuse_rivals(pages, counts, numbers[0], other)
    _check_image(pages.path, frames)
    chosen = np.flatnonzero(np.isin(pages.layout_indices, numbers[0]))
    return chosen, [*_others(pages, counts, numbers[0]), *_sub_ifds(pages, frames)]


def check_axes(path: Path, sizes: Sequence[tuple[str, int]]) -> None:
    """Refuse anything but a sequence of grey images.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    sizes
        Names and lengths of the axes besides ``Y`` and ``X``, outermost first: ``T``, ``Z``, ``C``, ``P`` for
        positions, ``S`` for the samples of a colour.

    Raises
    ------
    MovieError
        If more than one axis is longer than 1, or the one that is counts no frames.
    """
    long = [(axis, size) for axis, size in sizes if size > 1]
    axes = "".join(axis for axis, _ in long)
    if "S" in axes:
        raise MovieError(path, "holds colour images", "save it as grey values")
    if axes == "C":
        raise MovieError(path, f"holds {long[0][1]} channels", "save one channel; its frames as time or slices")
    if axes == "P":
        raise MovieError(path, f"holds {long[0][1]} images or positions", "save one of them")
    if len(axes) > 1:
        raise MovieError(path, f"has the axes {axes}YX", "save one channel and one plane: frames of y and x")


def count_remarks(what: str, promised: int, held: int) -> list[str]:
    """Return a remark where metadata and pages differ.

    Parameters
    ----------
    what
        Name of the metadata, such as ``its OME-XML``.
    promised, held
        Numbers of frames in the metadata and in the files.
    """
    if promised in (held, 0):
        return []
    return [f"{what} counts {promised} frames, but {held} were found; these {held} are read"]


def _count(counts: NDArray[np.int64], group: Sequence[int]) -> int:
    return int(counts[group].sum())


def _area(pages: Pages, group: Sequence[int]) -> int:
    return pages.layouts[group[0]].width * pages.layouts[group[0]].length


def _refuse_rivals(pages: Pages, counts: NDArray[np.int64], frames: Sequence[int], other: Sequence[int]) -> None:
    """Refuse a file with other pages that may equally be the movie, being as many or larger in total."""
    n_frames, n_other = _count(counts, frames), _count(counts, other)
    is_rival = n_other == n_frames if n_frames > 1 else _area(pages, other) == _area(pages, frames)
    if is_rival or (n_other > 1 and n_other * _area(pages, other) >= n_frames * _area(pages, frames)):
        first, second = pages.layouts[frames[0]], pages.layouts[other[0]]
        problem = f"holds {n_frames} pages of {first} and {n_other} of {second}: which are the movie?"
        raise MovieError(pages.path, problem, "save the movie alone")


def _check_image(path: Path, frames: Layout) -> None:
    check_axes(path, [("S", frames.samples)])
    if frames.depth > 1:
        raise MovieError(path, "has the axes ZYX in each page", "save one plane per page")


def _others(pages: Pages, counts: NDArray[np.int64], frames: Sequence[int]) -> list[str]:
    n_frames = _count(counts, frames)
    return [
        f"holds {counts[number]} other page{'s' if counts[number] > 1 else ''} ({layout}) "
        f"beside {n_frames} frame{'s' if n_frames > 1 else ''} ({pages.layouts[frames[0]]}); the others are not read"
        for number, layout in enumerate(pages.layouts)
        if number not in frames
    ]


def _sub_ifds(pages: Pages, frames: Layout) -> list[str]:
    if pages.sub_ifds is None:
        return []
    layout, n_pages = pages.sub_ifds
    if layout.kind == frames.kind and not layout.is_reduced:
        problem = f"holds further images of the same size within {n_pages} of its pages (SubIFDs)"
        raise MovieError(pages.path, problem, "save the frames one after the other")
    if layout.width * layout.length > frames.width * frames.length:
        problem = f"{n_pages} of its pages ({frames}) hold larger images ({layout}) within them (SubIFDs)"
        raise MovieError(pages.path, problem, "save the larger images one after the other, without a pyramid")
    return [f"{n_pages} of its pages hold smaller copies of themselves ({layout}), which are not read"]
