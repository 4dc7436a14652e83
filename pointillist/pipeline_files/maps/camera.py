"""Camera model from metadata and maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.fitting.camera import CameraMap, CameraModel
from pointillist.pipeline_files.maps.camera_map import MAP_SETTINGS, load_map
from pointillist.settings import Metadata, check_complete, normalised, number

LoadMap = Callable[[str, Metadata, tuple[int, int]], CameraMap | None]
"""Function that returns the map of a setting, for settings and the ``(y, x)`` of a movie."""


def camera_model(
    settings: Metadata, frame_shape: tuple[int, int], folder: Path, load: LoadMap | None = None
) -> CameraModel:
    """Return the model of the camera for the fit.

    Parameters
    ----------
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`, possibly received as a message.
    frame_shape
        Height and width of the movie, ``(y, x)``, px.
    folder
        Folder of the movie, where relative names of maps are looked up.
    load
        Function that returns the map of a setting; by default it is read from its file.

    Returns
    -------
    CameraModel
        Camera with maps ``(y, x)`` of the movie's part of the chip.

    Raises
    ------
    SettingError
        If something is missing or wrong.
    """
    settings = normalised(settings)
    check_complete(settings)
    load = load or partial(load_map, folder=folder)
    dark, variance, flat = (load(key, settings, frame_shape) for key in MAP_SETTINGS)
    return CameraModel(
        electrons_per_adu=_given(settings, "Camera.ElectronsPerCount"),
        offset_adu=dark if dark is not None else _given(settings, "Camera.ADOffset"),
        read_variance_e2=variance if variance is not None else _given(settings, "Camera.ReadNoise") ** 2,
        flat_field=flat if flat is not None else 1.0,
        em_gain=_given(settings, "Camera.TrueEMGain"),
        noise_factor=_given(settings, "Camera.NoiseFactor"),
    )


def _given(settings: Metadata, key: str) -> float:
    value = number(settings, key)
    if value is None:
        raise SettingError(key, "missing", f"give -s {key}=VALUE")
    return value
