"""Movies in NumPy's own format."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.contiguous import ContiguousFrames
from pointillist.pipeline_files.movies.source import OpenedMovie


def read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape of an array, whether it is in Fortran order, and its type; the pixels follow in the file."""
    if np.lib.format.read_magic(file) == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def open_npy(path: Path) -> OpenedMovie:
    """Open an array ``(frame, y, x)``, or ``(y, x)`` for a single frame.

    Parameters
    ----------
    path
        Path of a ``.npy`` file.

    Returns
    -------
    OpenedMovie
        Opened file, without metadata, which the format does not have.

    Raises
    ------
    MovieError
        If it is no such file, is truncated, holds Python objects, or has another shape.
    """
    try:
        with path.open("rb") as file:
            shape, is_fortran, dtype = read_npy_header(file)
            offset = file.tell()
    except (ValueError, EOFError, SyntaxError, TokenError) as error:
        raise MovieError(path, "is not a NumPy array", "write it with numpy.save") from error
    if not all(type(length) is int and length >= 0 for length in shape):
        raise MovieError(path, "is not a NumPy array", "write it with numpy.save")
    if is_fortran and len(shape) > 1:
        raise MovieError(path, "is in Fortran order", "save numpy.ascontiguousarray(frames)")
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3:
        raise MovieError(path, f"has shape {shape}", "save an array (frame, y, x)")
    if dtype.hasobject:
        raise MovieError(path, "holds Python objects", "save an array of uint8, uint16 or float32")
    return OpenedMovie(frames=ContiguousFrames(path, offset, shape, dtype), files=[path])
