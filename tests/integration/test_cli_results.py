"""``score``, ``render`` and ``info`` of results: what comes out is what went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from matplotlib import image as matplotlib_image
from written_results import write_results

from pointillist.cli.main import pointillist
from pointillist.fitting.localizations import LOCALIZATION_DTYPE, FrameBlock
from pointillist.fitting.localizer import localize
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.settings.analysis import fit_settings
from pointillist.settings.typed_settings import camera_settings


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(pointillist, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a simulated movie, its truth and its results; and with results that hold nothing."""
    folder = tmp_path_factory.mktemp("results")
    arguments = ["--frames", "150", "--size", "128", "--emitters", "6", "--seed", "2"]
    assert run("simulate", folder / "movie.h5", *arguments).exit_code == 0
    with open_movie(folder / "movie.h5") as movie:
        settings, _ = prepare(movie, None, ["Analysis.BGRange=0:0"])
        block = FrameBlock(frames=movie.read(0, 150), first=0, n_movie_frames=150)
        camera = camera_model(camera_settings(settings), movie.frame_shape, folder)
        found = localize(block, 0, 150, camera, fit_settings(settings))
        description = ResultsDescription.of(movie, settings)
    write_results(folder / "movie.h5r", description, [found.rows], [(0, 150)], {7: "3 of 9 pixels are not finite"})
    nothing = np.zeros(0, LOCALIZATION_DTYPE)
    write_results(folder / "empty.h5r", description, [nothing], [(0, 150)], {})
    return folder


def number_after(text: str, label: str) -> float:
    line = next(line for line in text.splitlines() if line.startswith(label))
    return float(line.removeprefix(label).split()[0].rstrip(","))


def test_score_finds_a_good_analysis_good(folder: Path) -> None:
    result = run("score", folder / "movie.h5r", folder / "movie.truth.h5")
    assert result.exit_code == 0, result.output
    assert number_after(result.stdout, "recall") > 0.93
    assert number_after(result.stdout, "precision") > 0.97
    assert 0.9 < number_after(result.stdout, "error over bound x, y") < 2.5
    assert "nm" in result.stdout


def test_score_counts_only_frames_that_were_analysed(folder: Path, tmp_path: Path) -> None:
    with open_movie(folder / "movie.h5") as movie:
        settings, _ = prepare(movie)
        description = ResultsDescription.of(movie, settings)
    nothing = np.zeros(0, LOCALIZATION_DTYPE)
    write_results(tmp_path / "part.h5r", description, [nothing], [(0, 10)], {})
    part = run("score", tmp_path / "part.h5r", folder / "movie.truth.h5")
    whole = run("score", folder / "empty.h5r", folder / "movie.truth.h5")
    assert part.exit_code == whole.exit_code == 0
    assert number_after(part.stdout, "recall") == 0.0
    assert number_after(part.stdout, "emitters") < 0.2 * number_after(whole.stdout, "emitters")


def test_score_refuses_files_that_are_none(folder: Path) -> None:
    swapped = run("score", folder / "movie.truth.h5", folder / "movie.h5r")
    assert swapped.exit_code == 1
    assert swapped.stderr.count("\n") == 1
    assert "truth" in swapped.stderr


def test_a_rendered_tiff_holds_every_localization(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "counts.tif"
    result = run("render", folder / "movie.h5r", "-o", picture, "--method", "histogram", "--pixel-size", "25")
    assert result.exit_code == 0, result.output
    image = tifffile.imread(picture)
    assert image.shape == (512, 512)
    drawn, _, total = next(line for line in result.stdout.splitlines() if line.startswith("drawn")).split()[1:4]
    assert drawn == total
    assert image.sum() == int(drawn)


def test_a_rendered_png_has_the_size_that_is_stated_and_light_in_it(folder: Path, tmp_path: Path) -> None:
    result = run("render", folder / "movie.h5r", "-o", tmp_path / "a.png", "--pixel-size", "50")
    assert result.exit_code == 0, result.output
    picture = matplotlib_image.imread(tmp_path / "a.png")
    assert picture.shape[:2] == (256, 256)
    assert "12.8 x 12.8 µm" in result.stdout
    assert np.count_nonzero(picture[..., 0] > 0.3) > 100


def test_imprecise_localizations_can_be_left_out(folder: Path, tmp_path: Path) -> None:
    result = run("render", folder / "movie.h5r", "-o", tmp_path / "a.png", "--max-error", "8.7")
    drawn, _, total = next(line for line in result.stdout.splitlines() if line.startswith("drawn")).split()[1:4]
    assert 0 < int(drawn) < int(total)


def test_results_without_localizations_are_drawn_black(folder: Path, tmp_path: Path) -> None:
    assert run("render", folder / "empty.h5r", "-o", tmp_path / "a.png").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "picture.jpg"], "cannot end in"),
        (["--pixel-size", "0.01"], "too large"),
        (["-o", "missing.h5r/picture.png"], "cannot be inside the file"),
    ],
)
def test_pictures_that_cannot_be_made_get_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "missing.h5r").touch()
    result = run("render", folder / "movie.h5r", *arguments)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_info_of_results_tells_photons_precision_and_failures(folder: Path) -> None:
    result = run("info", folder / "movie.h5r")
    assert result.exit_code == 0, result.output
    assert number_after(result.stdout, "photons") == pytest.approx(1000, rel=0.05)
    assert number_after(result.stdout, "precision") == pytest.approx(8.6, abs=0.6)
    assert number_after(result.stdout, "sigma") == pytest.approx(133, abs=3)
    assert number_after(result.stdout, "converged") > 98
    assert "LatGaussFitFR, weighted least squares" in result.stdout
    assert "frame 7: 3 of 9 pixels are not finite" in result.stdout
    assert "Analysis.DetectionThreshold" in result.stdout


def test_info_of_empty_results_says_so(folder: Path) -> None:
    result = run("info", folder / "empty.h5r")
    assert result.exit_code == 0, result.output
    assert number_after(result.stdout, "localizations") == 0


def test_settings_are_listed_with_default_and_unit() -> None:
    result = run("settings", "threshold")
    assert result.exit_code == 0
    assert "Analysis.DetectionThreshold" in result.stdout
    assert "voxelsize.x" not in result.stdout
