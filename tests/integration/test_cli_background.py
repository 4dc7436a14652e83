"""``pointillist background``, as a user types it."""

from __future__ import annotations

import getpass
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.results.reader import read_results


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_command("background", *arguments)


def run_command(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from pointillist.cli.main import pointillist as run; run()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def movie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two frames of each, so that a window of two after each is the same for some."""
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "data").mkdir()
    (tmp_path / "day").mkdir()
    frames = np.random.default_rng(0).integers(0, 500, (4, 30, 34)).repeat(10, axis=0).astype(np.uint16)
    np.save(tmp_path / "day" / "movie.npy", frames)
    return tmp_path / "day" / "movie.npy"


def images_of(path: Path) -> NDArray[np.float32]:
    with open_movie(path) as movie:
        return movie.read(0, movie.n_frames)


def test_every_form_of_the_file_has_the_same_values(movie: Path, tmp_path: Path) -> None:
    window = ("-s", "Analysis.BGRange=-3:0")
    paths: list[Path] = []
    for options in ([], ["--no-compress"], ["--mapped"], ["--mapped", "--no-compress"]):
        paths.append(tmp_path / f"out{len(paths)}.h5")
        done = run(movie, "-o", paths[-1], *window, *options, "--workers", 1)
        assert done.returncode == 0, done.stderr
    for path in paths[1:]:
        np.testing.assert_array_equal(images_of(path), images_of(paths[0]))
    sizes = [path.stat().st_size for path in paths]
    assert sizes[0] < sizes[1]
    assert sizes[2] < sizes[3] < sizes[1]
    with h5py.File(paths[2]) as file:
        assert len(file["MappedImageData"]) == 1 + 3 * 3  # constant, but for three frames after each change


def test_the_file_goes_beside_the_results_and_nothing_is_overwritten(movie: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / getpass.getuser() / "analysis" / "day"
    for name in ("movie.background.h5", "movie.background_1.h5"):
        done = run(movie, "--workers", 1)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout.replace("\n", "")
        assert (folder / name).exists()
    with open_movie(folder / "movie.background.h5") as background:
        assert background.metadata["Analysis.BGRange"] == (-30, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.h5"], "no such file"),
        (["movie.npy", "-s", "Analysis.BGRange=0:0"], "choose a method"),
        (["movie.npy", "-s", "Analysis.BGRnage=-3:0"], "did you mean Analysis.BGRange?"),
        (["movie.npy", "--method", "rollmde"], "did you mean rollmed?"),
        (["movie.npy", "--method", "rollmed:k=0"], "1 or more"),
        (["movie.npy", "--method", "copy"], "Analysis.BackgroundFile"),
        (["movie.npy", "--method", "sparsemed"], "Camera.CycleTime"),
        (["movie.npy", "--resume"], "no unfinished"),
        (["movie.npy", "-o", "movie.npy/background.h5"], "cannot be"),
    ],
)
def test_bad_input_gets_one_line(
    movie: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(movie.parent)
    done = run(*arguments)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr


def test_an_analysis_that_copies_the_background_finds_the_same_as_one_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    method = "sparsemed:k=20^i=40"
    made = run_command("simulate", "movie.h5", "--frames", "200", "--size", "64", "--emitters", "4")
    assert made.returncode == 0, made.stderr
    done = run("movie.h5", "-o", "background.h5", "--method", method, "--mapped", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "different ones" in done.stdout
    copied = ("-s", "Analysis.Background=copy", "-s", f"Analysis.BackgroundFile={tmp_path / 'background.h5'}")
    for name, settings in (("made", ("-s", f"Analysis.Background={method}")), ("copied", copied)):
        done = run_command("analyse", "movie.h5", "-o", f"{name}.h5r", *settings, "--workers", "1")
        assert done.returncode == 0, done.stderr
    copy, original = read_results(tmp_path / "copied.h5r"), read_results(tmp_path / "made.h5r")
    assert copy.rows.tobytes() == original.rows.tobytes()
    assert copy.n_localizations > 100
    assert str(copy.metadata["Pointillist.CopiedBackground"]).startswith("sparsemed:k=20^")


def test_frames_without_a_background_are_told(movie: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.h5"
    frames = np.load(movie).transpose(0, 2, 1)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("ImageData", data=frames, chunks=(1, *frames.shape[1:]), compression="gzip")
        place = data.id.get_chunk_info(20)
    content = bytearray(path.read_bytes())
    content[place.byte_offset + 20 : place.byte_offset + place.size] = bytes(place.size - 20)
    path.write_bytes(bytes(content))
    done = run(path, "-o", tmp_path / "out.h5", "-s", "Analysis.BGRange=0:1", "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "frame 20: " in done.stdout
    assert "frame 20: " in run_command("info", tmp_path / "out.h5").stdout
