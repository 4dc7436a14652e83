"""Writing the background of a movie as a series of images, ``.h5``.

``/ImageData`` has an image ``(X, Y)`` for each frame, as PYME's movies do; where images are mapped,
``/MappedImageData`` has each of them once. ``/Pointillist/Frames`` says for each frame which image is its background.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.pipeline_files.backgrounds.image_packs import FRAME_DTYPE, Buffer, ImageLayout, Pack
from pointillist.pipeline_files.hdf5_file import open_h5py
from pointillist.pipeline_files.hdf5_metadata import write_metadata
from pointillist.pipeline_files.movies import EVENT_DTYPE
from pointillist.pipeline_files.paths import unfinished_path
from pointillist.pipeline_files.results import ResultsDescription, failure_table, write_provenance
from pointillist.pipeline_files.storage import create_hdf5, extend_hdf5, publish, sync, translated_write_errors
from pointillist.pipeline_files.unlocked_tables import tables

IMAGES, MAPPED_IMAGES = "ImageData", "MappedImageData"

_CHUNK_BYTES = 256
"""Upper bound on HDF5's bookkeeping for a chunk."""

_BLOCK_FRAMES = 1 << 16


def write_background(  # noqa: PLR0913 - a file needs them all
    path: Path,
    description: ResultsDescription,
    layout: ImageLayout,
    packs: Iterable[tuple[int, Pack]],
    failures: Mapping[int, str],
    *,
    n_bytes: int,
) -> int:
    """Write the background of a movie; no image is compressed, or held longer than its pack.

    The bytes of the file depend on the images alone: not on how they were packed.

    Parameters
    ----------
    path
        Path of the new file, which appears at the end, complete and on the disk, or not at all.
    description
        Metadata and provenance of the file.
    layout
        Layout that the packs were made for.
    packs
        First frame and pack of each range, in order of frames.
    failures
        Reasons why frames have no background, by frame.
    n_bytes
        Size of all packs together, bytes.

    Returns
    -------
    int
        Number of images.

    Raises
    ------
    ResultsError
        If the file exists, there is no room, it cannot be written, or does not hold what was written.
    """
    unfinished = unfinished_path(path)
    with translated_write_errors(unfinished):
        unfinished.unlink(missing_ok=True)
    try:
        _create(unfinished, description, layout)
        with extend_hdf5(unfinished, n_bytes + _CHUNK_BYTES * description.n_frames) as file:
            checksum = _place(file, layout, packs)
        _complete(unfinished, failures)
        n_images = _verify(unfinished, layout, checksum)
        publish(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return n_images


def _create(path: Path, description: ResultsDescription, layout: ImageLayout) -> None:
    n_y, n_x = layout.frame_shape
    none = np.nan if layout.dtype.kind == "f" else 0
    create_hdf5(path)
    with extend_hdf5(path, description.n_frames * FRAME_DTYPE.itemsize + description.events.nbytes) as file:
        file.create_earray(
            "/",
            _images(layout),
            tables.Atom.from_dtype(layout.dtype, dflt=none),
            (0, n_x, n_y),
            chunkshape=(1, n_x, n_y),
            filters=tables.Filters(1, "zlib", shuffle=True) if layout.is_compressed else None,
            track_times=False,
        )
        file.create_table("/", "Events", np.asarray(description.events, EVENT_DTYPE), track_times=False)
        left_out = write_metadata(file, description.metadata)
        method = str(description.metadata.get("Analysis.Background", ""))
        write_provenance(file, description, {"metadata_left_out": json.dumps(left_out), "method": method})
        frames = file.create_table("/Pointillist", "Frames", FRAME_DTYPE, track_times=False)
        block = np.full(_BLOCK_FRAMES, np.array((-1, 0), FRAME_DTYPE))
        for start in range(0, description.n_frames, _BLOCK_FRAMES):
            frames.append(block[: description.n_frames - start])


def _images(layout: ImageLayout) -> str:
    return MAPPED_IMAGES if layout.is_mapped else IMAGES


def _place(file: tables.File, layout: ImageLayout, packs: Iterable[tuple[int, Pack]]) -> int:
    """Write the chunks of all packs and return their checksum in order of writing."""
    images, index = file.get_node("/", _images(layout)), file.root.Pointillist.Frames
    places = _MappedPlaces() if layout.is_mapped else _OwnPlaces(len(index))
    checksum = 0
    for start, pack in packs:
        rows = pack.frames.copy()
        rows["image"], chunks = places.take(start, pack)
        images.truncate(places.n_images)  # in PyTables' language, to make it longer
        for number, chunk in chunks:
            images.write_chunk((number, 0, 0), chunk)
            checksum = zlib.crc32(chunk, checksum)
        index.modify_rows(start, start + len(rows), 1, rows)
    return checksum


_Placed = tuple[NDArray[np.int64], list[tuple[int, Buffer]]]
"""Image number of each frame, and the images to write with their numbers."""


class _OwnPlaces:
    """Each frame has an image of its own, with the frame's number."""

    def __init__(self, n_frames: int) -> None:
        self.n_images = n_frames

    def take(self, start: int, pack: Pack) -> _Placed:
        chunk_of_frame = pack.frames["image"]
        numbers = np.where(chunk_of_frame < 0, -1, start + np.arange(len(chunk_of_frame)))
        pairs = zip(numbers.tolist(), chunk_of_frame, strict=True)
        return numbers, [(number, pack.chunks[chunk]) for number, chunk in pairs if number >= 0]


class _MappedPlaces:
    """Images are numbered consecutively; one that equals its predecessor is not written again."""

    def __init__(self) -> None:
        self.n_images = 0
        self._last: Buffer = b""

    def take(self, start: int, pack: Pack) -> _Placed:
        del start
        numbers, written = [], list[tuple[int, Buffer]]()
        for chunk in pack.chunks:
            if chunk != self._last:
                written.append((self.n_images, chunk))
                self.n_images += 1
                self._last = chunk
            numbers.append(self.n_images - 1)
        return np.array([*numbers, -1])[pack.frames["image"]], written


def _complete(path: Path, failures: Mapping[int, str]) -> None:
    failed = failure_table(failures)
    with extend_hdf5(path, failed.nbytes) as file:
        file.create_table("/Pointillist", "Failures", failed, track_times=False)
        file.set_node_attr("/Pointillist", "is_complete", True)
        if IMAGES in file.root:  # tell PYME that the third axis is time
            images = file.root.ImageData
            for name, value in {"DimOrder": "XYCZT", "SizeC": 1, "SizeZ": 1, "SizeT": len(images)}.items():
                file.set_node_attr(images, name, value)
    sync(path)


def _verify(path: Path, layout: ImageLayout, checksum: int) -> int:
    """Read the images back, since HDF5 does not always report failed writes."""
    try:
        found, n_images = _read_back(path, layout)
    except RuntimeError:  # a chunk is missing
        found, n_images = None, 0
    if found != checksum:
        raise ResultsError(path, "does not hold what was written to it", "check the disk and its free space")
    return n_images


def _read_back(path: Path, layout: ImageLayout) -> tuple[int | None, int]:
    """Return the checksum of all images, and their number."""
    found, n_images, last = 0, 0, -1
    with translated_write_errors(path), open_h5py(path) as file:  # PyTables' read_chunk looks at every chunk
        images, index = file[_images(layout)].id, file["Pointillist/Frames"]
        for start in range(0, len(index), _BLOCK_FRAMES):
            numbers = np.unique(index[start : start + _BLOCK_FRAMES]["image"])
            for number in numbers[numbers > last].tolist():
                found = zlib.crc32(images.read_direct_chunk((number, 0, 0))[1], found)
                n_images, last = n_images + 1, number
    return found, n_images
