"""``pointillist simulate`` and ``info``: movies with truth, in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pointillist.cli.main import pointillist
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.truth import read_truth
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.typed_settings import camera_settings

SMALL = ["--frames", "70", "--size", "48x32", "--emitters", "4", "--seed", "5"]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(pointillist, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ["movie.h5", "movie.tif", "movie.npy"])
def test_every_format_holds_the_same_movie_and_is_ready_to_be_analysed(tmp_path: Path, name: str) -> None:
    result = run("simulate", tmp_path / name, *SMALL)
    assert result.exit_code == 0, result.output
    with open_movie(tmp_path / name) as movie:
        assert (movie.n_frames, movie.frame_shape, movie.dtype) == (70, (32, 48), np.dtype(np.uint16))
        prepare(movie)
        frames = movie.read(0, 70)
    assert int(frames.sum(dtype=np.int64)) == int(_reference(tmp_path).sum(dtype=np.int64))
    np.testing.assert_array_equal(frames, _reference(tmp_path))


def _reference(tmp_path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    path = tmp_path / "reference.npy"
    if not path.exists():
        assert run("simulate", path, *SMALL).exit_code == 0
    frames: np.ndarray[tuple[int, ...], np.dtype[np.uint16]] = np.load(path)
    return frames


def test_the_truth_lies_where_the_light_is(tmp_path: Path) -> None:
    run("simulate", tmp_path / "movie.tif", *SMALL, "--background", "1", "--photons", "5000", "--emitters", "1")
    truth = read_truth(tmp_path / "movie.truth.h5")
    with open_movie(tmp_path / "movie.tif") as movie:
        frames = movie.read(0, 70)
    lone = [frame for frame in range(70) if np.count_nonzero(truth.rows["frame"] == frame) == 1]
    assert len(lone) > 10
    for row in truth.rows[np.isin(truth.rows["frame"], lone)]:
        y, x = np.unravel_index(int(frames[row["frame"]].argmax()), (32, 48))
        assert abs(x - row["x"]) < 1.5
        assert abs(y - row["y"]) < 1.5


def test_maps_are_written_and_used(tmp_path: Path) -> None:
    result = run("simulate", tmp_path / "movie.h5", *SMALL, "--camera", "scmos", "--maps")
    assert result.exit_code == 0, result.output
    with open_movie(tmp_path / "movie.h5") as movie:
        settings, _ = prepare(movie)
        camera = camera_model(camera_settings(settings), movie.frame_shape, tmp_path)
        mean = movie.read(0, 70).mean(axis=0)
    offset, variance = np.asarray(camera.offset_adu), np.asarray(camera.read_variance_e2)
    assert offset.shape == variance.shape == np.asarray(camera.flat_field).shape == (32, 48)
    assert variance.max() > 50
    dark = mean[0] - offset[0]
    assert np.corrcoef(mean[0], offset[0])[0, 1] > 0.3
    assert dark.std() < mean[0].std()


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    run("simulate", tmp_path / "movie.npy", *SMALL)
    before = (tmp_path / "movie.npy").read_bytes()
    refused = run("simulate", tmp_path / "movie.npy", *SMALL, "--seed", "6")
    assert refused.exit_code == 1
    assert "exists already" in refused.stderr
    assert (tmp_path / "movie.npy").read_bytes() == before
    assert run("simulate", tmp_path / "movie.npy", *SMALL, "--seed", "6", "--overwrite").exit_code == 0
    assert (tmp_path / "movie.npy").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["movie.avi"], "cannot end in .avi"),
        (["movie.h5", "--size", "abc"], "is not a frame size"),
        (["movie.h5", "--size", "4"], "at least 16"),
        (["movie.h5", "--photons", "0"], "x>0"),
        (["file/movie.tif"], "cannot be inside the file"),
    ],
)
def test_bad_input_gets_a_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = run("simulate", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("structure", ["uniform", "filaments", "pores"])
@pytest.mark.parametrize("camera", ["ccd", "emccd", "scmos"])
def test_every_structure_and_camera_can_be_simulated(tmp_path: Path, structure: str, camera: str) -> None:
    result = run("simulate", tmp_path / "a.npy", *SMALL, "--structure", structure, "--camera", camera, "--on-time", "2")
    assert result.exit_code == 0, result.output
    assert "frames/s" in result.stdout


def test_info_of_a_movie_tells_its_size_in_the_sample(tmp_path: Path) -> None:
    run("simulate", tmp_path / "movie.h5", *SMALL)
    result = run("info", tmp_path / "movie.h5")
    assert result.exit_code == 0
    assert "48 x 32 px" in result.stdout
    assert "4.8 x 3.2 µm" in result.stdout
    assert "ready to be analysed" in result.stdout


def test_info_of_a_truth_file_tells_what_was_simulated(tmp_path: Path) -> None:
    run("simulate", tmp_path / "movie.h5", *SMALL)
    result = run("info", tmp_path / "movie.truth.h5")
    assert result.exit_code == 0
    assert "per frame" in result.stdout


def test_info_lists_what_a_bare_movie_lacks(tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", np.ones((3, 32, 32), dtype=np.uint16))
    result = run("info", tmp_path / "bare.npy")
    assert result.exit_code == 0
    for key in ("voxelsize.x", "Camera.ADOffset", "Camera.ElectronsPerCount"):
        assert f"-s {key}=" in result.stdout


def test_info_of_what_is_no_movie_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.h5").write_text("not a movie")
    result = run("info", tmp_path / "notes.h5")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
