from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pointillist.errors import SettingError
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.movies.movie import MovieFile, open_movie
from pointillist.pipeline_files.preparation import check_frames, dark_offset, prepare
from pointillist.settings.analysis import fit_settings, resolve, settings_digest
from pointillist.settings.metadata import Value
from pointillist.settings.typed_settings import camera_settings

CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.1,
    "Camera.ElectronsPerCount": 0.5,
    "Camera.TrueEMGain": 1,
    "Camera.NoiseFactor": 1,
    "Camera.ReadNoise": 2,
    "Camera.ADOffset": 100,
}


def save(folder: Path, n_frames: int = 20, side: int = 16, metadata: dict[str, Value] = CAMERA) -> MovieFile:
    frames = np.full((n_frames, side, side), 300, np.uint16)
    frames[:5] = np.random.default_rng(0).normal(97, 3, frames[:5].shape)
    np.save(folder / "movie.npy", frames)
    (folder / "movie.json").write_text(json.dumps(metadata))
    return open_movie(folder / "movie.npy")


@pytest.fixture
def movie(tmp_path: Path) -> Iterator[MovieFile]:
    with save(tmp_path) as movie:
        yield movie


def test_a_complete_movie_needs_nothing_more(movie: MovieFile) -> None:
    settings, remarks = prepare(movie)
    assert settings["Camera.ADOffset"] == 100
    assert settings["Analysis.ROISize"] == 5
    assert remarks == []


def test_dark_frames_stand_in_for_a_missing_offset_and_are_remarked(tmp_path: Path) -> None:
    without = {key: value for key, value in CAMERA.items() if key != "Camera.ADOffset"}
    with save(tmp_path, metadata={**without, "Protocol.DarkFrameRange": [0, 5]}) as movie:
        settings, remarks = prepare(movie)
    assert settings["Camera.ADOffset"] == pytest.approx(97, abs=1)
    assert remarks == [f"Camera.ADOffset is {settings['Camera.ADOffset']:g} ADU, the median of the dark frames"]


@pytest.mark.parametrize("dark", [None, [0, 0], [30, 40], "0:5"])
def test_without_dark_frames_there_is_no_offset(movie: MovieFile, dark: Value) -> None:
    assert dark_offset(movie, {"Protocol.DarkFrameRange": dark} if dark else {}) is None


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    with save(tmp_path, metadata={}) as movie, pytest.raises(SettingError, match=r"-s Camera\.ADOffset=<ADU>"):
        prepare(movie)


@pytest.mark.parametrize(("side", "half"), [(10, 2), (10, 5), (12, 6)])
def test_frames_smaller_than_the_region_are_refused(tmp_path: Path, side: int, half: int) -> None:
    with save(tmp_path, side=side) as movie, pytest.raises(SettingError, match=f"frames of {side} x {side} px"):
        prepare(movie, None, [f"Analysis.ROISize={half}"])


def test_frames_just_as_large_as_the_region_will_do(tmp_path: Path) -> None:
    with save(tmp_path, side=11) as movie:
        check_frames(movie, fit_settings(resolve(movie.metadata)))


def test_a_movie_of_one_frame_will_do(tmp_path: Path) -> None:
    with save(tmp_path, n_frames=1) as movie:
        prepare(movie)


def test_a_start_beyond_the_end_is_refused(movie: MovieFile) -> None:
    with pytest.raises(SettingError, match=r"Analysis\.StartAt: is 20, but the movie has 20 frames"):
        prepare(movie, None, ["Analysis.StartAt=20"])


def test_maps_are_recorded_with_whole_path_and_content(movie: MovieFile, tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.full((16, 16), 90, np.float32))
    settings, _ = prepare(movie, None, ["Camera.DarkMapID=dark.npy"])
    assert settings["Camera.DarkMapID"] == str(tmp_path / "dark.npy")
    assert hashlib.sha256((tmp_path / "dark.npy").read_bytes()).hexdigest() in settings.values()
    offset = camera_model(camera_settings(settings), movie.frame_shape, Path("/nowhere")).offset_adu
    assert isinstance(offset, np.ndarray)
    assert (offset == 90).all()


def test_the_digest_follows_a_maps_content_and_not_its_place(movie: MovieFile, tmp_path: Path) -> None:
    for name, value in (("a", 90), ("b", 90), ("c", 91)):
        np.save(tmp_path / f"{name}.npy", np.full((16, 16), value, np.float32))
    a, b, c = (settings_digest(prepare(movie, None, [f"Camera.DarkMapID={name}.npy"])[0]) for name in "abc")
    assert a == b != c


def test_a_map_that_changes_after_submission_is_refused(movie: MovieFile, tmp_path: Path) -> None:
    np.save(tmp_path / "dark.npy", np.full((16, 16), 90, np.float32))
    settings, _ = prepare(movie, None, ["Camera.DarkMapID=dark.npy"])
    np.save(tmp_path / "dark.npy", np.full((16, 16), 91, np.float32))
    with pytest.raises(SettingError, match="has changed since the job was submitted"):
        camera_model(camera_settings(settings), movie.frame_shape, tmp_path)


def test_a_map_that_is_not_there_is_refused_at_once(movie: MovieFile) -> None:
    with pytest.raises(SettingError, match=r"Camera\.VarianceMapID: there is no file 'nix\.tif'"):
        prepare(movie, None, ["Camera.VarianceMapID=nix.tif"])


def test_settings_of_pyme_that_have_no_effect_are_remarked(movie: MovieFile) -> None:
    _, remarks = prepare(movie, None, ["Analysis.TrackFiducials=True"])
    assert remarks == ["Analysis.TrackFiducials has no effect: fiducials are not tracked"]
