"""``pointillist.analyse`` beside the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pointillist
from pointillist.cli.main import load, pointillist as program
from pointillist.errors import SettingError
from pointillist.pipeline_files.results import read_results
from pointillist.pipeline_protocol.messages import Progress


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "movie.h5"
    arguments = ["simulate", str(path), "--frames", "60", "--size", "64", "--emitters", "4"]
    assert CliRunner().invoke(program, arguments).exit_code == 0
    return path


def test_the_rows_are_those_of_the_command_and_progress_is_told(movie: Path, tmp_path: Path) -> None:
    arguments = [str(movie), "-o", str(tmp_path / "a.h5r"), "-s", "Analysis.DetectionThreshold=1.2"]
    done = CliRunner().invoke(load("analyse"), [*arguments, "--engine", "local", "--workers", "1"])
    assert done.exit_code == 0, done.output
    seen, said = list[Progress](), list[str]()
    analysis = pointillist.analyse(
        movie,
        {"Analysis.DetectionThreshold": np.float64(1.2)},
        output=tmp_path / "b.h5r",
        engine="local",
        workers=2,
        progress=seen.append,
        on_message=said.append,
    )
    ours, theirs = read_results(analysis.path).rows, read_results(tmp_path / "a.h5r").rows
    assert ours.tobytes() == theirs.tobytes()
    assert len(ours) == len(analysis.localizations) > 0
    assert analysis.n_frames == 60
    assert analysis.failures == {}
    assert seen[-1].n_done == seen[-1].n_frames == 60
    assert [each.n_done for each in seen] == sorted(each.n_done for each in seen)
    assert f"{len(ours)} localizations" in repr(analysis)
    assert "analysed" in analysis._repr_html_()
    assert [f"note: {remark}" for remark in analysis.remarks if f"note: {remark}" not in said] == []


def test_a_folder_takes_the_usual_name_and_an_open_movie_stays_open(movie: Path, tmp_path: Path) -> None:
    with pointillist.open_movie(movie) as opened:
        analysis = pointillist.analyse(opened, output=tmp_path, engine="local", workers=1)
        assert len(opened.read(0, 1)) == 1
    assert analysis.path == tmp_path / "movie.h5r"


def test_a_wrong_setting_is_an_error_before_anything_starts(movie: Path) -> None:
    with pytest.raises(SettingError, match="DetectionThreshold"):
        pointillist.analyse(movie, {"Analysis.DetectionTreshold": 1}, engine="local")


def test_an_array_is_refused_with_what_takes_arrays() -> None:
    with pytest.raises(TypeError, match=r"pointillist\.localize"):
        pointillist.analyse(np.zeros((3, 20, 20)))  # type: ignore[arg-type]


def test_the_background_of_a_movie_is_a_file_with_the_images_of_the_batches(movie: Path, tmp_path: Path) -> None:
    seen: list[float] = []
    path = pointillist.background(
        movie, "rollmed:k=10", output=tmp_path, engine="local", workers=1, progress=seen.append
    )
    assert path == tmp_path / "movie.background.h5"
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    with pointillist.open_movie(path) as stored:
        for start, stop, images in pointillist.background_batches(movie, "rollmed:k=10", batch=25):
            assert np.array_equal(stored.read(start, stop), images)
