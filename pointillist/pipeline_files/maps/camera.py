"""Camera model from settings and maps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pointillist.errors import SettingError
from pointillist.fitting.camera import CameraMap, CameraModel
from pointillist.pipeline_files.maps.camera_map import load_map
from pointillist.settings import MAP_SETTINGS, CameraSettings, MapSettings

LoadMap = Callable[[str, MapSettings, tuple[int, int]], CameraMap | None]
"""Function that returns the map of a setting, for the maps of a job and the ``(y, x)`` of a movie."""


def camera_model(
    camera: CameraSettings, frame_shape: tuple[int, int], folder: Path, load: LoadMap | None = None
) -> CameraModel:
    """Return the model of the camera for the fit.

    Parameters
    ----------
    camera
        Camera from :func:`pointillist.settings.camera_settings`.
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
        If a map or what it replaces is missing or wrong.
    """
    load = load or partial(load_map, folder=folder)
    dark, variance, flat = (load(key, camera.maps, frame_shape) for key in MAP_SETTINGS)
    return CameraModel(
        electrons_per_adu=camera.electrons_per_adu,
        offset_adu=dark if dark is not None else _given("Camera.ADOffset", camera.offset_adu),
        read_variance_e2=variance if variance is not None else _given("Camera.ReadNoise", camera.read_noise_e) ** 2,
        flat_field=flat if flat is not None else 1.0,
        em_gain=camera.em_gain,
        noise_factor=camera.noise_factor,
    )


def _given(name: str, value: float | None) -> float:
    if value is None:
        raise SettingError(name, "missing", f"give -s {name}=VALUE")
    return value
