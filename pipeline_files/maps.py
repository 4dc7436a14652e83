"""Camera maps: one value per pixel of the chip."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from fitting.camera import CameraMap
from pipeline_files.metadata import Metadata, number
from pipeline_files.npy import open_npy
from pipeline_files.places import data_root
from pipeline_files.settings import map_digest_name, map_name
from pipeline_files.source import IS_STORED_X_FIRST
from pipeline_files.tiff import is_written_by_pyme, open_tiff
from pipeline_protocol.errors import MovieError, SettingError


def find_map(key: str, settings: Metadata, folder: Path) -> Path | None:
    """Return the file of a map.

    Parameters
    ----------
    key
        ``Camera.DarkMapID``, ``Camera.VarianceMapID`` or ``Camera.FlatfieldMapID``.
    settings
        Of :func:`pipeline_files.settings.resolve`.
    folder
        The movie's; a relative name is sought there, then under PYME's data directory.

    Returns
    -------
    Path or None
        None if the map is not in use.

    Raises
    ------
    SettingError
        If there is no such file.
    """
    name = map_name(settings, key)
    if not name:
        return None
    for path in (folder / name, data_root() / name):
        if path.is_file():
            return path
    raise SettingError(key, f"there is no file {name!r} in {folder} or {data_root()}", "give its whole path")


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a whole file, 64 hexadecimal digits.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        The same on every machine.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_map(key: str, settings: Metadata, frame_shape: tuple[int, int], folder: Path) -> CameraMap | None:
    """Read a map, cut to the movie's part of the chip.

    Parameters
    ----------
    key
        ``Camera.DarkMapID``, ``Camera.VarianceMapID`` or ``Camera.FlatfieldMapID``.
    settings
        Of :func:`pipeline_files.preparation.prepare`; with ``Camera.ROIOriginX`` and ``Y`` (from 0), or
        ``Camera.ROIPosX`` and ``Y`` (from 1), unless the map is just as large as the movie.
    frame_shape
        ``(y, x)`` of the movie.
    folder
        Of the movie.

    Returns
    -------
    ndarray or None
        float32, ``(y, x)``, C-contiguous; None if the map is not in use.

    Raises
    ------
    SettingError
        If it cannot be read, is too small, holds what is no number, or has changed since the job was submitted.

    Notes
    -----
    The column of a TIFF is x, as in movies; but in TIFFs that PYME wrote the row is, so such maps of movies in PYME's
    ``.h5`` are transposed. (Movies in TIFF and PYME's maps of them have their rows in common as it is.)
    """
    path = find_map(key, settings, folder)
    if path is None:
        return None
    if settings.get(map_digest_name(key), digest_file(path)) != digest_file(path):
        raise SettingError(key, f"{path} is not the file that the job was submitted with", "submit the job again")
    chip = _read(key, path)
    if settings.get(IS_STORED_X_FIRST) and path.suffix != ".npy" and is_written_by_pyme(path):
        chip = chip.T
    part = _part(key, chip, settings, frame_shape)
    if not np.isfinite(part).all():
        raise SettingError(key, f"{path} holds values that are no numbers", "repair the map")
    return np.ascontiguousarray(part, np.float32)


def _read(key: str, path: Path) -> CameraMap:
    with path.open("rb") as file:
        is_npy = file.read(6) == b"\x93NUMPY"
    try:
        frames = (open_npy if is_npy else open_tiff)(path).frames
        try:
            chip: CameraMap = frames.read(0, 1)[0].astype(np.float32)
        finally:
            frames.close()
    except (MovieError, OSError, ValueError) as error:
        raise SettingError(key, f"{path} is no map", "give a TIFF or .npy with one value per pixel") from error
    return chip


def _part(key: str, chip: CameraMap, settings: Metadata, frame_shape: tuple[int, int]) -> CameraMap:
    if chip.shape == frame_shape:
        return chip
    n_y, n_x = frame_shape
    x, y = _origin(settings, "X"), _origin(settings, "Y")
    if x is None or y is None:
        raise SettingError(
            key,
            f"the map has {chip.shape[1]} x {chip.shape[0]} px, the movie {n_x} x {n_y}",
            "give -s Camera.ROIOriginX=PX -s Camera.ROIOriginY=PX",
        )
    if y + n_y > chip.shape[0] or x + n_x > chip.shape[1]:
        raise SettingError(
            key,
            f"the map ends at {chip.shape[1]} x {chip.shape[0]} px, the movie at {x + n_x} x {y + n_y}",
            "use the map of this camera, of its whole chip",
        )
    return chip[y : y + n_y, x : x + n_x]


def _origin(settings: Metadata, axis: str) -> int | None:
    """First pixel of the chip in the movie, from 0."""
    from_0, from_1 = number(settings, f"Camera.ROIOrigin{axis}"), number(settings, f"Camera.ROIPos{axis}")
    if from_0 is not None:
        return int(from_0)
    return int(from_1) - 1 if from_1 is not None else None
