"""Movies as plain stacks, TIFF or NumPy, with their metadata in a side-car."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile

from pointillist.errors import ResultsError
from pointillist.pipeline_files.movies.source import Frames
from pointillist.pipeline_files.storage import translated_write_errors
from pointillist.settings import Metadata

CLASSIC_TIFF_BYTES = 4_000_000_000
"""Larger stacks need BigTIFF."""


def write_tiff(path: Path, blocks: Iterable[Frames], shape: tuple[int, int, int], metadata: Metadata) -> None:
    """Write a movie as a TIFF stack, uncompressed, one page for each frame, and its side-car.

    Parameters
    ----------
    path
        Path of the new file; the side-car has the same stem and ends in ``.json``.
    blocks
        Arrays of uint16, ``(frame, y, x)``, in order; one is held at a time.
    shape
        Lengths of the whole movie, ``(frame, y, x)``.
    metadata
        Values by dotted key.

    Raises
    ------
    ResultsError
        If a file exists, or cannot be written.
    """
    sidecar = _free_sidecar(path)
    is_big = 2 * int(np.prod(shape)) > CLASSIC_TIFF_BYTES
    with translated_write_errors(path):
        tifffile.imwrite(
            path, _frames_of(blocks), shape=shape, dtype="uint16", bigtiff=is_big, photometric="minisblack"
        )
    _write_sidecar(sidecar, metadata)


def write_npy(path: Path, blocks: Iterable[Frames], shape: tuple[int, int, int], metadata: Metadata) -> None:
    """Write a movie as a NumPy array, and its side-car.

    Parameters
    ----------
    path, blocks, shape, metadata
        Arguments as for :func:`write_tiff`.

    Raises
    ------
    ResultsError
        If a file exists, or cannot be written.
    """
    sidecar = _free_sidecar(path)
    header = {"descr": "<u2", "fortran_order": False, "shape": shape}
    with translated_write_errors(path), path.open("xb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype="<u2").data)
    _write_sidecar(sidecar, metadata)


def write_map(path: Path, camera_map: Frames) -> None:
    """Write a camera map as a TIFF of one page, float32.

    Parameters
    ----------
    path
        Path of the new file.
    camera_map
        Value of each pixel, ``(y, x)``.

    Raises
    ------
    ResultsError
        If the file exists, or cannot be written.
    """
    _refuse_existing(path)
    with translated_write_errors(path):
        tifffile.imwrite(path, np.asarray(camera_map, dtype=np.float32), photometric="minisblack")


def _frames_of(blocks: Iterable[Frames]) -> Iterator[Frames]:
    for block in blocks:
        yield from block


def _free_sidecar(path: Path) -> Path:
    sidecar = path.with_suffix(".json")
    _refuse_existing(path)
    _refuse_existing(sidecar)
    return sidecar


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise ResultsError(path, "exists already", "choose another name")


def _write_sidecar(path: Path, metadata: Metadata) -> None:
    with translated_write_errors(path):
        path.write_text(json.dumps(dict(metadata), indent=1) + "\n", encoding="utf-8")
