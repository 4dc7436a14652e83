"""Calibrations of other programs: offset [ADU], variance [ADU²] and gain [ADU/e-] of each pixel in one file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import MovieError, SettingError
from pointillist.fitting.camera import BLEMISH_VARIANCE_E2, LEAST_RESPONSE
from pointillist.pipeline_files.hdf5_file import open_hdf5
from pointillist.pipeline_files.movies import read_npy_header
from pointillist.system import obstacle

Image = NDArray[np.float64]

_NO_CALIBRATION = "name a calibration of storm-analysis (.npy) or Picasso (.hdf5)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Calibration of a camera by another program.

    Parameters
    ----------
    program
        Name of the program.
    offset_adu, variance_adu2
        Offset (ADU) and variance (ADU²) of each pixel, ``(y, x)``.
    gain_adu_per_e
        Gain of each pixel, ADU/e-, ``(y, x)``; None where the file has none.
    """

    program: str
    offset_adu: Image
    variance_adu2: Image
    gain_adu_per_e: Image | None


def read_calibration(path: Path) -> Calibration:
    """Read a calibration of storm-analysis or Picasso.

    Parameters
    ----------
    path
        File of storm-analysis: ``.npy`` of version 0 (three arrays ``(x, y)``), 1 or 2 (arrays ``(y, x)``; in 2 with
        relative quantum efficiencies, by which the gain is multiplied, since only the response to light matters). File
        of Picasso: HDF5 with ``offset``, ``variance`` and perhaps ``gain``.

    Returns
    -------
    Calibration
        Calibration in the units of both programs, ADU and ADU².

    Raises
    ------
    MovieError
        If it is neither.
    """
    if found := obstacle(path):
        raise MovieError(path, *found)
    try:
        if h5py.is_hdf5(path):
            return _read_picasso(path)
        return _read_storm_analysis(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, pickle.UnpicklingError) as error:
        raise MovieError(path, "is not a camera calibration", _NO_CALIBRATION) from error


def _read_picasso(path: Path) -> Calibration:
    with open_hdf5(path) as file:
        offset, variance = (np.asarray(file[name], np.float64) for name in ("offset", "variance"))
        gain = np.asarray(file["gain"], np.float64) if "gain" in file else None
    return _checked("Picasso", offset, variance, gain)


def _read_storm_analysis(path: Path) -> Calibration:
    with path.open("rb") as file:
        if read_npy_header(file)[2].hasobject:
            loaded = _PlainArrays(file).load()
            entries = loaded.entries if isinstance(loaded, _Array) else []
        else:
            file.seek(0)
            entries = list(np.load(file, allow_pickle=False))
    arrays = [entry.values() if isinstance(entry, _Array) else entry for entry in entries]
    version = {3: 0, 4: 1, 5: 2}[len(arrays)]
    if version and arrays[-1] != version:
        raise ValueError("not a known version")
    offset, variance, gain = (np.asarray(array, np.float64) for array in arrays[:3])
    if version == 0:
        offset, variance, gain = offset.T, variance.T, gain.T
    if version == 2:
        gain = gain * np.asarray(arrays[3], np.float64)
    return _checked("storm-analysis", offset, variance, gain)


def _checked(program: str, offset: Image, variance: Image, gain: Image | None) -> Calibration:
    maps = [offset, variance, *([] if gain is None else [gain])]
    if any(image.ndim != 2 or image.shape != offset.shape for image in maps):
        raise ValueError("its arrays are not images of the same size")
    return Calibration(program=program, offset_adu=offset, variance_adu2=variance, gain_adu_per_e=gain)


class _Dtype:
    """Stand-in for a type of numpy that holds its name alone."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = name.decode("ascii") if isinstance(name, bytes) else str(name)
        self.order = "<"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = ">" if state[1] in (">", b">") else "<"


class _Array:
    """Stand-in for an array of numpy that holds its bytes or list until it has been checked."""

    def __init__(self, *_: object) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype = _Dtype()
        self.is_fortran = False
        self.entries: list[object] = []
        self.data = b""

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _, shape, dtype, is_fortran, content = state
        if not isinstance(shape, tuple) or not isinstance(dtype, _Dtype):
            raise pickle.UnpicklingError("not an array")
        self.shape, self.dtype, self.is_fortran = shape, dtype, bool(is_fortran)
        if isinstance(content, list):
            self.entries = content
        elif isinstance(content, bytes):
            self.data = content

    def values(self) -> Image:
        """Return the numbers."""
        if self.dtype.name not in ("f8", "f4", "i8", "i4", "u4", "u2", "i2", "u1"):
            raise pickle.UnpicklingError("not an array of numbers")
        flat = np.frombuffer(self.data, np.dtype(self.dtype.order + self.dtype.name))
        return flat.reshape(self.shape, order="F" if self.is_fortran else "C").astype(np.float64)


class _PlainArrays(pickle.Unpickler):
    """Reader of pickled arrays and numbers that runs none of their code: every name becomes an inert stand-in."""

    _STAND_INS: Mapping[tuple[str, str], type] = {
        (module, name): stand_in
        for package in ("numpy.core", "numpy._core")
        for module, name, stand_in in (
            (f"{package}.multiarray", "_reconstruct", _Array),
            ("numpy", "ndarray", _Array),
            ("numpy", "dtype", _Dtype),
        )
    }

    def find_class(self, module_name: str, global_name: str, /) -> type:
        """Return the stand-in, or refuse."""
        try:
            return self._STAND_INS[module_name, global_name]
        except KeyError as error:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} does not belong in a calibration") from error


def to_maps(calibration: Calibration, electrons_per_adu: float | None) -> tuple[dict[str, Image], float]:
    """Convert a calibration to the maps and the gain of PYME's settings.

    Parameters
    ----------
    calibration
        Calibration from :func:`read_calibration`.
    electrons_per_adu
        Gain of the camera, e-/ADU, for a calibration without gain.

    Returns
    -------
    maps
        Offset (ADU), variance (e-², before the flat field) and, if there is a gain, flat field, ``(y, x)``, by the name
        of their setting.
    float
        Gain of the camera, e-/ADU: the mean over the usable pixels, relative to which the flat field is.

    Raises
    ------
    SettingError
        If there is no gain at all.
    """
    gain = calibration.gain_adu_per_e
    if gain is None:
        if electrons_per_adu is None:
            raise SettingError(
                "Camera.ElectronsPerCount",
                "missing, and the calibration has no gain",
                "give -s Camera.ElectronsPerCount=<e-/ADU>",
            )
        variance = calibration.variance_adu2 * electrons_per_adu**2
        return {"Camera.DarkMapID": calibration.offset_adu, "Camera.VarianceMapID": variance}, electrons_per_adu
    is_usable = gain > LEAST_RESPONSE * np.median(gain)
    e_per_adu = float(np.mean(1 / gain[is_usable]))
    pixel_e_per_adu = 1 / np.where(is_usable, gain, 1 / e_per_adu)
    variance = np.where(is_usable, calibration.variance_adu2 * e_per_adu**2, BLEMISH_VARIANCE_E2)
    return {
        "Camera.DarkMapID": calibration.offset_adu,
        "Camera.VarianceMapID": variance,
        "Camera.FlatfieldMapID": pixel_e_per_adu / e_per_adu,
    }, e_per_adu
