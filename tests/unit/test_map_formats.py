from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from pointillist.errors import SettingError
from pointillist.pipeline_files.maps.camera_map import find_map, load_map
from pointillist.pipeline_files.maps.formats import split_name
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.settings.metadata import Metadata
from pointillist.settings.typed_settings import map_settings

KEY = "Camera.DarkMapID"
CHIP = np.arange(30 * 40, dtype=np.float32).reshape(30, 40)  # (y, x)


def test_a_data_set_follows_a_colon() -> None:
    assert split_name("maps.h5:a/dark") == ("maps.h5", "a/dark")
    assert split_name("maps.h5") == ("maps.h5", "")
    assert split_name("a:b.tif") == ("a:b.tif", "")


def test_a_map_is_a_data_set_of_an_hdf5_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "maps.hdf5", "w") as file:
        file["camera/dark"], file["camera/variance"], file["numbers"] = CHIP, CHIP + 1, np.arange(3)
    for name, expected in (("dark", CHIP), ("variance", CHIP + 1)):
        settings = {KEY: f"maps.hdf5:camera/{name}"}
        np.testing.assert_array_equal(load_map(KEY, map_settings(settings), (30, 40), tmp_path), expected)
    assert find_map(KEY, map_settings({KEY: "maps.hdf5:camera/dark"}), tmp_path) == (
        tmp_path / "maps.hdf5",
        "camera/dark",
    )


def test_the_only_image_of_an_hdf5_file_needs_no_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "dark.h5", "w") as file:
        file["dark"] = CHIP
    np.testing.assert_array_equal(load_map(KEY, map_settings({KEY: "dark.h5"}), (30, 40), tmp_path), CHIP)


def test_a_map_may_be_an_image_of_pymes_h5(tmp_path: Path) -> None:
    write_pyme_h5(tmp_path / "dark.h5", [CHIP[None]], {})
    np.testing.assert_array_equal(load_map(KEY, map_settings({KEY: "dark.h5"}), (30, 40), tmp_path), CHIP)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("maps.h5", r"does not hold one image; name the data set \(maps.h5:dark, maps.h5:variance\)"),
        ("maps.h5:gain", "has no image 'gain'"),
        ("maps.h5:numbers", "has no image 'numbers'"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(tmp_path: Path, name: str, problem: str) -> None:
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file["dark"], file["variance"], file["numbers"] = CHIP, CHIP, np.arange(3)
    with pytest.raises(SettingError, match=problem):
        load_map(KEY, map_settings({KEY: name}), (30, 40), tmp_path)


def test_orientation_and_unit_are_applied_before_the_cut(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", CHIP)
    settings: Metadata = {
        "Camera.VarianceMapID": "v.npy", "Camera.MapOrientation": "transposed", "Camera.VarianceMapUnits": "ADU^2",
        "Camera.ElectronsPerCount": 0.5, "Camera.ROIOriginX": 2, "Camera.ROIOriginY": 3,
    }  # fmt: skip
    part = load_map("Camera.VarianceMapID", map_settings(settings), (20, 10), tmp_path)
    assert part is not None
    np.testing.assert_allclose(part, CHIP.T[3:23, 2:12] / 4)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_flat_field_is_positive(tmp_path: Path, bad: float) -> None:
    np.save(tmp_path / "flat.npy", np.full((20, 20), bad, np.float32))
    with pytest.raises(SettingError, match="not positive"):
        load_map("Camera.FlatfieldMapID", map_settings({"Camera.FlatfieldMapID": "flat.npy"}), (20, 20), tmp_path)
