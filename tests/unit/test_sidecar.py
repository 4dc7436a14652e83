from __future__ import annotations

import json
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


@pytest.mark.parametrize(
    ("entry", "advice"),
    [
        ("Analysis.DetectionTreshold: 1.2", "did you mean Analysis.DetectionThreshold?"),
        ("analysis.ROIsize: 4", "did you mean Analysis.ROISize?"),
        ("Analysis: {Quux: 1}", "'pointillist settings' lists all settings"),
        ("Analisys.BGRange: '-3:0'", "did you mean Analysis.BGRange?"),
        ("DetectionThreshold: 2", "did you mean Analysis.DetectionThreshold?"),
        ("Camera.ADOfset: 100", "did you mean Camera.ADOffset?"),
        ("voxelsze.x: 0.1", "did you mean voxelsize.x?"),
        ("Protocol.DataStartAt: 3", "did you mean Protocol.DataStartsAt?"),
    ],
)
def test_a_misspelt_setting_in_a_side_car_is_refused(tmp_path: Path, entry: str, advice: str) -> None:
    (tmp_path / "movie.yaml").write_text(f"Camera.ReadNoise: 1\n{entry}\n")
    with pytest.raises(SettingError) as error:
        read_sidecar(tmp_path / "movie.tif")
    assert str(error.value).startswith(f"{tmp_path / 'movie.yaml'}: ")
    assert str(error.value).endswith(f"there is no such setting; {advice}")


def test_what_pyme_and_others_write_beside_a_movie_is_metadata(tmp_path: Path) -> None:
    entries = {
        "StartTime": 1.0, "EndTime": 2.0, "imageID": 0, "DataFileID": 1, "Source": "a", "Type": "b", "x": 1,
        "Protocol.Filename": "p.py", "Protocol.PiezoStartPos": 1.0, "Protocol.DarkFrameRange": [0, 0],
        "Sample.Labelling": "A", "PYME.Version": "1", "Positioning.PIFoc": 2.0, "Lasers.l405": 1,
        "Camera.Vendor": "Acme", "Camera.EMGain": 150, "Camera.Name": "iXon", "Camera.ROIWidth": 256,
        "Camera.StartCCDTemp": -60, "Camera.CCDTemp": -60, "Camera.ExposureTime": 3, "Camera.BitDepth": 14,
        "voxelsize.x": 0.1, "voxelsize.y": 0.1, "voxelsize.z": 0.2, "Camera.ADOffset": 100, "Camera.Offset": 100,
        "Analysis.NumBGFrames": 10, "Analysis.PSFSigma": 130, "Analysis.ResidualMax": 0.25,
        "Analysis.TrackFiducials": 0, "Analysis.SubtractBackground": True,
    }  # fmt: skip
    (tmp_path / "movie.json").write_text(json.dumps(entries))
    assert read_sidecar(tmp_path / "movie.tif") == (entries, [])
