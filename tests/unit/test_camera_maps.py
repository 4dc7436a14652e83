from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.maps.camera_map import find_map, load_map
from pointillist.settings.metadata import IS_STORED_X_FIRST, Metadata, Value
from pointillist.settings.typed_settings import camera_settings, map_settings

KEY = "Camera.DarkMapID"
CHIP = np.arange(30 * 40, dtype=np.float32).reshape(30, 40)  # (y, x)
CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.1,
    "Camera.ElectronsPerCount": 0.5,
    "Camera.TrueEMGain": 2,
    "Camera.NoiseFactor": 1.41,
    "Camera.ReadNoise": 2,
    "Camera.ADOffset": 100,
}


def save(path: Path, chip: NDArray[Any], **options: Any) -> str:
    if path.suffix == ".npy":
        np.save(path, chip)
    else:
        tifffile.imwrite(path, chip, **options)
    return path.name


@pytest.mark.parametrize("name", ["map.tif", "map.npy"])
@pytest.mark.parametrize(
    "origin",
    [{"Camera.ROIOriginX": 5, "Camera.ROIOriginY": 7}, {"Camera.ROIPosX": 6, "Camera.ROIPosY": 8}],
)
def test_a_map_of_the_chip_is_cut_to_the_movie(tmp_path: Path, name: str, origin: Metadata) -> None:
    save(tmp_path / name, CHIP)
    part = load_map(KEY, map_settings({KEY: name, **origin}), (12, 20), tmp_path)
    assert part is not None
    assert part.dtype == np.float32
    assert part.flags.c_contiguous
    np.testing.assert_array_equal(part, CHIP[7:19, 5:25])


def test_a_map_as_large_as_the_movie_is_taken_whole(tmp_path: Path) -> None:
    settings: Metadata = {KEY: save(tmp_path / "map.tif", CHIP), "Camera.ROIOriginX": 5, "Camera.ROIOriginY": 7}
    np.testing.assert_array_equal(load_map(KEY, map_settings(settings), (30, 40), tmp_path), CHIP)


@pytest.mark.parametrize("name", ["", "<none>", None])
def test_a_map_may_be_off(tmp_path: Path, name: Value) -> None:
    assert load_map(KEY, map_settings({KEY: name}), (30, 40), tmp_path) is None


def test_a_map_may_lie_under_pymes_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "CALIBRATION").mkdir(parents=True)
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path / "data"))
    save(tmp_path / "data" / "CALIBRATION" / "dark.tif", CHIP)
    found = find_map(KEY, map_settings({KEY: "CALIBRATION/dark.tif"}), tmp_path)
    assert found == (tmp_path / "data" / "CALIBRATION" / "dark.tif", "")


@pytest.mark.parametrize(
    ("shape", "origin", "problem"),
    [
        ((12, 20), {}, "the map has 40 x 30 px, the movie 20 x 12; give -s Camera.ROIOriginX=PX"),
        (
            (12, 20),
            {"Camera.ROIOriginX": 25, "Camera.ROIOriginY": 0},
            "the map ends at 40 x 30 px, the movie at 45 x 12",
        ),
        (
            (40, 30),
            {"Camera.ROIOriginX": 0, "Camera.ROIOriginY": 0},
            "it fits after a rotation: give -s Camera.MapOrientation=transposed",
        ),
    ],
)
def test_a_map_that_does_not_cover_the_movie_is_refused(
    tmp_path: Path, shape: tuple[int, int], origin: Metadata, problem: str
) -> None:
    settings: Metadata = {KEY: save(tmp_path / "map.tif", CHIP), **origin}
    with pytest.raises(SettingError) as error:
        load_map(KEY, map_settings(settings), shape, tmp_path)
    assert problem in str(error.value)


def test_files_that_are_no_maps_are_refused(tmp_path: Path) -> None:
    (tmp_path / "map.tif").write_text("no map")
    with pytest.raises(SettingError, match="is no map"):
        load_map(KEY, map_settings({KEY: "map.tif"}), (30, 40), tmp_path)


def test_a_map_with_holes_is_refused_if_the_movie_needs_them(tmp_path: Path) -> None:
    holey = CHIP.copy()
    holey[0, 0] = np.nan
    settings: Metadata = {KEY: save(tmp_path / "map.tif", holey), "Camera.ROIOriginX": 5, "Camera.ROIOriginY": 7}
    assert load_map(KEY, map_settings(settings), (12, 20), tmp_path) is not None
    with pytest.raises(SettingError, match="holds values that are not numbers"):
        load_map(KEY, map_settings(settings), (30, 40), tmp_path)


@pytest.mark.parametrize("is_stored_x_first", [True, False])
def test_a_tiff_of_pyme_has_x_in_its_rows_for_pymes_movies(tmp_path: Path, *, is_stored_x_first: bool) -> None:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2015-01"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="float" SizeX="30" SizeY="40" SizeZ="1" SizeT="1" SizeC="1">'
        '<TiffData/><Channel ID="Channel:0:0" SamplesPerPixel="1"/></Pixels></Image><StructuredAnnotations>'
        '<XMLAnnotation ID="PYME"><Value/></XMLAnnotation></StructuredAnnotations></OME>'
    )
    name = save(tmp_path / "map.tif", CHIP.T, description=xml, metadata=None)
    settings: Metadata = {KEY: name, IS_STORED_X_FIRST: is_stored_x_first}
    expected = CHIP if is_stored_x_first else CHIP.T
    np.testing.assert_array_equal(load_map(KEY, map_settings(settings), expected.shape, tmp_path), expected)


def test_a_camera_without_maps_has_numbers(tmp_path: Path) -> None:
    camera = camera_model(camera_settings(CAMERA), (30, 40), tmp_path)
    assert (camera.electrons_per_adu, camera.em_gain, camera.noise_factor) == (0.5, 2, 1.41)
    assert (camera.offset_adu, camera.read_variance_e2, camera.flat_field) == (100, 4, 1)


def test_maps_take_the_place_of_numbers(tmp_path: Path) -> None:
    settings = {key: value for key, value in CAMERA.items() if key not in ("Camera.ReadNoise", "Camera.ADOffset")}
    for name in ("Dark", "Variance", "Flatfield"):
        settings[f"Camera.{name}MapID"] = save(tmp_path / f"{name}.tif", CHIP + len(name))
    camera = camera_model(camera_settings(settings), (30, 40), tmp_path)
    np.testing.assert_array_equal(camera.offset_adu, CHIP + 4)
    np.testing.assert_array_equal(camera.read_variance_e2, CHIP + 8)
    np.testing.assert_array_equal(camera.flat_field, CHIP + 9)


def test_a_negative_variance_is_refused(tmp_path: Path) -> None:
    settings: Metadata = {**CAMERA, "Camera.VarianceMapID": save(tmp_path / "v.tif", CHIP - 1)}
    with pytest.raises(SettingError, match="negative"):
        camera_model(camera_settings(settings), (30, 40), tmp_path)


def test_an_incomplete_camera_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="all missing"):
        camera_model(camera_settings({}), (30, 40), tmp_path)
