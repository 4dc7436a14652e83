from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pointillist.errors import MovieError, SettingError
from pointillist.pipeline_files.maps.foreign_calibrations import read_calibration, to_maps

RNG = np.random.default_rng(0)
OFFSET = RNG.normal(100, 2, (6, 8))
VARIANCE = RNG.normal(5, 0.1, (6, 8))
GAIN = RNG.normal(2, 0.1, (6, 8))
EFFICIENCY = RNG.normal(1, 0.01, (6, 8))


def save_list(path: Path, *entries: object) -> None:
    array = np.empty(len(entries), dtype=object)
    for n, entry in enumerate(entries):
        array[n] = entry
    np.save(path, array, allow_pickle=True)


@pytest.mark.parametrize("dtype", ["<f8", ">f4"])
@pytest.mark.parametrize("is_fortran", [True, False])
def test_storm_analysis_keeps_a_list_of_arrays(tmp_path: Path, dtype: str, *, is_fortran: bool) -> None:
    maps = [np.array(image, dtype, order="F" if is_fortran else "C") for image in (OFFSET, VARIANCE, GAIN, EFFICIENCY)]
    save_list(tmp_path / "v1.npy", *maps[:3], 1)
    save_list(tmp_path / "v2.npy", *maps, 2)
    first, second = read_calibration(tmp_path / "v1.npy"), read_calibration(tmp_path / "v2.npy")
    for calibration in (first, second):
        np.testing.assert_allclose(calibration.offset_adu, OFFSET, rtol=1e-6)
        np.testing.assert_allclose(calibration.variance_adu2, VARIANCE, rtol=1e-6)
    assert first.gain_adu_per_e is not None
    assert second.gain_adu_per_e is not None
    np.testing.assert_allclose(first.gain_adu_per_e, GAIN, rtol=1e-6)
    np.testing.assert_allclose(second.gain_adu_per_e, GAIN * EFFICIENCY, rtol=1e-6)


def test_the_first_version_of_storm_analysis_is_transposed(tmp_path: Path) -> None:
    np.save(tmp_path / "v0.npy", [OFFSET.T, VARIANCE.T, GAIN.T])
    np.testing.assert_array_equal(read_calibration(tmp_path / "v0.npy").variance_adu2, VARIANCE)


@pytest.mark.parametrize("has_gain", [True, False])
def test_picasso_keeps_data_sets(tmp_path: Path, *, has_gain: bool) -> None:
    with h5py.File(tmp_path / "calib.hdf5", "w") as file:
        file["offset"], file["variance"] = OFFSET, VARIANCE
        if has_gain:
            file["gain"] = GAIN
    calibration = read_calibration(tmp_path / "calib.hdf5")
    assert calibration.program == "Picasso"
    np.testing.assert_array_equal(calibration.variance_adu2, VARIANCE)
    assert (calibration.gain_adu_per_e is not None) == has_gain


def test_units_are_converted_pixel_by_pixel(tmp_path: Path) -> None:
    save_list(tmp_path / "v1.npy", OFFSET, VARIANCE, GAIN, 1)
    maps, e_per_adu = to_maps(read_calibration(tmp_path / "v1.npy"), None)
    np.testing.assert_allclose(e_per_adu * maps["Camera.FlatfieldMapID"], 1 / GAIN)
    np.testing.assert_allclose(maps["Camera.VarianceMapID"], VARIANCE * e_per_adu**2)
    np.testing.assert_array_equal(maps["Camera.DarkMapID"], OFFSET)
    assert maps["Camera.FlatfieldMapID"].mean() == pytest.approx(1)


def test_a_calibration_without_gain_needs_that_of_the_camera(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "calib.hdf5", "w") as file:
        file["offset"], file["variance"] = OFFSET, VARIANCE
    calibration = read_calibration(tmp_path / "calib.hdf5")
    with pytest.raises(SettingError, match="has no gain"):
        to_maps(calibration, None)
    maps, e_per_adu = to_maps(calibration, 0.5)
    assert e_per_adu == 0.5
    np.testing.assert_allclose(maps["Camera.VarianceMapID"], VARIANCE / 4)
    assert "Camera.FlatfieldMapID" not in maps


class Intruder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    save_list(tmp_path / "evil.npy", OFFSET, VARIANCE, GAIN, Intruder(tmp_path / "was-here"))
    with pytest.raises(MovieError, match="is not a camera calibration"):
        read_calibration(tmp_path / "evil.npy")
    assert not (tmp_path / "was-here").exists()


@pytest.mark.parametrize("entries", [(OFFSET, VARIANCE, GAIN, 7), (OFFSET, VARIANCE[1:], GAIN, 1), (OFFSET,), ()])
def test_other_lists_are_refused(tmp_path: Path, entries: tuple[object, ...]) -> None:
    save_list(tmp_path / "odd.npy", *entries)
    with pytest.raises(MovieError, match="is not a camera calibration"):
        read_calibration(tmp_path / "odd.npy")


@pytest.mark.parametrize("content", [b"", b"no calibration", b"\x93NUMPY\x01\x00"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.npy").write_bytes(content)
    with pytest.raises(MovieError, match=r"is not a camera calibration|is empty"):
        read_calibration(tmp_path / "odd.npy")
    with pytest.raises(MovieError, match="no such file"):
        read_calibration(tmp_path / "missing.npy")
