"""Check that the compression of a TIFF can be read."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import tifffile

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.source import DAMAGE
from pointillist.pipeline_files.movies.tiff.frames import PageFrames
from pointillist.pipeline_files.movies.tiff.layout import Layout
from pointillist.pipeline_files.movies.tiff.selection import MISSING, Selection

_ALWAYS_READ = (1, 8, 32946, 32773, 34925)
"""Compressions that need no further package: none, deflate, PackBits, LZMA."""


def check_codecs(path: Path, selection: Selection, frames: PageFrames) -> None:
    """Read one frame of each layout, so that a missing codec is reported before the analysis.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    selection
        Pages of the frames.
    frames
        Frames to read.

    Raises
    ------
    MovieError
        If a codec is missing. Damaged frames are left to be told when they are read.
    """
    seen = set()
    for frame, (file, page) in enumerate(selection.table.tolist()):
        if page == MISSING or selection.files[file].lacks_data[page]:
            continue
        layout = selection.files[file].layout_of(page)
        if layout not in seen and not layout.is_plain:
            _check(path, layout, frames, frame)
        seen.add(layout)


def _check(path: Path, layout: Layout, frames: PageFrames, frame: int) -> None:
    try:
        frames.read(frame, frame + 1)
    except (MovieError, OSError, EOFError, MemoryError, *DAMAGE):
        return  # damaged
    except (ImportError, ValueError, NotImplementedError, AttributeError, TypeError, KeyError) as error:
        if isinstance(error, ValueError) and not _is_of_codecs(error):
            return
        if importlib.util.find_spec("imagecodecs") is None:
            raise MovieError(path, f"{_need(layout)} not installed", "pip install 'pointillist[codecs]'") from error
        raise MovieError(
            path, f"{_need(layout)} not supported", "save it uncompressed, with Fiji for instance"
        ) from error


def _is_of_codecs(error: ValueError) -> bool:
    return any(word in str(error) for word in ("imagecodecs", "COMPRESSION", "PREDICTOR", "not supported"))


def _need(layout: Layout) -> str:
    if layout.compression not in _ALWAYS_READ:
        known = layout.compression in set(tifffile.COMPRESSION)
        name = tifffile.COMPRESSION(layout.compression).name if known else f"method {layout.compression}"
        return f"is compressed with {name}, which is"
    if layout.bits not in (8, 16, 32, 64):
        return f"has pixels of {layout.bits} bits, whose codec is"
    if layout.predictor != 1:
        return f"is compressed with predictor {layout.predictor}, which is"
    return "is stored in a way (fill order) whose codec is"
