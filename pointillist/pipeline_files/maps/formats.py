"""Files that hold a camera map: TIFF, NumPy, HDF5."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.movies import open_movie
from pointillist.pipeline_files.movies.tiff import pyme_annotation
from pointillist.system import irregular

if TYPE_CHECKING:  # numba
    from pointillist.fitting.camera import CameraMap

ROW_AXIS = "CameraMap.RowAxis"
"""Metadata of a TIFF that Pointillist wrote: which axis of the camera its rows run along, ``x`` or ``y``."""


def split_name(name: str) -> tuple[str, str]:
    """Split the name of a map into that of its file and that of a data set within.

    Parameters
    ----------
    name
        File name with a data set, such as ``maps.h5:dark``, or a file name alone.

    Returns
    -------
    tuple
        File name and data set, which is empty for none.
    """
    file, colon, dataset = name.rpartition(":")
    return (file, dataset) if colon and file.endswith((".h5", ".hdf5", ".hdf")) else (name, "")


def read_map_file(path: Path, dataset: str, *, is_movie_x_first: bool) -> CameraMap:
    """Read a map in the orientation of its file.

    Parameters
    ----------
    path
        Path of a TIFF, ``.npy``, PYME's ``.h5``, or any HDF5 file with data sets ``(y, x)``.
    dataset
        Name of the data set in an HDF5 file; empty for PYME's ``/ImageData``, or the only one that is an image.
    is_movie_x_first
        Whether the movie comes from a file of PYME's, ``(frame, x, y)``.

    Returns
    -------
    ndarray
        Map of float32, ``(y, x)``.

    Raises
    ------
    MovieError
        If it is no map.

    Notes
    -----
    The column of a TIFF is x. But in TIFFs that PYME wrote the row is PYME's x: they are transposed for PYME's ``.h5``
    movies. (Movies in TIFF and PYME's maps of them have their rows in common as it is.) Those that Pointillist wrote
    tell what their rows are.
    """
    if kind := irregular(path):
        raise MovieError(path, f"is {kind}", "name a file")
    if path.is_file() and h5py.is_hdf5(path):
        return _read_hdf5(path, dataset)
    if _is_npy(path):
        chip = np.load(path, mmap_mode="r", allow_pickle=False)
        if chip.ndim not in (2, 3) or not chip.size:
            raise MovieError(path, f"has shape {chip.shape}", "save an array (y, x)")
        _check_number(path, 1 if chip.ndim == 2 else len(chip))
        return _as_map(path, chip.reshape(chip.shape[-2:]))
    chip = _first_frame(path)
    return chip.T if _has_rows_of_x(path, is_movie_x_first=is_movie_x_first) else chip


def _check_number(path: Path, n_images: int) -> None:
    if n_images > 1:
        raise MovieError(
            path,
            f"holds {n_images} images",
            "save the one that is meant; 'maps convert' takes calibrations apart, 'maps make' measures movies",
        )


def _as_map(path: Path, image: NDArray[Any]) -> CameraMap:
    if image.dtype.kind not in "uif":
        raise MovieError(path, f"holds values of type {image.dtype}", "save it as float32")
    with np.errstate(over="ignore"):  # infinite values are refused where the movie's region holds them
        return np.ascontiguousarray(image, np.float32)


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def _has_rows_of_x(path: Path, *, is_movie_x_first: bool) -> bool:
    annotation = pyme_annotation(path)
    row_axis = re.search(r'<RowAxis\b[^>]*\bvalue="([xy])"', annotation)
    return row_axis[1] == "x" if row_axis else bool(annotation) and is_movie_x_first


def _read_hdf5(path: Path, dataset: str) -> CameraMap:
    with open_hdf5(path) as file:
        if not dataset and "ImageData" not in file:
            images: list[str] = []
            file.visititems(lambda name, node: images.append(name) if getattr(node, "ndim", 0) == 2 else None)
            if len(images) != 1:
                names = ", ".join(f"{path.name}:{name}" for name in images) or "none"
                raise MovieError(path, "does not hold one image", f"name the data set ({names})")
            dataset = images[0]
        if dataset:
            node = file.get(dataset)
            if not isinstance(node, h5py.Dataset) or node.ndim != 2:
                raise MovieError(path, f"has no image {dataset!r}", "name a data set (y, x)")
            return _as_map(path, node[:])
    return _first_frame(path)


def _first_frame(path: Path) -> CameraMap:
    with open_movie(path) as movie:
        _check_number(path, movie.n_frames)
        return np.asarray(movie.read(0, 1)[0], np.float32)
