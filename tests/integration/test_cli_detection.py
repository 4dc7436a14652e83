"""``test-detection``: a picture, a table and warnings, and no results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib import image as matplotlib_image

import pointillist as python
from pointillist.cli.main import load, pointillist
from pointillist.fitting.diagnosis import spread_frames


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(pointillist, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short movie with six emitters in each frame."""
    path = tmp_path_factory.mktemp("detection") / "movie.h5"
    assert run("simulate", path, "--frames", "40", "--size", "100x80", "--emitters", "6").exit_code == 0
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_draws_a_picture_beside_you_and_prints_a_line_for_each_frame(movie: Path, tmp_path: Path) -> None:
    result = run("test-detection", movie, "--frames", "4")
    assert result.exit_code == 0, result.output
    first_words = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert first_words[:6] == ["frame", "5", "15", "25", "35", "all"]
    assert "sigma (nm)" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["movie_detection.png"]
    picture = matplotlib_image.imread(tmp_path / "movie_detection.png")
    assert min(picture.shape[:2]) > 500
    assert picture[..., :3].std() > 0.1


def test_several_thresholds_stand_side_by_side(movie: Path, tmp_path: Path) -> None:
    one = run("test-detection", movie, "--frames", "2", "-o", tmp_path / "one.png")
    three = run("test-detection", movie, "--frames", "2", "-o", tmp_path / "three.png", "--threshold", "2,0.4,1")
    assert three.exit_code == 0, three.output
    assert "threshold" not in one.stdout.splitlines()[0]
    counts = {}
    for line in three.stdout.splitlines()[1:]:
        words = line.split()
        if len(words) > 2 and words[1] == "all":
            counts[float(words[0])] = int(words[2])
    assert list(counts) == [0.4, 1.0, 2.0]
    assert counts[0.4] > counts[1.0]
    heights = [matplotlib_image.imread(tmp_path / name).shape[0] for name in ("one.png", "three.png")]
    assert heights[1] > 1.5 * heights[0]


def test_a_wrong_setting_is_named_in_a_warning(movie: Path) -> None:
    result = run("test-detection", movie, "-s", "Camera.ADOffset=0")
    assert result.exit_code == 0
    assert "warning" in result.stdout
    assert "Camera.ADOffset" in result.stdout


def test_good_settings_give_no_warning(movie: Path) -> None:
    assert "no warnings" in run("test-detection", movie).stdout


def test_analyse_has_the_same_test(movie: Path, tmp_path: Path) -> None:
    arguments = [str(movie), "--test", "--frames", "2", "-o", str(tmp_path / "test.png")]
    result = CliRunner().invoke(load("analyse"), arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "test.png").exists()
    assert not list(tmp_path.glob("*.h5r"))


def test_options_of_the_test_are_refused_without_it(movie: Path) -> None:
    result = CliRunner().invoke(load("analyse"), [str(movie), "--threshold", "2"])
    assert result.exit_code == 2
    assert "--test" in result.stderr


def test_a_frame_that_is_not_finite_is_named_and_the_others_are_shown(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).normal(200, 5, size=(20, 40, 40)).astype(np.float32)
    frames[5, 3, 3] = np.nan
    np.save(tmp_path / "movie.npy", frames)
    (tmp_path / "movie.json").write_text(
        '{"voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ADOffset": 100, "Camera.ReadNoise": 1,'
        '"Camera.ElectronsPerCount": 1, "Camera.TrueEMGain": 1, "Camera.NoiseFactor": 1}'
    )
    result = run("test-detection", "movie.npy", "--frames", "2")
    assert result.exit_code == 0, result.output
    assert "frame 5 could not be analysed" in result.stdout
    assert (tmp_path / "movie_detection.png").exists()


def test_a_movie_of_one_frame_is_tested(tmp_path: Path) -> None:
    assert run("simulate", "one.h5", "--frames", "1", "--size", "64").exit_code == 0
    result = run("test-detection", "one.h5")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "one_detection.png").exists()


def test_of_large_frames_a_part_is_drawn(tmp_path: Path) -> None:
    assert run("simulate", "large.npy", "--frames", "2", "--size", "700x500").exit_code == 0
    result = run("test-detection", "large.npy", "--frames", "2")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "large_detection.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.h5"], "no such file"),
        (["."], "is a folder"),
        (["MOVIE", "-s", "Analysis.DetectionTreshold=1"], "did you mean Analysis.DetectionThreshold?"),
        (["MOVIE", "-s", "Analysis.ROISize=large"], "Analysis.ROISize"),
        (["MOVIE", "--settings", "missing.yaml"], "missing.yaml"),
        (["MOVIE", "-o", "file/a.png"], "cannot be inside the file"),
    ],
)
def test_bad_input_gets_one_line(movie: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    result = run("test-detection", *(str(movie) if word == "MOVIE" else word for word in arguments))
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_frames_are_spread_over_what_is_analysed() -> None:
    assert spread_frames(4, 0, 40) == [5, 15, 25, 35]
    assert spread_frames(2, 100, 300) == [150, 250]
    assert spread_frames(5, 0, 3) == [0, 1, 2]
    assert spread_frames(1, 0, 1) == [0]


def test_the_function_gives_the_picture_and_the_table_of_the_command(movie: Path, tmp_path: Path) -> None:
    shown = run("test-detection", movie, "--frames", "2", "--threshold", "0.8,1.2", "-o", tmp_path / "command.png")
    test = python.test_detection(movie, n_frames=2, thresholds=[1.2, 0.8])
    test.save(tmp_path / "deep" / "function.png")
    pictures = [path.read_bytes() for path in (tmp_path / "command.png", tmp_path / "deep" / "function.png")]
    assert pictures[0] == pictures[1] == test._repr_png_()
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert all("".join(cells).replace(" ", "") in ["".join(line) for line in lines] for cells in test.table)
    assert "candidates" in repr(test)
    assert "<td>" in test._repr_html_()


@pytest.mark.parametrize(("n_frames", "thresholds"), [(0, None), (1, []), (1, [0.0])])
def test_a_test_of_nothing_is_refused(movie: Path, n_frames: int, thresholds: list[float] | None) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        python.test_detection(movie, n_frames=n_frames, thresholds=thresholds)
