"""PYME's spooled movies, ``.h5``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.hdf5_metadata import read_events, read_metadata
from pointillist.pipeline_files.movies.chunks import CannotDecodeError, ChunkReader, is_transposable, transpose_frames
from pointillist.pipeline_files.movies.pzf import PzfError, decode, parse_header
from pointillist.pipeline_files.movies.read_ahead import fetch
from pointillist.pipeline_files.movies.source import Frames, FrameSource, OpenedMovie
from pointillist.pipeline_files.movies.stored_chunks import StoredChunks, is_decodable, unwritten_frames
from pointillist.settings import IS_STORED_X_FIRST, in_micrometres


def open_pyme_h5(path: Path) -> OpenedMovie:
    """Open a movie of PYME's acquisition.

    Parameters
    ----------
    path
        Path of an HDF5 file with ``/ImageData``, or ``/PZFImageData`` and ``/PZFImageIndex``.

    Returns
    -------
    OpenedMovie
        Opened file, with such metadata and events as it has.

    Raises
    ------
    MovieError
        If it is another program's file, is truncated, is being written, or is compressed in a way that is not read.
    """
    file = open_hdf5(path)
    try:
        frames = _frames(path, file)
        metadata, remarks = read_metadata(file)
        metadata, conversions = in_micrometres(metadata)
        events, event_remarks = read_events(file)
    except BaseException:
        file.close()
        raise
    return OpenedMovie(
        frames=frames,
        files=[path],
        metadata={**metadata, IS_STORED_X_FIRST: True},
        events=events,
        remarks=[*_numbering(frames), *remarks, *conversions, *event_remarks],
    )


def _frames(path: Path, file: h5py.File) -> FrameSource:
    if "PZFImageIndex" in file and "PZFImageData" in file:
        return PzfFrames(path, file)
    if "MappedImageData" in file:
        return MappedFrames(path, file)
    data = file.get("ImageData")
    if not isinstance(data, h5py.Dataset):
        what = "holds results, not a movie" if "FitResults" in file else "is HDF5, but not a movie of PYME"
        raise MovieError(path, f"{what} (no /ImageData)", "name the .h5 that the acquisition wrote")
    if data.ndim != 3:
        raise MovieError(path, f"/ImageData has {data.ndim} dimensions", "it should have (frame, x, y)")
    _check_filters(path, data)
    return ArrayFrames(path, file, data)


def _check_filters(path: Path, data: h5py.Dataset) -> None:
    pipeline = data.id.get_create_plist()
    for index in range(pipeline.get_nfilters()):
        number, _, _, name = pipeline.get_filter(index)
        if not _has_filter(number):
            raise MovieError(
                path,
                f"is compressed with {name.decode() or number}, which is not installed",
                "pip install 'pointillist[codecs]'",
            )


def _has_filter(number: int) -> bool:
    if not h5py.h5z.filter_avail(number):
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401, PLC0415 - brings HDF5 the filters beyond zlib, to who needs them
    return bool(h5py.h5z.filter_avail(number))


def _numbering(frames: FrameSource) -> list[str]:
    return (
        ["frames are missing from their numbering; they are counted without gaps"]
        if (isinstance(frames, PzfFrames) and frames.has_gaps)
        else []
    )


class ArrayFrames:
    """``/ImageData``: ``(frame, x, y)``.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    file
        Open file, closed with this object.
    data
        Data set ``(frame, x, y)``.
    """

    def __init__(self, path: Path, file: h5py.File, data: h5py.Dataset) -> None:
        self._path = path
        n_frames, n_x, n_y = data.shape
        self.shape = (n_frames, n_y, n_x)
        self.dtype: np.dtype[Any] = data.dtype.newbyteorder("=")
        self._file = file
        self._data = data
        # A background of ours has no image where a frame could not be read.
        self._unwritten = np.arange(0) if "Pointillist" in file else unwritten_frames(data)
        if n_frames and len(self._unwritten) == n_frames:
            raise MovieError(path, "has frames, but no pixels", "check that the acquisition wrote any")
        self.chunks = StoredChunks(data) if is_decodable(data) and not len(self._unwritten) else None
        self._reader = ChunkReader(self.chunks.about, self.chunks.get) if self.chunks else None
        self._size_at_first = self._size()

    def _size(self) -> int:
        return os.fstat(self._file.id.get_vfd_handle()).st_size

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``."""
        first = int(np.searchsorted(self._unwritten, start))
        if first < len(self._unwritten) and self._unwritten[first] < stop:
            problem = f"frame {self._unwritten[first]} was never written"
            raise LostFrameError(self._path, problem, "record it again")
        is_look = out is None and stop - start == 1
        frames = self._read_by_hdf5(start, stop) if is_look else self._decoded(start, stop, out)
        if self._size() < self._size_at_first:  # HDF5 takes what is not there for zeros
            raise MovieError(self._path, "was truncated while it was read", "copy it again")
        return frames

    def _decoded(self, start: int, stop: int, out: Frames | None) -> Frames:
        if self._reader is not None:
            with suppress(CannotDecodeError):
                return self._reader.read(start, stop, out)
        if is_transposable(self._data.dtype):
            return transpose_frames(self._data[start:stop])
        return self._read_by_hdf5(start, stop)

    def _read_by_hdf5(self, start: int, stop: int) -> Frames:
        """Read a single frame without importing numba; HDF5 caches the chunk for the next one."""
        frames: Frames = self._data[start:stop]
        return frames.transpose(0, 2, 1).astype(self.dtype, copy=False)

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch frames."""
        if self.chunks is not None:
            fetch(self._file.id.get_vfd_handle(), *self.chunks.span(start, stop))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class MappedFrames:
    """``/MappedImageData``, each image once; ``/Pointillist/Frames`` says which is whose, and what to add to it.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    file
        Open file, closed with this object.
    """

    chunks = None

    def __init__(self, path: Path, file: h5py.File) -> None:
        self._images = ArrayFrames(path, file, file["MappedImageData"])
        self._index = file["Pointillist/Frames"]
        has_offsets = bool(self._index["offset"].any())
        self.shape = (len(self._index), *self._images.shape[1:])
        self.dtype: np.dtype[Any] = np.dtype(np.float32) if has_offsets else self._images.dtype

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``: NaN, or 0 if pixels are whole numbers, where a frame has no image."""
        rows = self._index[start:stop]
        has_image = rows["image"] >= 0
        numbers = rows["image"][has_image]
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        frames[~has_image] = np.nan if self.dtype.kind == "f" else 0
        if len(numbers):
            images = self._images.read(int(numbers.min()), int(numbers.max()) + 1)
            frames[has_image] = images[numbers - numbers.min()]
            if self.dtype.kind == "f":
                frames[has_image] += rows["offset"][has_image, None, None]
        return frames

    def expect(self, start: int, stop: int) -> None:
        """Have the system fetch the images of frames."""
        numbers = self._index[start:stop]["image"]
        if numbers.max() >= 0:
            self._images.expect(int(numbers[numbers >= 0].min()), int(numbers.max()) + 1)

    def close(self) -> None:
        """Close the file."""
        self._images.close()


