"""TIFF stacks: plain, BigTIFF, OME, ImageJ."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from pipeline_files.contiguous import ContiguousFrames
from pipeline_files.metadata import Value
from pipeline_files.source import Frames, FrameSource, Opened
from pipeline_protocol.errors import MovieError

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "\N{GREEK SMALL LETTER MU}m": 1.0, "um": 1.0, "mm": 1e3}


def open_tiff(path: Path) -> Opened:
    """Open a stack of grey images of one size; the column of an image is x.

    Parameters
    ----------
    path
        Any TIFF; one file of an OME-TIFF stands for all files of its series.

    Returns
    -------
    Opened
        With the pixel size, where the file is an OME-TIFF that knows it.

    Raises
    ------
    MovieError
        If it has colours, channels, or both planes and times; is truncated; or is compressed in a way that is not read.
    """
    with ExitStack() as on_error:
        with _complaints(path):
            file = on_error.enter_context(tifffile.TiffFile(path))
            series = max(file.series, key=lambda image: image.size)
            opened = Opened(
                frames=_frames(path, file, series),
                files=_files(series),
                metadata=_pixel_size(file.ome_metadata or ""),
                remarks=_remarks(file),
            )
            on_error.callback(opened.frames.close)
        on_error.pop_all()
    return opened


def pyme_annotation(path: Path) -> str:
    """Return the metadata that PYME wrote into a TIFF; where there are any, its rows are PYME's x.

    Parameters
    ----------
    path
        A TIFF.

    Returns
    -------
    str
        PYME's annotation and what follows it, XML; empty without one.
    """
    with tifffile.TiffFile(path) as file:
        _, start, rest = (file.ome_metadata or "").partition('<XMLAnnotation ID="PYME"')
        return start + rest


@contextmanager
def _complaints(path: Path) -> Iterator[None]:
    """Raise what tifffile reports as an error and then passes over, such as a chain of pages that breaks off."""
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if complaints:
        raise MovieError(path, "is truncated or damaged", "copy it again")


def _frames(path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> FrameSource:
    shape = _frame_major(path, series)
    if None in series.pages:
        raise MovieError(path, "is one of several files, of which some are missing", "put them all into one directory")
    if not series.is_multifile and series.dataoffset is not None:
        file.close()
        dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
        return ContiguousFrames(path, series.dataoffset, shape, dtype)
    if not series.is_multifile:
        _check_last_page(path, series)
    _check_compression(path, series)
    return PageFrames(file, series, shape)


def _frame_major(path: Path, series: tifffile.TiffPageSeries) -> tuple[int, int, int]:
    """Shape ``(frame, y, x)`` of a series, whose one axis besides y and x is taken for time."""
    axes = str(series.axes)
    if "S" in axes:
        raise MovieError(path, "holds colour images", "save it as grey values")
    if axes[-2:] != "YX" or len(axes) > 3:
        raise MovieError(path, f"has the axes {axes}", "save one channel and one plane: frames of y and x")
    if axes == "CYX":
        raise MovieError(path, f"holds {series.shape[0]} channels", "save one channel; its frames as time or slices")
    n_y, n_x = series.shape[-2:]
    return (series.shape[0] if len(axes) == 3 else 1, n_y, n_x)


def _check_last_page(path: Path, series: tifffile.TiffPageSeries) -> None:
    page = series.pages[-1]
    ends = zip(page.dataoffsets, page.databytecounts, strict=True) if page else ()
    missing = max((offset + n for offset, n in ends), default=0) - path.stat().st_size
    if missing > 0:
        raise MovieError(path, f"is truncated, {missing} bytes are missing", "copy it again")


def _check_compression(path: Path, series: tifffile.TiffPageSeries) -> None:
    try:
        series.keyframe.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        scheme = tifffile.COMPRESSION(series.keyframe.compression).name
        raise MovieError(
            path, f"is compressed with {scheme}, which is not installed", "pip install 'pointillist[codecs]'"
        ) from error


def _files(series: tifffile.TiffPageSeries) -> list[Path]:
    pages = series.pages if series.is_multifile else [series.keyframe]
    return [Path(name) for name in dict.fromkeys(page.parent.filehandle.path for page in pages if page)]


def _remarks(file: tifffile.TiffFile) -> list[str]:
    n_images = len(file.series)
    return [f"holds {n_images} images of different kinds; the largest is read"] if n_images > 1 else []


def _pixel_size(ome_xml: str) -> dict[str, Value]:
    """Pixel size in µm from OME-XML; sought as text, for a parser of XML can be made to eat all memory."""
    sizes: dict[str, Value] = {}
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', ome_xml)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', ome_xml)
        factor = _MICROMETRES.get(unit[1] if unit else "µm")
        if size and factor and re.fullmatch(r"\d*\.?\d+([eE][-+]?\d+)?", size[1]):
            sizes[f"voxelsize.{axis.lower()}"] = float(size[1]) * factor
    return sizes


class PageFrames:
    """A series whose frames are compressed, scattered over the file, or spread over several files.

    Parameters
    ----------
    file
        To be closed with it.
    series
        One page per frame.
    shape
        ``(frame, y, x)``.
    """

    chunks = None

    def __init__(self, file: tifffile.TiffFile, series: tifffile.TiffPageSeries, shape: tuple[int, int, int]) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(series.dtype)
        self._file = file
        self._series = series

    def read(self, start: int, stop: int, out: Frames | None = None) -> Frames:  # noqa: ARG002 - others put them there
        """Return frames ``[start, stop)``."""
        frames: Frames = self._file.asarray(key=slice(start, stop), series=self._series, maxworkers=1)
        return frames.reshape(-1, *self.shape[1:])

    def expect(self, start: int, stop: int) -> None:
        """Leave it to the system, which fetches ahead of whoever reads in order."""

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
