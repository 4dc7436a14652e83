"""A real sCMOS movie, analysed with its maps as they lie and as they were distributed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pointillist.cli.main import load
from pointillist.pipeline_files.results.reader import read_results


@pytest.fixture
def movie(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The movie, without maps; compiled kernels are shared, and nothing else with the user's own runs."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "PYMEDATADIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    (tmp_path / "movie.tif").symlink_to(shared_data / "scmos_storm" / "scmos_storm.tif")
    return tmp_path / "movie.tif"


def describe(movie: Path, maps: Path) -> None:
    """Put the camera, and its maps, beside the movie."""
    with np.load(maps) as images:
        np.save(movie.with_name("dark.npy"), images["offset_adu"])
        np.save(movie.with_name("variance.npy"), images["variance_adu2"])
        electrons_per_adu = float(1 / np.median(images["gain_adu_per_e"]))
    metadata = {
        "voxelsize.x": 0.16, "voxelsize.y": 0.16, "Camera.Type": "sCMOS", "Camera.DarkMapID": "dark.npy",
        "Camera.ElectronsPerCount": electrons_per_adu, "Camera.VarianceMapID": "variance.npy",
        "Camera.VarianceMapUnits": "ADU^2", "Analysis.BGRange": [0, 0],
    }  # fmt: skip
    movie.with_suffix(".json").write_text(json.dumps(metadata))


def analyse(movie: Path, *arguments: str) -> Result:
    results = str(movie.with_suffix(".h5r"))
    return CliRunner().invoke(load("analyse"), [str(movie), "-o", results, "--workers", "1", *arguments])


def test_with_its_maps_the_movie_is_analysed(movie: Path, shared_data: Path) -> None:
    describe(movie, shared_data / "scmos_storm" / "maps_oriented.npz")
    done = analyse(movie)
    assert done.exit_code == 0, done.output
    found = read_results(movie.with_suffix(".h5r"))
    assert found.is_complete
    assert found.n_localizations > 500
    assert np.mean(found.rows["result_code"] == 1) > 0.9


def test_maps_that_are_transposed_stop_the_analysis_and_the_message_mends_it(movie: Path, shared_data: Path) -> None:
    describe(movie, shared_data / "scmos_storm" / "maps_as_distributed.npz")
    refused = analyse(movie)
    assert refused.exit_code == 1
    assert "give -s Camera.MapOrientation=transposed" in " ".join(refused.stderr.split())
    assert not movie.with_suffix(".h5r").exists()
    mended = analyse(movie, "-s", "Camera.MapOrientation=transposed")
    assert mended.exit_code == 0, mended.output
    rows = read_results(movie.with_suffix(".h5r")).rows
    movie.with_suffix(".h5r").unlink()
    describe(movie, shared_data / "scmos_storm" / "maps_oriented.npz")
    assert analyse(movie).exit_code == 0
    assert rows.tobytes() == read_results(movie.with_suffix(".h5r")).rows.tobytes()
