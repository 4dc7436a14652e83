"""PYME's folder of a camera's maps, by serial number and exposure."""

from __future__ import annotations

from pathlib import Path

from pointillist.errors import SettingError
from pointillist.pipeline_files.paths import data_root
from pointillist.settings import Metadata, map_name, number

MAP_FILE_STEMS = {"Camera.DarkMapID": "dark", "Camera.VarianceMapID": "variance", "Camera.FlatfieldMapID": "flatfield"}
"""First part of the file name of each map."""


def calibration_folder(settings: Metadata) -> Path | None:
    """Return the folder of a camera's maps.

    Parameters
    ----------
    settings
        Settings with or without ``Camera.SerialNumber``.

    Returns
    -------
    Path or None
        ``<data root>/CALIBRATION/<serial number>``, whether it exists or not; None without a serial number.
    """
    serial = str(settings.get("Camera.SerialNumber") or "").strip()
    is_name = bool(serial) and serial not in (".", "..") and not {"/", "\\", "\0"} & set(serial)
    return data_root() / "CALIBRATION" / serial if is_name else None


def map_file_name(key: str, settings: Metadata) -> str | None:
    """Return PYME's file name of a map.

    Parameters
    ----------
    key
        Setting of the map, one of :data:`MAP_FILE_STEMS`.
    settings
        Settings with ``Camera.IntegrationTime``, s, which a flat field does not need.

    Returns
    -------
    str or None
        ``dark_<ms>ms.tif``, ``variance_<ms>ms.tif`` or ``flatfield.tif``; None if the exposure is unknown.
    """
    if key == "Camera.FlatfieldMapID":
        return "flatfield.tif"
    seconds = number(settings, "Camera.IntegrationTime")
    return f"{MAP_FILE_STEMS[key]}_{round(1000 * seconds)}ms.tif" if seconds is not None else None


def maps_in_folder(settings: Metadata) -> dict[str, Path]:
    """Return the maps that the folder holds for a movie's camera and exposure.

    Parameters
    ----------
    settings
        Settings with ``Camera.SerialNumber`` and ``Camera.IntegrationTime``.

    Returns
    -------
    dict
        Paths of the files that exist, by the name of their setting.
    """
    folder = calibration_folder(settings)
    names = {key: map_file_name(key, settings) for key in MAP_FILE_STEMS}
    return {key: folder / name for key, name in names.items() if folder and name and (folder / name).is_file()}


def apply_default_maps(settings: Metadata) -> tuple[dict[str, str], list[str]]:
    """Find the maps that ``Camera.Maps=default`` stands for.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.settings.resolve`.

    Returns
    -------
    maps
        Absolute paths of the default maps, by setting, where the settings name none; empty unless ``Camera.Maps`` is
        ``default``.
    remarks
        One line on the maps in use, or on available maps that were not asked for.

    Raises
    ------
    SettingError
        If they are asked for, and the folder lacks the dark or the variance map.
    """
    available = {key: path for key, path in maps_in_folder(settings).items() if not map_name(settings, key)}
    if settings.get("Camera.Maps") != "default":
        names = ", ".join(path.name for path in available.values())
        hint = f"{calibration_folder(settings)} has maps of this camera ({names}): use them with -s Camera.Maps=default"
        return {}, [hint] if available else []
    missing = [key for key in MAP_FILE_STEMS if key not in available and not map_name(settings, key)]
    if missing and missing != ["Camera.FlatfieldMapID"]:
        raise SettingError("Camera.Maps", _why_missing(settings, missing[0]), "create it with 'pointillist maps make'")
    return {key: str(path) for key, path in available.items()}, [f"{key} is {path}" for key, path in available.items()]


def _why_missing(settings: Metadata, key: str) -> str:
    folder, name = calibration_folder(settings), map_file_name(key, settings)
    if folder is None:
        return "the movie does not name its camera (Camera.SerialNumber)"
    if name is None:
        return "the movie does not state its exposure (Camera.IntegrationTime)"
    return f"there is no {name} in {folder}"
