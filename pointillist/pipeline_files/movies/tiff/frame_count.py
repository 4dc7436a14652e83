"""Number of frames in the descriptions of a TIFF; ImageJ and STK may have a page for the first frame alone."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from pointillist.errors import TruncatedMovieError
from pointillist.pipeline_files.movies.tiff.pages import Pages
from pointillist.pipeline_files.movies.tiff.selection import check_axes


@dataclass(frozen=True, kw_only=True)
class FrameCount:
    """Number of frames that a file states.

    Parameters
    ----------
    what
        Source of the count, in words.
    n_frames
        Number of frames; 0 where it is not stated.
    may_follow
        Whether frames may follow the first without pages of their own.
    """

    what: str
    n_frames: int
    may_follow: bool


def read_imagej(path: Path, descriptions: Sequence[str]) -> FrameCount | None:
    """Read a description of ImageJ.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    descriptions
        Descriptions of the first page; ImageJ's has lines ``name=value``.

    Returns
    -------
    FrameCount or None
        Count of frames; None where the descriptions are another program's.

    Raises
    ------
    MovieError
        If it tells of channels, or of planes and times.
    """
    text = next((text for text in descriptions if text.startswith(("ImageJ=", "SCIFIO="))), None)
    if text is None:
        return None
    found = re.findall(r"^(images|frames|slices|channels)=(\d{1,9})\s*$", text, re.MULTILINE)
    numbers = {name: max(1, int(number)) for name, number in found}
    sizes = [("T", numbers.get("frames", 1)), ("Z", numbers.get("slices", 1)), ("C", numbers.get("channels", 1))]
    check_axes(path, sizes)
    n_frames = max(prod(size for _, size in sizes), numbers.get("images", 0))
    return FrameCount(what="its ImageJ description", n_frames=n_frames, may_follow=True)


def read_shaped(path: Path, descriptions: Sequence[str], frame_shape: tuple[int, int]) -> FrameCount | None:
    """Read the descriptions of tifffile, ``{"shape": [24, 48, 64]}``.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    descriptions
        All descriptions of the file; each counts the pages from its own to the next that has one.
    frame_shape
        Height and width of a frame, ``(y, x)``, px.

    Returns
    -------
    FrameCount or None
        Count of frames; None where the descriptions are another program's.

    Raises
    ------
    MovieError
        If they tell of channels, or of planes and times.
    """
    n_frames, may_follow = 0, False
    for description in dict.fromkeys(descriptions):
        found = _shape(description)
        if found is None:
            continue
        shape, axes, is_one_page = found
        if len(axes) != len(shape):
            axes = "Q" * (len(shape) - 2) + "YX" if tuple(shape[-2:]) == frame_shape else "Q" * len(shape)
        check_axes(path, [(axis, size) for axis, size in zip(axes, shape, strict=True) if axis not in "YX"])
        n_frames += max(1, prod(shape) // max(1, prod(frame_shape))) * descriptions.count(description)
        may_follow = may_follow or is_one_page
    return FrameCount(what="its description", n_frames=n_frames, may_follow=may_follow) if n_frames else None


def count_following(pages: Pages, count: FrameCount) -> int:
    """Return the number of frames stored contiguously from the pixels of the only page.

    Parameters
    ----------
    pages
        Pages of the file.
    count
        Count of frames from the descriptions.

    Returns
    -------
    int
        Number of frames, 1 where none follow the page.

    Raises
    ------
    MovieError
        If the file is too short for what it says.
    """
    layout, start = pages.layout_of(0), int(pages.data_offsets[0])
    n_bytes = count.n_frames * layout.n_bytes
    if len(pages) > 1 or not count.may_follow or count.n_frames < 2 or not layout.is_plain or start <= 0:
        return 1
    if start <= pages.directories[0] < start + n_bytes:  # the page ends its file: it was taken out of a stack
        return 1
    missing = start + n_bytes - pages.n_bytes
    if missing > 0:
        held = max(0, pages.n_bytes - start) // layout.n_bytes
        problem = f"is truncated: {count.what} counts {count.n_frames} frames, but only {held} are complete"
        raise TruncatedMovieError(pages.path, f"{problem}, {missing} bytes are missing", "copy it again")
    return count.n_frames


def _shape(description: str) -> tuple[list[int], str, bool] | None:
    try:
        tree = json.loads(description) if description.startswith("{") else None
    except ValueError:
        return None
    if not isinstance(tree, dict):
        return None
    shape = tree.get("shape")
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        return None
    return shape, str(tree.get("axes", "")), tree.get("truncated") is True
