"""Camera maps: one value per pixel of the chip."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pointillist.errors import MovieError, SettingError
from pointillist.fitting.camera import ORIENTATIONS
from pointillist.pipeline_files.maps.formats import read_map_file, split_name
from pointillist.pipeline_files.paths import find_file
from pointillist.settings import FLAT_FIELD, VARIANCE_MAP, MapSettings

if TYPE_CHECKING:  # numba
    from pointillist.fitting.camera import CameraMap


def find_map(key: str, maps: MapSettings, folder: Path) -> tuple[Path, str] | None:
    """Return the file of a map, and the data set within.

    Parameters
    ----------
    key
        Setting of the map, one of :data:`pointillist.settings.MAP_SETTINGS`.
    maps
        Camera maps of the job.
    folder
        Folder of the movie, where relative names are looked up before PYME's data directory.

    Returns
    -------
    tuple or None
        Path and data set, which is empty where the file holds one map; None if the map is not in use.

    Raises
    ------
    SettingError
        If there is no such file.
    """
    file = maps.files.get(key)
    if file is None:
        return None
    name, dataset = split_name(file.name)
    return find_file(key, name, folder), dataset


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a whole file, 64 hexadecimal digits.

    Parameters
    ----------
    path
        Path of the file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_map(key: str, maps: MapSettings, frame_shape: tuple[int, int], folder: Path) -> CameraMap | None:
    """Read a map, oriented and cropped to the movie's part of the chip.

    Parameters
    ----------
    key
        Setting of the map, one of :data:`pointillist.settings.MAP_SETTINGS`.
    maps
        Camera maps of the job, with the origin of the movie on the chip unless the map is just as large as the movie.
    frame_shape
        Height and width of the movie, ``(y, x)``, px.
    folder
        Folder of the movie.

    Returns
    -------
    ndarray or None
        C-contiguous float32 map ``(y, x)``, variances in e-²; None if the map is not in use.

    Raises
    ------
    SettingError
        If it cannot be read, is too small, holds what cannot be, or has changed since the job was submitted.
    """
    chip = load_whole_map(key, maps, folder)
    if chip is None:
        return None
    part = crop_to_movie(key, ORIENTATIONS[maps.orientation](chip), maps, frame_shape)
    if not np.isfinite(part).all():
        raise SettingError(key, "the map holds values that are not numbers, or too large for float32", "repair the map")
    if key == VARIANCE_MAP and np.any(part < 0):
        raise SettingError(key, "the map holds negative values", "give variances in e-², the squares of the noise")
    if key == FLAT_FIELD and not np.all(part > 0):
        raise SettingError(key, "the map holds values that are not positive", "give factors near 1")
    return np.ascontiguousarray(part, np.float32)


def load_whole_map(key: str, maps: MapSettings, folder: Path) -> CameraMap | None:
    """Read a whole map in the orientation of its file.

    Parameters
    ----------
    key, maps, folder
        Arguments as for :func:`load_map`.

    Returns
    -------
    ndarray or None
        Map of float32, ``(y, x)`` before ``Camera.MapOrientation``, variances in e-²; None if the map is not in use.

    Raises
    ------
    SettingError
        If it cannot be read, or has changed since the job was submitted.
    """
    found = find_map(key, maps, folder)
    if found is None:
        return None
    path, dataset = found
    recorded = maps.files[key].identity
    if recorded and recorded != digest_file(path):
        raise SettingError(key, f"{path} has changed since the job was submitted", "submit the job again")
    try:
        chip = read_map_file(path, dataset, is_movie_x_first=maps.is_movie_x_first)
    except (MovieError, OSError, ValueError) as error:
        reason = f" ({error.problem}; {error.remedy})" if isinstance(error, MovieError) else ""
        raise SettingError(
            key, f"{path} is no map{reason}", "give a TIFF, .npy or .h5 with one value per pixel"
        ) from error
    if key == VARIANCE_MAP and maps.is_variance_in_adu:
        chip = chip * np.float32(maps.electrons_per_adu or np.nan) ** 2
    return chip


def crop_to_movie(key: str, chip: CameraMap, maps: MapSettings, frame_shape: tuple[int, int]) -> CameraMap:
    """Crop a map of the chip to the movie's part of it.

    Parameters
    ----------
    key
        Setting of the map, for error messages.
    chip
        Map ``(y, x)`` of the chip.
    maps
        Camera maps of the job, with the origin of the movie on the chip unless the map is just as large as the movie.
    frame_shape
        Height and width of the movie, ``(y, x)``, px.

    Returns
    -------
    ndarray
        View ``(y, x)`` of the movie's part of `chip`.

    Raises
    ------
    SettingError
        If the map does not cover the movie.
    """
    if chip.shape == frame_shape:
        return chip
    n_y, n_x = frame_shape
    turned = "as-is" if "transposed" in maps.orientation else "transposed"
    fits_turned = chip.T.shape == frame_shape
    x, y = maps.origin
    if fits_turned or x is None or y is None:
        raise SettingError(
            key,
            f"the map has {chip.shape[1]} x {chip.shape[0]} px, the movie {n_x} x {n_y}",
            f"it fits after a rotation: give -s Camera.MapOrientation={turned}"
            if fits_turned
            else "give -s Camera.ROIOriginX=PX -s Camera.ROIOriginY=PX",
        )
    if y + n_y > chip.shape[0] or x + n_x > chip.shape[1]:
        raise SettingError(
            key,
            f"the map ends at {chip.shape[1]} x {chip.shape[0]} px, the movie at {x + n_x} x {y + n_y}",
            "use a map of the whole chip of this camera",
        )
    return chip[y : y + n_y, x : x + n_x]
