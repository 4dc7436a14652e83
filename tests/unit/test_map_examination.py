"""Maps that do not belong to a movie are caught before the run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointillist.errors import SettingError
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.simulation import Blinking, Scene, Simulation, scmos
from pointillist.pipeline_files.maps.examination import Examination, examine_maps
from pointillist.pipeline_files.maps.movie_sample import take_sample
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.metadata import Value

CHIP_SHAPE = (200, 240)
Y, X, HEIGHT, WIDTH = 60, 71, 96, 112
CHIP = scmos(CHIP_SHAPE, 4)
OFFSET, VARIANCE, FLAT = (
    np.asarray(image, np.float32) for image in (CHIP.offset_adu, CHIP.read_variance_e2, CHIP.flat_field)
)
CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ElectronsPerCount": 0.46, "Camera.TrueEMGain": 1.0,
    "Camera.NoiseFactor": 1.0, "Camera.ReadNoise": 1.5, "Camera.ADOffset": 100.0,
    "Camera.ROIOriginX": X, "Camera.ROIOriginY": Y,
    "Camera.DarkMapID": "dark.npy", "Camera.VarianceMapID": "variance.npy", "Camera.FlatfieldMapID": "flat.npy",
}  # fmt: skip


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    part = np.s_[Y : Y + HEIGHT, X : X + WIDTH]
    camera: CameraModel = replace(CHIP, offset_adu=OFFSET[part], read_variance_e2=VARIANCE[part], flat_field=FLAT[part])
    scene = Scene(frame_shape=(HEIGHT, WIDTH), blinking=Blinking(emitters_per_frame=10))
    return Simulation(scene, camera, 5).frames(0, 60)


@pytest.fixture
def folder(tmp_path: Path, frames: np.ndarray) -> Path:
    np.save(tmp_path / "movie.npy", frames)
    (tmp_path / "movie.json").write_text(json.dumps(CAMERA))
    for name, image in (("dark", OFFSET), ("variance", VARIANCE), ("flat", FLAT)):
        np.save(tmp_path / f"{name}.npy", image)
    return tmp_path


def examine(folder: Path, *overrides: str) -> Examination:
    with open_movie(folder / "movie.npy") as movie:
        settings, _ = prepare(movie, None, overrides)
        return examine_maps(movie, settings)


def refusal(folder: Path, *overrides: str) -> str:
    with pytest.raises(SettingError) as error:
        examine(folder, *overrides)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_maps_that_belong_are_shown_to(folder: Path) -> None:
    found = examine(folder)
    assert found.warnings == ()
    assert "hottest pixels of the variance map" in found.proofs[0]
    assert "offsets of the dark map" in found.proofs[1]


def test_without_maps_there_is_nothing_to_examine(folder: Path) -> None:
    off = [f"Camera.{name}MapID=" for name in ("Dark", "Variance", "Flatfield")]
    assert examine(folder, *off) == Examination(warnings=(), proofs=())


@pytest.mark.parametrize("key", ["Variance", "Dark"])
def test_a_flipped_map_is_caught_and_the_option_that_mends_it_named(folder: Path, key: str) -> None:
    np.save(folder / "variance.npy", VARIANCE[::-1])
    np.save(folder / "dark.npy", OFFSET[::-1])
    others = [f"Camera.{name}MapID=" for name in ("Dark", "Variance", "Flatfield") if name != key]
    said = refusal(folder, *others)
    assert said.startswith(f"Camera.{key}MapID: the map is oriented differently from the movie")
    # In a part of the chip, a flipped map fits in no other place: the region has to be the same one.
    option = re.search(r"-s (Camera.MapOrientation=[\w-]+)", said)
    assert option is not None
    assert option[1] == "Camera.MapOrientation=flipped-y"
    assert examine(folder, *others, option[1]).proofs


def test_a_wrong_region_is_caught_and_the_right_one_named(folder: Path) -> None:
    said = refusal(folder, "Camera.ROIOriginX=1", "Camera.ROIOriginY=2")
    assert "the map does not belong to this movie" in said
    assert f"it fits with -s Camera.ROIOriginX={X} -s Camera.ROIOriginY={Y}" in said


def test_an_origin_counted_from_1_is_caught(folder: Path) -> None:
    said = refusal(folder, f"Camera.ROIOriginX={X + 1}", f"Camera.ROIOriginY={Y + 1}")
    assert f"-s Camera.ROIOriginX={X} -s Camera.ROIOriginY={Y}" in said


def test_the_map_of_another_camera_is_caught(folder: Path) -> None:
    np.save(folder / "variance.npy", np.asarray(scmos(CHIP_SHAPE, 99).read_variance_e2))
    said = refusal(folder)
    assert "in any orientation; use the map of this camera, exposure and region" in said


def test_a_variance_in_other_units_is_caught_and_the_option_that_mends_it_named(folder: Path) -> None:
    np.save(folder / "variance.npy", VARIANCE / np.float32(0.46**2))
    said = refusal(folder)
    assert "the map is in ADU^2, not electrons^2" in said
    assert "give -s Camera.VarianceMapUnits=ADU^2" in said
    assert examine(folder, "Camera.VarianceMapUnits=ADU^2").proofs
    np.save(folder / "variance.npy", VARIANCE)
    assert "the map is in electrons^2, not ADU^2" in refusal(folder, "Camera.VarianceMapUnits=ADU^2")


def test_where_the_movie_cannot_tell_the_unit_the_read_noise_can(folder: Path, frames: np.ndarray) -> None:
    np.save(folder / "movie.npy", frames[:3])
    np.save(folder / "variance.npy", VARIANCE / np.float32(0.46**2))
    assert "is the map in ADU^2?" in examine(folder).warnings[0]


def test_a_map_that_is_filled_up_in_the_movies_region_is_caught(folder: Path) -> None:
    padded = np.full(CHIP_SHAPE, 2.25, np.float32)
    padded[:50] = VARIANCE[:50]
    np.save(folder / "variance.npy", padded)
    assert "100 % of the movie's region have the same value 2.25" in refusal(folder)


def test_a_constant_map_is_remarked(folder: Path) -> None:
    np.save(folder / "variance.npy", np.full(CHIP_SHAPE, 2.25, np.float32))
    assert examine(folder).warnings == (
        "Camera.VarianceMapID: the map is 2.25 everywhere, and adds nothing to that number",
    )


def test_a_gain_is_no_flat_field(folder: Path) -> None:
    np.save(folder / "flat.npy", 2.6 * FLAT)
    assert "factors of a flat field are near 1" in refusal(folder)


def test_offsets_of_another_level_are_remarked(folder: Path) -> None:
    np.save(folder / "dark.npy", OFFSET + 300)
    warnings = " ".join(examine(folder).warnings)
    assert "darker than the map" in warnings
    assert "+300 ADU from Camera.ADOffset=100" in warnings


def test_whoever_insists_may_use_a_map_all_the_same(folder: Path) -> None:
    found = examine(folder, "Camera.MapOrientation=rotated-180", "Camera.CheckMaps=False")
    assert "the map is oriented differently from the movie" in found.warnings[0]
    assert "CheckMaps" not in found.warnings[0]


def test_one_frame_raises_no_alarm(folder: Path, frames: np.ndarray) -> None:
    np.save(folder / "movie.npy", frames[:1])
    assert examine(folder).warnings == ()


def test_a_sample_of_a_long_movie_is_small(folder: Path) -> None:
    with open_movie(folder / "movie.npy") as movie:
        assert take_sample(movie, 0).n_steps == 59
        assert take_sample(movie, 55).n_steps == 7
    np.save(folder / "movie.npy", np.zeros((3000, 8, 8), np.uint16))
    with open_movie(folder / "movie.npy") as movie:
        assert take_sample(movie, 0).n_steps == 4 * 23


@pytest.mark.parametrize("is_oriented", [True, False])
def test_the_maps_of_a_real_scmos_movie_are_caught_as_they_were_distributed(
    shared_data: Path, tmp_path: Path, *, is_oriented: bool
) -> None:
    source = shared_data / "scmos_storm"
    maps = np.load(source / f"maps_{'oriented' if is_oriented else 'as_distributed'}.npz")
    (tmp_path / "movie.tif").symlink_to(source / "scmos_storm.tif")
    np.save(tmp_path / "dark.npy", maps["offset_adu"])
    np.save(tmp_path / "variance.npy", maps["variance_adu2"])
    metadata = {
        "voxelsize.x": 0.16, "voxelsize.y": 0.16, "Camera.Type": "sCMOS", "Camera.DarkMapID": "dark.npy",
        "Camera.ElectronsPerCount": float(1 / np.median(maps["gain_adu_per_e"])),
        "Camera.VarianceMapID": "variance.npy", "Camera.VarianceMapUnits": "ADU^2",
    }  # fmt: skip
    (tmp_path / "movie.json").write_text(json.dumps(metadata))
    with open_movie(tmp_path / "movie.tif") as movie:
        if is_oriented:
            settings, _ = prepare(movie)
            found = examine_maps(movie, settings)
            assert found.warnings == ()
            assert "65 hottest pixels of the variance map have 28.7 times the median" in found.proofs[0]
            with pytest.raises(SettingError, match="the map is in ADU"):
                prepare(movie, None, ["Camera.VarianceMapUnits=electrons^2"])
        else:
            with pytest.raises(
                SettingError, match=r"0.9 times .*, but transposed 28.7 times; give -s Camera.MapOrientation="
            ):
                prepare(movie)
            settings, _ = prepare(movie, None, ["Camera.MapOrientation=transposed"])
            assert len(examine_maps(movie, settings).proofs) == 2
