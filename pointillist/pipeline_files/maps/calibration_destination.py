"""Folder and files of a camera's maps, with a file of the settings that name them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointillist.errors import ResultsError, SettingError
from pointillist.pipeline_files.maps.calibration_folder import calibration_folder, map_file_name
from pointillist.pipeline_files.maps.calibration_tiff import write_calibration_tiff
from pointillist.pipeline_files.maps.chip import Chip
from pointillist.pipeline_files.paths import data_root
from pointillist.pipeline_files.storage import translated_write_errors
from pointillist.settings import Metadata, Value, number

_TYPES = {
    "Camera.DarkMapID": ("mean", "ADU"),
    "Camera.VarianceMapID": ("variance", "electrons^2"),
    "Camera.FlatfieldMapID": ("flatfield", ""),
}


Maps = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Destination:
    """Destination of a camera's maps.

    Parameters
    ----------
    folder
        Folder of the maps.
    settings
        Settings of camera and exposure, which give the file names.
    chip
        Position of the maps on the chip.
    is_row_x
        Order of the pixels, as for :func:`pointillist.pipeline_files.maps.calibration_tiff.write_calibration_tiff`.
    is_overwriting
        Whether existing files are replaced.
    """

    folder: Path
    settings: Metadata
    chip: Chip
    is_row_x: bool
    is_overwriting: bool

    @property
    def settings_file(self) -> Path:
        """Path of the settings that name the maps."""
        return self.folder / f"camera_{round(1000 * (number(self.settings, 'Camera.IntegrationTime') or 0))}ms.yaml"

    def path(self, key: str) -> Path:
        """Return the path of a map, by the setting that names it.

        Raises
        ------
        SettingError
            If the exposure is missing.
        """
        name = map_file_name(key, self.settings)
        if name is None:
            raise SettingError("Camera.IntegrationTime", "missing", "give -s Camera.IntegrationTime=<s>")
        return self.folder / name

    def check(self, keys: Iterable[str], extras: Iterable[str] = ()) -> None:
        """Check, before the measurement, that no file exists.

        Parameters
        ----------
        keys, extras
            Settings' names and file names of the maps to write.

        Raises
        ------
        SettingError, ResultsError
            If the exposure is missing, or a file exists that is not to be replaced.
        """
        for path in (*map(self.path, keys), *(self.folder / name for name in extras), self.settings_file):
            if path.exists() and not self.is_overwriting:
                raise ResultsError(path, "exists already", "choose another folder with -o, or add --overwrite")

    def write(self, maps: Maps, extras: Maps, description: Metadata) -> list[Path]:
        """Write maps, padded to the size of the chip, and the settings that name them.

        Parameters
        ----------
        maps
            Maps ``(y, x)`` by the name of their setting.
        extras
            Images ``(y, x)`` by file name, for inspection only.
        description
            Metadata of every map besides those of the camera, with ``Camera.ElectronsPerCount``.

        Returns
        -------
        list of Path
            Paths of the written files, that of the settings last.

        Raises
        ------
        SettingError, ResultsError
            As of :meth:`check`, or if a file cannot be written.
        """
        self.check(maps, extras)
        about = {**self._about(), **description}
        for key, image in maps.items():
            kind, unit = _TYPES[key]
            whole = self.chip.embed(image, self._around(key, image))
            self._write(self.path(key), whole, {**about, "CameraMap.Type": kind, "CameraMap.Units": unit})
        for name, image in extras.items():
            self._write(self.folder / name, self.chip.embed(image, 0.0), about)
        files = {key: self.path(key) for key in maps}
        with translated_write_errors(self.settings_file):
            self.settings_file.write_text(_settings_text(files, description), encoding="utf-8")
        return [*files.values(), *(self.folder / name for name in extras), self.settings_file]

    def _write(self, path: Path, chip: NDArray[np.floating], metadata: Metadata) -> None:
        write_calibration_tiff(path, chip, metadata, is_row_x=self.is_row_x, is_overwriting=self.is_overwriting)

    def _around(self, key: str, image: NDArray[np.floating]) -> float:
        """Return the value of unmeasured pixels, which PYME takes from the metadata."""
        if key == "Camera.FlatfieldMapID":
            return 1.0
        stated = number(self.settings, "Camera.ADOffset" if key == "Camera.DarkMapID" else "Camera.ReadNoise")
        if stated is None:
            return float(np.median(image))
        return stated if key == "Camera.DarkMapID" else stated**2

    def _about(self) -> dict[str, Value]:
        of_camera = {
            key: value
            for key, value in self.settings.items()
            if not key.startswith(("Analysis.", "Pointillist.", "Camera.Map", "Camera.Check", "Camera.VarianceMapU"))
        }
        (height, width), (y, x) = self.chip.frame_shape, self.chip.origin
        region: dict[str, Value] = {
            "CameraMap.ValidROI.ROIOriginX": x,
            "CameraMap.ValidROI.ROIOriginY": y,
            "CameraMap.ValidROI.ROIWidth": width,
            "CameraMap.ValidROI.ROIHeight": height,
            "Camera.ROIOriginX": 0,
            "Camera.ROIOriginY": 0,
            "Camera.ROIWidth": self.chip.shape[1],
            "Camera.ROIHeight": self.chip.shape[0],
        }
        if not self.chip.is_whole:
            region["CameraMap.SubROI"] = True
        return {**of_camera, **region}


def _settings_text(files: Mapping[str, Path], description: Metadata) -> str:
    root = data_root().absolute()
    lines = [f"Camera.ElectronsPerCount: {number(description, 'Camera.ElectronsPerCount'):.6g}"]
    for key, path in files.items():
        place = path.absolute()
        name = place.relative_to(root) if place.is_relative_to(root) else place
        lines.append(f"{key}: {json.dumps(str(name), ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def default_folder(settings: Metadata, chip: Chip, *, may_be_part: bool) -> Path:
    """Return PYME's folder for the maps of a camera.

    Parameters
    ----------
    settings
        Settings with ``Camera.SerialNumber``.
    chip
        Part of the chip that the maps were measured on.
    may_be_part
        Whether the folder may hold maps of a part of the chip.

    Raises
    ------
    SettingError
        If the camera has no name, or the maps are of a part of its chip.
    """
    folder = calibration_folder(settings)
    if folder is None:
        raise SettingError(
            "Camera.SerialNumber", "missing", "give -s Camera.SerialNumber=<text>, or another folder with -o"
        )
    if not chip.is_whole and not may_be_part:
        (height, width), (y, x) = chip.frame_shape, chip.origin
        raise SettingError(
            folder,
            f"is for maps of the whole chip, but the movie shows {width} x {height} px at ({x}, {y})",
            "record the whole chip, choose another folder with -o, or add --allow-part",
        )
    return folder
