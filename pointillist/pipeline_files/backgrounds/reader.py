"""Reading background files, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError, ResultsError
from pointillist.fitting.backgrounds import BackgroundImages
from pointillist.pipeline_files.backgrounds.image_packs import FRAME_DTYPE
from pointillist.pipeline_files.error_text import short_reason
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.movies import ArrayFrames, Frames, Sendable


@dataclass(frozen=True, kw_only=True)
class BackgroundAbout:
    """Description of a background file.

    Parameters
    ----------
    method
        Identifier of the method.
    movie_path, movie_identity
        Path and identity of the movie to which the background belongs.
    n_frames, n_images
        Number of frames of the movie, and of stored images.
    frame_shape
        Height and width of an image, ``(y, x)``, px.
    dtype
        Name of the type of a pixel.
    is_mapped
        Whether successive frames with equal images share one stored image.
    """

    method: str
    movie_path: str
    movie_identity: str
    n_frames: int
    n_images: int
    frame_shape: tuple[int, int]
    dtype: str
    is_mapped: bool


class BackgroundFile:
    """A file of :func:`pointillist.pipeline_files.backgrounds.write_background`, open; for one thread at a time.

    Parameters
    ----------
    path
        Path of the file.

    Attributes
    ----------
    rows
        Table that assigns an image to each frame.
    pixels
        Stored images, ``(image, y, x)``.
    failures
        Reasons why frames have no background, by frame.

    Raises
    ------
    ResultsError
        If there is no such file, or it is another one, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with _translated_errors(path):
            file = open_hdf5(path)
            try:
                self.rows = FrameRows(file["Pointillist/Frames"])
                is_mapped = "MappedImageData" in file
                data = file["MappedImageData" if is_mapped else "ImageData"]
                self.pixels = ArrayFrames(path, file, data)
                self.failures = {
                    int(frame): reason.decode("utf-8", "replace") for frame, reason in file["Pointillist/Failures"][:]
                }
                self.about = _about(file, data, self.rows.shape[0], is_mapped=is_mapped)
            except BaseException:
                file.close()
                raise

    def images(self, start: int, stop: int) -> BackgroundImages:
        """Return the background of the frames ``[start, stop)``, each image once.

        Raises
        ------
        ResultsError
            If the file is damaged, or ends before.
        """
        with _translated_errors(self._path):
            if stop > self.rows.shape[0]:
                raise ResultsError(self._path, f"has {self.rows.shape[0]} frames, not {stop}", "write it again")
            return images_of_range(self.rows, self.pixels, start, stop)

    def close(self) -> None:
        """Close the file."""
        self.pixels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FrameRows:
    """Table of frames in a background file, as frames of one row of bytes, which can be sent like frames.

    Parameters
    ----------
    table
        One-dimensional data set of :data:`pointillist.pipeline_files.backgrounds.image_packs.FRAME_DTYPE`.
    """

    chunks = None
    dtype: np.dtype[Any] = np.dtype(np.uint8)

    def __init__(self, table: h5py.Dataset) -> None:
        self._table = table
        self.shape = (len(table), 1, FRAME_DTYPE.itemsize)

    def read(self, start: int, stop: int) -> Frames:
        """Return the rows of the frames ``[start, stop)``."""
        rows: NDArray[np.void] = self._table[start:stop].astype(FRAME_DTYPE)
        return rows.view(np.uint8).reshape(-1, *self.shape[1:])


def images_of_range(rows: Sendable, pixels: Sendable, start: int, stop: int) -> BackgroundImages:
    """Return the background of frames, each image once.

    Parameters
    ----------
    rows, pixels
        Table and images of a :class:`BackgroundFile`, or copies of them from a server.
    start, stop
        Range ``[start, stop)`` of frames.
    """
    read = rows.read(start, stop).reshape(-1).view(FRAME_DTYPE)
    numbers = read["image"][read["image"] >= 0]
    first, end = (int(numbers.min()), int(numbers.max()) + 1) if len(numbers) else (0, 0)
    images = pixels.read(first, end) if first < end else np.empty((0, *pixels.shape[1:]))
    return BackgroundImages(
        first=start,
        images=images.astype(np.float32, copy=False),
        index=np.where(read["image"] < 0, -1, read["image"] - first).astype(np.int32),
        offsets_adu=read["offset"].astype(np.float64),
    )


def _about(file: h5py.File, data: h5py.Dataset, n_frames: int, *, is_mapped: bool) -> BackgroundAbout:
    attributes = file["Pointillist"].attrs
    texts = {name: _text(attributes[name]) for name in ("method", "movie_path", "movie_identity")}
    n_images, n_x, n_y = data.shape
    shape = (int(n_y), int(n_x))
    return BackgroundAbout(
        **texts, n_frames=n_frames, n_images=n_images, frame_shape=shape, dtype=str(data.dtype), is_mapped=is_mapped
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _translated_errors(path: Path) -> Iterator[None]:
    """Translate the libraries' errors to one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise ResultsError(path, "there is no such file", "create it with 'pointillist background'") from error
    except MovieError as error:
        raise ResultsError(path, error.problem, error.remedy) from error
    except KeyError as error:
        raise ResultsError(path, "is not a background file", "create it with 'pointillist background'") from error
    except (OSError, RuntimeError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise ResultsError(
            path, f"cannot be read ({short_reason(error)})", "it may be damaged: write it again"
        ) from error
