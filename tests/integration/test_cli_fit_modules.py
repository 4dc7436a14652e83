"""Every fit module, from the settings to the picture, as a user types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from pointillist.cli.main import pointillist
from pointillist.fitting.estimation.modules import MODULES
from pointillist.pipeline_files.results.fit_formats import PYME_FORMATS
from pointillist.pipeline_files.results.reader import read_results

CHOICES = [(name, estimator) for name, module in MODULES.items() for estimator in module.estimators or ("wls",)]


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(pointillist, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def number_after(text: str, label: str) -> float:
    line = next(line for line in text.splitlines() if line.startswith(label))
    return float(line.removeprefix(label).split()[0].rstrip(","))


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("modules") / "movie.h5"
    run("simulate", path, "--frames", "60", "--size", "128", "--emitters", "5", "--seed", "4")
    return path


@pytest.mark.parametrize(("fit_module", "estimator"), CHOICES)
def test_a_movie_becomes_a_picture(movie: Path, tmp_path: Path, fit_module: str, estimator: str) -> None:
    results, places = tmp_path / "out.h5r", {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config"}
    command = [
        sys.executable,
        "-c",
        "from pointillist.cli.main import analyse as run; run()",
        str(movie),
        "-o",
        str(results),
    ]
    options = ["-s", f"Analysis.FitModule={fit_module}", "-s", f"Analysis.Estimator={estimator}", "--workers", "1"]
    environment = {**os.environ, **{name: str(tmp_path / folder) for name, folder in places.items()}}
    subprocess.run([*command, *options], check=True, timeout=200, env=environment, capture_output=True)
    with h5py.File(results) as file:
        assert file["FitResults"].dtype == PYME_FORMATS[fit_module].dtype
    rows = read_results(results).rows
    assert rows.dtype == MODULES[fit_module].dtype
    assert (rows["roi_x_stop"] - rows["roi_x_start"]).max() == 2 * MODULES[fit_module].roi_half_size + 1

    summary = run("score", results, movie.with_suffix(".truth.h5"))
    assert number_after(summary, "recall") > 0.9
    assert number_after(summary, "precision") > 0.95
    assert number_after(summary, "error over bound x, y") < 2
    has_sigma = "sigma" in (rows.dtype.names or ())
    about = run("info", results)
    assert ("maximum likelihood" in about, "least squares" in about) == (
        (estimator == "mle", estimator == "wls") if MODULES[fit_module].estimators else (False, False)
    )
    for text in (summary, about):
        assert "nan" not in text
        assert any(line.startswith("sigma") for line in text.splitlines()) is has_sigma
        assert any(line.startswith("sigma along y") for line in text.splitlines()) is (fit_module == "AstigGaussFitFR")
    drawn = run("render", results, "-o", tmp_path / "picture.png")
    assert f"of {len(rows)} localizations" in drawn


@pytest.mark.parametrize(("fit_module", "estimator"), CHOICES)
def test_the_test_of_the_detection_shows_what_there_is(
    movie: Path, tmp_path: Path, fit_module: str, estimator: str
) -> None:
    picture = tmp_path / "test.png"
    chosen = ["-s", f"Analysis.FitModule={fit_module}", "-s", f"Analysis.Estimator={estimator}"]
    table = run("test-detection", movie, "--frames", "2", "-o", picture, *chosen)
    assert "no warnings" in table
    assert ("sigma (nm)" in table) is ("sigma" in (MODULES[fit_module].dtype.names or ()))
    assert ("along y" in table) is (fit_module == "AstigGaussFitFR")
    cells = table.splitlines()[3].split()
    assert cells[0] == "all"
    assert "-" not in cells
    assert picture.exists()


def test_results_without_errors_are_not_sorted_out_by_error(movie: Path, tmp_path: Path) -> None:
    results = tmp_path / "out.h5r"
    command = [
        sys.executable,
        "-c",
        "from pointillist.cli.main import analyse as run; run()",
        str(movie),
        "-o",
        str(results),
    ]
    subprocess.run([*command, "-s", "Analysis.FitModule=LatFitCOIR"], check=True, timeout=200, capture_output=True)
    result = CliRunner().invoke(pointillist, ["render", str(results), "--max-error", "10"])
    assert result.exit_code == 1
    assert (
        result.stderr
        == "error: --max-error: the fit of these results reports no position errors; leave the option out\n"
    )
