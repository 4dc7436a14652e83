"""Frames that are pages of one or several TIFFs."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from logging import LogRecord
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.movies.library_log import captured_log, message_of
from pointillist.pipeline_files.movies.source import DAMAGE, Frames
from pointillist.pipeline_files.movies.tiff.pages import NO_DATA, Pages, read_strips
from pointillist.pipeline_files.movies.tiff.selection import MISSING, Selection


class PageFrames:
    """Frames that are compressed, scattered over a file, or spread over several files.

    Parameters
    ----------
    path
        Path of the file that the user named, for error messages.
    selection
        Pages of the frames.

    Notes
    -----
    A page without pixels is an error of its own frame: the others can be read.
    """

    chunks = None

    def __init__(self, path: Path, selection: Selection) -> None:
        self._path = path
        self._table = selection.table
        self._on_close = ExitStack()
        self._files = [_PageFile(pages, self._on_close) for pages in selection.files]
        self._tolerated: set[str] | None = None
        file, page = next((int(file), int(page)) for file, page in self._table if page != MISSING)
        layout = selection.files[file].layout_of(page)
        self.shape = (len(self._table), layout.length, layout.width)
        self.dtype: np.dtype[Any] = self._files[file].dtype(page)

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:
        """Return frames ``[start, stop)``."""
        frames = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        for frame in range(start, stop):
            file, page = map(int, self._table[frame])
            if page == MISSING:
                raise LostFrameError(self._path, f"frame {frame} is in none of its files", "record it again")
            self._read(frame, self._files[file], page, frames[frame - start])
        return frames

    def expect(self, start: int, stop: int) -> None:
        """Do nothing, since the system reads ahead by itself."""

    def close(self) -> None:
        """Close the files."""
        self._on_close.close()

    def tolerate(self, records: Iterable[LogRecord]) -> None:
        """Accept what tifffile has logged up to here, and treat everything else that it logs as an error."""
        self._tolerated = set(map(message_of, records))

    def _read(self, frame: int, file: _PageFile, page: int, out: Frames) -> None:
        where = f"frame {frame} (page {page} of {file.pages.path.name})"
        try:
            if file.read_plain(page, out):
                return
            with captured_log("tifffile") as records, _own_failure(self._tolerated is not None):
                file.decode(page, out)
        except _NoPixelsError as error:
            raise LostFrameError(self._path, f"{where} {error}", "copy it again, or record it again") from None
        tolerated = self._tolerated
        complaints = [text for text in map(message_of, records) if tolerated is not None and text not in tolerated]
        if complaints:
            raise LostFrameError(self._path, f"{where} cannot be read ({complaints[0]})", "copy it again")


class _NoPixelsError(Exception):
    """The file does not hold the pixels of a page, or not all."""


@contextmanager
def _own_failure(is_checked: bool) -> Iterator[None]:  # noqa: FBT001 - one switch
    """Report a damaged page as an error of its frame alone, once its codec is known to be installed."""
    try:
        yield
    except (ValueError, TypeError, IndexError, RuntimeError, EOFError, *DAMAGE) as error:
        if not is_checked:
            raise
        raise _NoPixelsError(f"is damaged ({' '.join(str(error).split())[:80]})") from error


class _PageFile:
    """One file of the movie.

    Parameters
    ----------
    pages
        Pages of the file.
    on_close
        Stack that closes the file.
    """

    def __init__(self, pages: Pages, on_close: ExitStack) -> None:
        self.pages = pages
        self._on_close = on_close
        self._raw: io.FileIO | None = None
        self._file: tifffile.TiffFile | None = None
        self._keyframes: dict[int, tifffile.TiffPage] = {}

    def dtype(self, page: int) -> np.dtype[Any]:
        """Type of the pixels as they are read."""
        layout = self.pages.layout_of(page)
        if layout.is_plain:
            return layout.dtype(self.pages.byteorder)
        return np.dtype(self._keyframe(page).dtype or f"void{layout.bits}")

    def read_plain(self, page: int, out: Frames) -> bool:
        """Read a page whose pixels lie in the file as in memory, and return whether it is one."""
        layout, data = self.pages.layout_of(page), int(self.pages.data_offsets[page])
        if data == NO_DATA:
            raise _NoPixelsError("has no data")
        if self.pages.lacks_data[page]:
            span = f"bytes {data} to {self.pages.ends[page]} of {self.pages.n_bytes}"
            raise _NoPixelsError(f"has no data, or only a part (it should be at {span})")
        if not layout.is_plain or data < 0:
            return False
        if self._raw is None:
            self._raw = self._on_close.enter_context(io.FileIO(self.pages.path))
        dtype = layout.dtype(self.pages.byteorder)
        pixels = out if out.dtype == dtype and out.flags.c_contiguous else np.empty(out.shape, dtype)
        self._raw.seek(data)
        if self._raw.readinto(pixels.reshape(-1).view(np.uint8).data) != pixels.nbytes:
            raise MovieError(self.pages.path, "was truncated while it was read", "copy it again")
        if pixels is not out:
            out[...] = pixels
        return True

    def decode(self, page: int, out: Frames) -> None:
        """Read a page with tifffile."""
        directory = int(self.pages.directories[page])
        keyframe, segments = self._keyframe(page), self._segments(page)
        if keyframe.jpegtables is not None:  # each page has its own
            segments = {}
        frame = tifffile.TiffFrame(self._open(), page, offset=directory, keyframe=keyframe, **segments)
        out[...] = frame.asarray(maxworkers=1)

    def _segments(self, page: int) -> dict[str, tuple[int, ...]]:
        """Return where the strips or tiles of a page are, and how long, by tifffile's names."""
        data = int(self.pages.data_offsets[page])
        if data > 0:
            return {"dataoffsets": (data,), "databytecounts": (int(self.pages.byte_counts[page]),)}
        found = read_strips(self.pages.path, self._open().filehandle.fileno(), int(self.pages.directories[page]))
        offsets, lengths = found or (np.zeros(0, np.int64), np.zeros(0, np.int64))
        if not len(offsets) or len(offsets) != len(lengths) or not offsets.all() or not lengths.all():
            raise _NoPixelsError("has no data, or only a part")
        if (offsets + lengths).max() > self.pages.n_bytes:
            raise _NoPixelsError("is beyond the end of the file")
        return {"dataoffsets": tuple(offsets.tolist()), "databytecounts": tuple(lengths.tolist())}

    def _keyframe(self, page: int) -> tifffile.TiffPage:
        """Return a page of the same layout as tifffile's keyframe."""
        number = int(self.pages.layout_indices[page])
        if number not in self._keyframes:
            file = self._open()
            file.filehandle.seek(int(self.pages.directories[page]))
            self._keyframes[number] = tifffile.TiffPage(file, index=page)
        return self._keyframes[number]

    def _open(self) -> tifffile.TiffFile:
        if self._file is None:
            self._file = self._on_close.enter_context(tifffile.TiffFile(self.pages.path))
        return self._file