class PzfFrames:
    """``/PZFImageData``: frames in order of arrival, found by ``/PZFImageIndex``.

    Parameters
    ----------
    path
        Path of the file, for error messages.
    file
        Open file, closed with this object.

    Raises
    ------
    MovieError
        If the frames are Huffman-coded, or damaged.
    """

    chunks = None

    def __init__(self, path: Path, file: h5py.File) -> None:
        self._path = path
        self._file = file
        self._data = file["PZFImageData"]
        index = np.sort(file["PZFImageIndex"][:], order="FrameNum")
        self._positions = index["Position"]
        self.has_gaps = bool(np.any(index["FrameNum"] != np.arange(len(index))))
        self.shape = (len(index), 0, 0)
        self.dtype: np.dtype[Any] = np.dtype(np.uint16)
        if len(index):
            self._take_first_header(self._stored(0))

    def _take_first_header(self, frame: bytes) -> None:
        try:
            header = parse_header(frame)
        except PzfError as error:
            raise MovieError(self._path, f"frame 0 {error}", "copy it again") from error
        if header.is_compressed:
            raise MovieError(
                self._path, "its frames are Huffman-coded, which is not supported", "save it as .h5 or .tif with PYME"
            )
        self.shape = (self.shape[0], header.shape[1], header.shape[0])
        self.dtype = header.dtype

    def _stored(self, frame: int) -> bytes:
        stored: bytes = self._data[int(self._positions[frame])].tobytes()
        return stored

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``."""
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        for frame in range(start, stop):
            try:
                pixels = decode(self._stored(frame)).T
            except PzfError as error:
                raise MovieError(
                    self._path, f"frame {frame} {error}", "copy it again, or leave the frame out"
                ) from error
            if pixels.shape != self.shape[1:] or pixels.dtype != self.dtype:
                raise MovieError(
                    self._path, f"frame {frame} differs from frame 0 in size or type", "leave the frame out"
                )
            frames[frame - start] = pixels
        return frames

    def expect(self, start: int, stop: int) -> None:
        """Do nothing, since the system reads ahead by itself."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()
