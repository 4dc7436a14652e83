from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pointillist
from pointillist.api import localization
from pointillist.errors import MovieError, SettingError
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results import (
    ResultsDescription,
    append_localizations,
    create_results,
    read_results,
)
from pointillist.pipeline_protocol.messages import JobSpec
from pointillist.pipeline_worker.tasks.fit import FitRunner
from pointillist.settings.encoding import job_settings

SETTINGS: dict[str, Any] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": "0.1",
    "Camera.ElectronsPerCount": np.float64(0.5),
    "Camera.TrueEMGain": np.int64(1),
    "Camera.NoiseFactor": 1,
    "Camera.ReadNoise": 1.6,
    "Camera.ADOffset": "100",
    "Analysis.BGRange": (-10, 0),
}
MODULES = ["LatGaussFitFR", "AstigGaussFitFR", "GaussFitConstrR", "LatObjFindFR", "LatFitCOIR"]


def frames(n: int = 60) -> NDArray[np.uint16]:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:24, :24]
    movie = rng.poisson(20.0, (n, 24, 24)).astype(np.float64)
    for frame in range(0, n, 2):
        at_x, at_y = rng.uniform(7, 17, 2)
        movie[frame] += rng.poisson(200.0 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3.4))
    return (100 + movie).astype(np.uint16)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    np.save(tmp_path / "movie.npy", frames())
    return tmp_path / "movie.npy"


def results_of_a_worker(movie: MovieFile, settings: dict[str, Any], path: Path) -> Path:
    """Write a results file as the service does, with the rows that a worker answers with."""
    texts = [f"{name}={value}" for name, value in settings.items()]
    known, _ = prepare(movie, None, texts)
    spec = JobSpec(
        job="j",
        kind="fit",
        movie=str(movie.path),
        identity=movie.identity,
        n_frames=movie.n_frames,
        settings=job_settings(known),
        output="o",
    )
    description = ResultsDescription.of(movie, known)
    create_results(path, description, is_compressed=False)
    runner = FitRunner(spec)
    for start in range(0, movie.n_frames, 13):
        _, buffers = runner.compute(start, min(start + 13, movie.n_frames))
        append_localizations(path, np.frombuffer(buffers[0], description.dtype))
    runner.close()
    return path


