"""A package that adds a background, a detector and a fit, beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from pointillist.pipeline_files.hdf5_metadata import read_metadata

PARTS = {
    "pointillist.backgrounds": {"minimum": "lab_parts:Minimum"},
    "pointillist.detectors": {"brightest": "lab_parts:BRIGHTEST"},
    "pointillist.fits": {"Pixel": "lab_parts:PIXEL"},
}
SETTINGS = [
    *("-s", "Analysis.Background=minimum:s=8", "-s", "Analysis.Detector=brightest", "-s", "Analysis.FitModule=Pixel"),
    *("-s", "Analysis.DetectionThreshold=20", "-s", "Analysis.BrightestMargin=12"),
]


def install(folder: Path, parts: Mapping[str, Mapping[str, str]] = PARTS) -> dict[str, str]:
    """Put a package where Python finds it; return the environment."""
    shutil.copy(Path(__file__).parents[1] / "plugin_package" / "lab_parts.py", folder)
    about = folder / "lab_parts-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-parts\nVersion: 1.2\n")
    lines = [f"[{group}]\n" + "".join(f"{n} = {at}\n" for n, at in names.items()) for group, names in parts.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    return {**os.environ, "PYTHONPATH": str(folder)}


def run(environment: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pointillist.cli.main import pointillist as run; run()", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "movie.h5"
    options = ("--frames", 60, "--size", 32, "--emitters", 2, "--seed", 1)
    assert run(os.environ, "simulate", path, *options).returncode == 0
    return path


def test_a_job_is_done_with_the_parts_of_another_package(movie: Path, tmp_path: Path) -> None:
    environment = install(tmp_path)
    done = run(environment, "analyse", movie, "-o", tmp_path / "rows.h5r", "--engine", "local", *SETTINGS)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "rows.h5r") as file:
        rows, (metadata, _) = file["FitResults"][:], read_metadata(file)
        frames, names = rows["tIndex"], rows["fitResults"].dtype.names
        assert (metadata["Analysis.FitModule"], metadata["Analysis.Background"]) == ("Pixel", "minimum:s=8")
        assert metadata["Analysis.BrightestMargin"] == 12
        inside = rows["fitResults"]["x0"] / (1000 * float(str(metadata["voxelsize.x"])))
    assert names == ("A", "x0", "y0")
    assert inside.min() >= 12, "the setting of the package's own has an effect"
    assert inside.max() <= 19
    assert len(frames) > 10
    assert (np.diff(frames) > 0).all(), "one candidate in a frame, at most"
    about = run(environment, "info", tmp_path / "rows.h5r")
    assert about.returncode == 0, about.stderr


def test_a_test_of_the_detection_knows_the_parts(movie: Path, tmp_path: Path) -> None:
    done = run(install(tmp_path), "analyse", movie, "--test", "-o", tmp_path / "picture.png", *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "picture.png").exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("Analysis.BrightestMargin=4", "Analysis.BrightestMargin: 4 is out of range; give a value >= 5 px"),
        (
            "Analysis.DetectionRadiusLowpass=2",
            "Analysis.DetectionRadiusLowpass has no effect with Analysis.Detector=brig",
        ),
    ],
)
def test_settings_of_a_package_are_checked_like_ours(movie: Path, tmp_path: Path, given: str, says: str) -> None:
    done = run(install(tmp_path), "analyse", movie, "-o", tmp_path / "rows.h5r", *SETTINGS, "-s", given)
    assert says in done.stderr


def test_settings_of_a_package_are_listed(tmp_path: Path) -> None:
    listed = run(install(tmp_path), "settings", "brightest")
    assert "Analysis.BrightestMargin" in listed.stdout


def test_parts_that_are_not_installed_are_not_known(movie: Path, tmp_path: Path) -> None:
    done = run(os.environ, "analyse", movie, "-o", tmp_path / "rows.h5r", "-s", "Analysis.FitModule=Pixel")
    assert done.returncode == 1
    assert "Analysis.FitModule: Pixel is not available; choose one of LatGaussFitFR" in done.stderr


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"pointillist.backgrounds": {"minimum": "lab_parts:Maximum"}}, "cannot be imported from lab-parts 1.2"),
        ({"pointillist.backgrounds": {"mean": "lab_parts:Minimum"}}, "lab-parts adds one of this name, which exists"),
    ],
)
def test_a_part_that_cannot_be_used_gets_one_line(
    movie: Path, tmp_path: Path, parts: Mapping[str, Mapping[str, str]], says: str
) -> None:
    options = ("-s", "Analysis.Background=minimum", "-o", tmp_path / "rows.h5r")
    done = run(install(tmp_path, parts), "analyse", movie, *options)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
