"""HDF5 files with ``events/image``, as dcnum has them: their images, and the background beside these.

``events/image_bg`` has an image for each frame, ``events/bg_off`` what is to be added to it, where the method measures
that. Both carry the identifier of the method as the attribute ``dcnum ppid background``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError, ResultsError
from pointillist.fitting.backgrounds import BackgroundImages
from pointillist.pipeline_files.hdf5_file import open_h5py, open_hdf5
from pointillist.pipeline_files.movies import NO_EVENTS, Events, Frames, identify
from pointillist.pipeline_files.paths import unfinished_path
from pointillist.pipeline_files.storage import publish, sync, translated_write_errors
from pointillist.settings import Metadata

_SOURCE, _IMAGES, _OFFSETS = "events/image", "events/image_bg", "events/bg_off"

_CHUNK_BYTES, _CHUNK_FRAMES = 1 << 20, (10, 1000)
"""Size of a chunk, and bounds of its number of frames."""

_ZSTD, _ZSTD_LEVEL = 32015, 5

_IMAGE_ATTRIBUTES = {"CLASS": "IMAGE", "IMAGE_VERSION": "1.2", "IMAGE_SUBCLASS": "IMAGE_GRAYSCALE"}
"""Attributes by which viewers know images, from the HDF5 image specification."""


def has_event_images(path: Path) -> bool:
    """Return whether a file is HDF5 with ``events/image``."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with open_hdf5(path) as file:
        return isinstance(file.get(_SOURCE), h5py.Dataset)


class EventImages:
    """The frames ``events/image`` as a :class:`pointillist.pipeline_files.movies.Movie`.

    Parameters
    ----------
    path
        Path of the file.

    Raises
    ------
    MovieError
        If the file cannot be read, has no such images, or they are not uint8, uint16 or float32.
    """

    metadata: Metadata = MappingProxyType({})
    events: Events = NO_EVENTS
    remarks = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_hdf5(path)
        try:
            self._images = self._file[_SOURCE]
            self.dtype: np.dtype[Any] = self._images.dtype.newbyteorder("=")
            self.n_frames, height, width = self._images.shape
        except (KeyError, ValueError) as error:
            self._file.close()
            raise MovieError(path, f"has no images /{_SOURCE}", "name a file that has (frame, y, x)") from error
        self.frame_shape = (int(height), int(width))
        if self.dtype not in (np.uint8, np.uint16, np.float32) or not self.n_frames:
            self._file.close()
            problem = f"has {self.n_frames} images of type {self.dtype}"
            raise MovieError(path, problem, "save them as uint8, uint16 or float32")

    @property
    def identity(self) -> str:
        """Digest that is equal for equal files on all machines."""
        return identify([self.path])

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``, new or in `out`."""
        try:
            frames: Frames = np.ascontiguousarray(self._images[start:stop], self.dtype)
        except OSError as error:
            raise MovieError(self.path, f"images {start} to {stop} cannot be read", "it may be damaged") from error
        if out is None:
            return frames
        out[:] = frames
        return out

    def expect(self, start: int, stop: int) -> None:
        """There is nothing to fetch."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class EventBackground:
    """Description of a background to be written.

    Parameters
    ----------
    shape
        Shape of all images, ``(frame, y, x)``.
    dtype
        Type of a pixel.
    attributes
        Texts by name of the attribute, for all data sets.
    has_offsets
        Whether what is to be added to each image is kept apart.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    attributes: Mapping[str, str]
    has_offsets: bool


def write_event_background(path: Path, source: Path, about: EventBackground, parts: Iterable[BackgroundImages]) -> Path:
    """Write the background of an event file aside, for :func:`publish_event_background`.

    Parameters
    ----------
    path
        Path that the background is for: that of the source, or of a new file.
    source
        Path of the file with the images.
    about
        Description of the background.
    parts
        Backgrounds of successive ranges of frames.

    Returns
    -------
    Path
        File beside `path` with the background.

    Raises
    ------
    ResultsError
        If `path` is another file that exists, or nothing can be written there.
    """
    if path.exists() and not path.samefile(source):
        raise ResultsError(path, "exists already", "choose another name, or that of the images' file")
    unfinished = unfinished_path(path)
    shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {_IMAGES: (about.shape, about.dtype)}
    if about.has_offsets:
        shapes[_OFFSETS] = (about.shape[:1], np.dtype(np.float64))
    try:
        with translated_write_errors(unfinished), open_h5py(unfinished, "w") as file:
            written = {name: _create(file, name, *kind) for name, kind in shapes.items()}
            for part in parts:
                span = slice(part.first, part.stop)
                written[_IMAGES][span] = images_of(part, about.dtype, is_apart=about.has_offsets)
                if about.has_offsets:
                    written[_OFFSETS][span] = part.offsets_adu
            for dataset in written.values():
                dataset.attrs.update(about.attributes)
            written[_IMAGES].attrs.update({name: np.bytes_(text) for name, text in _IMAGE_ATTRIBUTES.items()})
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return unfinished


def publish_event_background(unfinished: Path, path: Path, source: Path) -> None:
    """Put a background into its file, in place of an earlier one; the source may not be open.

    Parameters
    ----------
    unfinished
        File from :func:`write_event_background`, which is gone at the end.
    path, source
        Paths as for :func:`write_event_background`.

    Raises
    ------
    ResultsError
        If the file cannot be written, or its name has been taken.
    """
    try:
        if path.exists() and path.samefile(source):
            with translated_write_errors(path), open_h5py(path, "r+") as file, open_h5py(unfinished) as written:
                for name in (_IMAGES, _OFFSETS):
                    if name in file:
                        del file[name]
                    if name in written:
                        written.copy(name, file["events"])
            sync(path)
            return
        with translated_write_errors(unfinished), open_h5py(unfinished, "r+") as file, open_hdf5(source) as original:
            file.attrs.update(original.attrs)
        sync(unfinished)
        publish(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _create(file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> h5py.Dataset:
    n_bytes = int(np.prod(shape[1:])) * dtype.itemsize
    n_frames = int(np.clip(_CHUNK_BYTES // n_bytes, *_CHUNK_FRAMES))
    return file.create_dataset(
        name,
        shape,
        dtype,
        chunks=(n_frames, *shape[1:]),
        maxshape=(None, *shape[1:]),
        fletcher32=True,
        **_compression(),
    )


def _compression() -> dict[str, Any]:
    """Return the options of zstd where HDF5 has it, else of zlib."""
    if not h5py.h5z.filter_avail(_ZSTD):
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401, PLC0415 - brings HDF5 the filters beyond zlib
    if h5py.h5z.filter_avail(_ZSTD):
        return {"compression": _ZSTD, "compression_opts": (_ZSTD_LEVEL,)}
    return {"compression": "gzip", "compression_opts": 4}


def images_of(part: BackgroundImages, dtype: np.dtype[Any], *, is_apart: bool = False) -> NDArray[Any]:
    """Return the image of each frame of a range, ``(frame, y, x)``; of a frame without any, NaN or 0.

    Parameters
    ----------
    part
        Background of the range.
    dtype
        Type of a pixel.
    is_apart
        Whether the offsets are left out.
    """
    none = np.nan if dtype.kind == "f" else 0
    found = np.full((len(part.index), *part.images.shape[1:]), none, dtype)
    for position, number in enumerate(part.index):
        if number >= 0:
            offset = np.float32(0 if is_apart else part.offsets_adu[position])
            found[position] = part.images[number] + offset
    return found
