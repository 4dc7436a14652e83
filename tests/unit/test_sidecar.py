from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from pointillist.errors import SettingError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.sidecar import read_sidecar


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_a_side_car_of_the_same_stem_is_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"movie{suffix}").write_text('{"Camera": {"ADOffset": 100}}')
    assert read_sidecar(tmp_path / "movie.tif") == ({"Camera.ADOffset": 100}, [])
    assert read_sidecar(tmp_path / "movie2.tif") == ({}, [])


@pytest.mark.parametrize("name", ["movie.ome.json", "movie.json"])
def test_an_ome_tiff_may_drop_its_middle_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"Camera.ADOffset": 100}')
    assert read_sidecar(tmp_path / "movie.ome.tif")[0] == {"Camera.ADOffset": 100}


def test_of_several_side_cars_json_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "movie.json").write_text('{"Camera.ADOffset": 100}')
    (tmp_path / "movie.yaml").write_text("Camera.ADOffset: 200")
    metadata, remarks = read_sidecar(tmp_path / "movie.tif")
    assert metadata == {"Camera.ADOffset": 100}
    assert remarks == ["movie.yaml is ignored, since movie.json is used"]


def test_a_python_script_beside_the_movie_is_named_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "movie.md").write_text("raise SystemExit('ran')")
    metadata, remarks = read_sidecar(tmp_path / "movie.tif")
    assert metadata == {}
    assert remarks == ["movie.md is a Python script of PYME and is not read; write its entries to movie.json"]


def test_a_side_car_wins_over_the_movies_own_metadata(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "movie.ome.tif",
        np.zeros((3, 16, 16), np.uint8),
        metadata={"axes": "TYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.2},
    )
    (tmp_path / "movie.json").write_text('{"voxelsize.x": 0.16}')
    with open_movie(tmp_path / "movie.ome.tif") as movie:
        assert movie.metadata == {"voxelsize.x": 0.16, "voxelsize.y": 0.2}


def test_a_damaged_side_car_is_an_error_and_not_ignored(tmp_path: Path) -> None:
    np.save(tmp_path / "movie.npy", np.zeros((3, 16, 16), np.uint8))
    (tmp_path / "movie.json").write_text("{")
    with pytest.raises(SettingError, match=r"movie\.json: is not valid JSON"):
        open_movie(tmp_path / "movie.npy")