@pytest.mark.parametrize("background", ["mean:b=-10", "sparsemed:k=8^i=10"])
@pytest.mark.parametrize("module", MODULES)
def test_path_movie_and_array_give_what_a_worker_finds_to_the_bit(
    movie: Path, module: str, background: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(localization, "_BLOCK_BYTES", 7 * 1152)
    settings = {
        **SETTINGS, "Analysis.FitModule": module, "Analysis.BGRange": "-10:0", "Analysis.Background": background
    }  # fmt: skip
    with pointillist.open_movie(movie) as opened:
        from_file = pointillist.read_results(results_of_a_worker(opened, settings, movie.with_name("worker.h5r")))
        from_movie = pointillist.localize(opened, settings)
        assert len(opened.read(0, 1)) == 1  # it is still open
    assert len(from_file) > 20
    for found in (from_movie, pointillist.localize(movie, settings), pointillist.localize(frames(), settings)):
        assert found.units == from_file.units
        assert found.to_numpy().dtype == from_file.to_numpy().dtype
        assert found.to_numpy().tobytes() == from_file.to_numpy().tobytes()


def test_lengths_are_the_numbers_of_the_file_and_light_is_in_photons(movie: Path) -> None:
    with pointillist.open_movie(movie) as opened:
        path = results_of_a_worker(opened, {**SETTINGS, "Analysis.BGRange": "-10:0"}, movie.with_name("worker.h5r"))
    found, rows = pointillist.read_results(path), read_results(path).rows
    np.testing.assert_allclose(found["x"], rows["x"] * 100, rtol=1e-6)
    np.testing.assert_allclose(found["sigma"], rows["sigma"] * 100, rtol=1e-6)
    np.testing.assert_array_equal(found["background"], rows["background"])
    expected = 2 * np.pi * rows["sigma"].astype(np.float64) ** 2 * rows["amplitude"]
    np.testing.assert_allclose(found["photons"], expected, rtol=1e-6)
    np.testing.assert_allclose(found["slope_x"], rows["slope_x"] / 100, rtol=1e-6)
    assert {name: found.units.get(name) for name in ("frame", "x", "y_error", "sigma", "photons", "slope_x")} == {
        "frame": None, "x": "nm", "y_error": "nm", "sigma": "nm", "photons": "photons", "slope_x": "photons/nm"
    }  # fmt: skip


def test_elliptical_spots_have_two_widths() -> None:
    found = pointillist.localize(frames(), {**SETTINGS, "Analysis.FitModule": "AstigGaussFitFR"})
    assert {"sigma_x", "sigma_y", "sigma_x_error"} <= set(found)
    assert "sigma" not in found


def test_a_range_gives_the_rows_of_its_frames() -> None:
    whole, part = pointillist.localize(frames(), SETTINGS), pointillist.localize(frames(), SETTINGS, start=20, stop=33)
    is_inside = (whole["frame"] >= 20) & (whole["frame"] < 33)
    assert part.to_numpy().tobytes() == whole[is_inside].to_numpy().tobytes()
    assert len(pointillist.localize(frames(), SETTINGS, start=7, stop=7)) == 0


def test_progress_is_told_up_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localization, "_BLOCK_BYTES", 7 * 1152)
    told: list[tuple[int, int]] = []
    pointillist.localize(frames(), SETTINGS, start=10, progress=lambda *state: told.append(state))
    assert told[-1] == (50, 50)
    assert len(told) > 2
    assert told == sorted(told)


def test_what_an_array_needs_is_named() -> None:
    with pytest.raises(SettingError) as raised:
        pointillist.localize(frames())
    missing = {"voxelsize.x", "voxelsize.y", "Camera.ElectronsPerCount", "Camera.ReadNoise", "Camera.ADOffset"}
    assert all(name in str(raised.value) for name in missing)


def test_an_unknown_setting_is_told_with_the_near_one() -> None:
    with pytest.raises(SettingError, match=r"did you mean Analysis\.DetectionThreshold"):
        pointillist.localize(frames(), {**SETTINGS, "Analysis.DetectionTreshold": 1})


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((24, 24), np.uint16), "2 dimensions"),
        (np.zeros((0, 24, 24), np.uint16), "no frames"),
        (np.zeros((2, 24, 24), np.int64), "int64"),
    ],
)
def test_arrays_that_are_no_movies_are_refused(array: NDArray[Any], problem: str) -> None:
    with pytest.raises(MovieError, match=problem):
        pointillist.localize(array, SETTINGS)


def test_the_array_is_not_changed_and_may_be_read_only_or_of_any_order() -> None:
    given = np.asfortranarray(frames())
    given.flags.writeable = False
    found = pointillist.localize(given, SETTINGS)
    assert found.to_numpy().tobytes() == pointillist.localize(frames(), SETTINGS).to_numpy().tobytes()


def test_float64_is_read_as_float32_with_a_remark() -> None:
    found = pointillist.localize(frames().astype(np.float64), SETTINGS)
    assert any("float64" in remark for remark in found.remarks)
    expected = pointillist.localize(frames().astype(np.float32), SETTINGS)
    assert found.to_numpy().tobytes() == expected.to_numpy().tobytes()


def test_frames_that_cannot_be_analysed_are_named() -> None:
    with_nan = frames().astype(np.float32)
    with_nan[20, 3, 3] = np.nan
    found = pointillist.localize(with_nan, SETTINGS)
    assert list(found.failures) == [20]
    assert 20 not in found["frame"]


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (5, 4), (0, 61)])
def test_ranges_outside_the_movie_are_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="60 frames"):
        pointillist.localize(frames(), SETTINGS, start=start, stop=stop)
