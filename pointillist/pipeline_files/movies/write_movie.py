"""Writing movies in the format of PYME's acquisition."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pointillist.pipeline_files.hdf5_metadata import write_metadata
from pointillist.pipeline_files.movies.source import EVENT_DTYPE, NO_EVENTS, Events, Frames
from pointillist.pipeline_files.storage import create_hdf5, extend_hdf5
from pointillist.pipeline_files.unlocked_tables import tables
from pointillist.settings import Metadata


def write_pyme_h5(
    path: Path,
    blocks: Iterable[Frames],
    metadata: Metadata,
    events: Events = NO_EVENTS,
    *,
    is_compressed: bool = True,
) -> int:
    """Write a movie in the format of PYME's acquisition.

    Parameters
    ----------
    path
        Path of the new file, ``.h5``.
    blocks
        At least one array ``(frame, y, x)``, all of one type and frame shape, in order; one is held at a time.
    metadata
        Values by dotted key.
    events
        Structured array of :data:`pointillist.pipeline_files.movies.EVENT_DTYPE`.
    is_compressed
        Whether frames are compressed with zlib, level 6, as PYME does.

    Returns
    -------
    int
        Number of frames.

    Raises
    ------
    ResultsError
        If the file exists, or cannot be written; no part of it remains.
    """
    remaining = iter(blocks)
    first = next(remaining)
    create_hdf5(path)
    try:
        _begin(path, first, metadata, events, is_compressed=is_compressed)
        n_frames = sum(_append(path, block) for block in itertools.chain([first], remaining))
        with extend_hdf5(path, 0) as file:
            about = {"DimOrder": "XYCZT", "SizeC": 1, "SizeZ": 1, "SizeT": n_frames}
            for name, value in about.items():  # tell PYME that the third axis is time
                file.set_node_attr(file.root.ImageData, name, value)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return n_frames


def _begin(path: Path, first: Frames, metadata: Metadata, events: Events, *, is_compressed: bool) -> None:
    _, n_y, n_x = first.shape
    with extend_hdf5(path, events.nbytes) as file:
        file.create_earray(
            "/",
            "ImageData",
            tables.Atom.from_dtype(first.dtype),
            (0, n_x, n_y),
            filters=tables.Filters(6, "zlib", shuffle=True) if is_compressed else None,
        )
        file.create_table("/", "Events", np.asarray(events, EVENT_DTYPE))
        write_metadata(file, metadata)


def _append(path: Path, block: Frames) -> int:
    with extend_hdf5(path, block.nbytes) as file:
        file.root.ImageData.append(np.ascontiguousarray(block.transpose(0, 2, 1)))
    return len(block)
