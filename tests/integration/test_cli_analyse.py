"""``analyse`` and ``launch-workers``, as a user types them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from lockless import lockless

from pointillist.pipeline_files.paths import journal_path
from pointillist.pipeline_files.results.reader import read_results

CAMERA = [
    "-s", "voxelsize.x=0.1", "-s", "voxelsize.y=0.1", "-s", "Camera.ADOffset=100", "-s", "Camera.ReadNoise=1",
    "-s", "Camera.ElectronsPerCount=1", "-s", "Camera.TrueEMGain=1", "-s", "Camera.NoiseFactor=1",
]  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has no server and no results; compiled kernels are shared."""
    places = {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "PYMEDATADIR": "data"}
    for folder in places.values():
        (tmp_path / folder).mkdir()
    return {**os.environ, "USER": "ada", "LOGNAME": "ada", **{name: str(tmp_path / f) for name, f in places.items()}}


def start(environment: Mapping[str, str], name: str, *arguments: str | Path) -> subprocess.Popen[str]:
    code = f"from pointillist.cli.main import {name.replace('-', '_')} as run; run()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(environment: Mapping[str, str], name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    process = start(environment, name, *arguments)
    stdout, stderr = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def simulated(path: Path, environment: Mapping[str, str], n_frames: int) -> Path:
    options = ["--frames", str(n_frames), "--size", "128", "--emitters", "6"]
    assert run(environment, "pointillist", "simulate", path, *options).returncode == 0
    return path


def test_results_go_where_pyme_puts_them_and_the_end_tells_what_they_are(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    movie = simulated(tmp_path / "day_one" / "movie.h5", environment, 200)
    done = run(environment, "analyse", movie, "--workers", "2")
    results = tmp_path / "data" / "ada" / "analysis" / "day_one" / "movie.h5r"
    assert done.returncode == 0, done.stderr
    assert str(results) in done.stdout.replace("\n", "")
    stored = read_results(results)
    assert stored.is_complete
    assert f"{stored.n_localizations}" in done.stdout
    assert "200 analysed" in done.stdout
    again = run(environment, "analyse", movie, "--workers", "2")
    assert again.returncode == 0
    assert results.with_name("movie_1.h5r").exists()


def test_an_analysis_that_finds_nothing_writes_results_and_says_so(tmp_path: Path, environment: dict[str, str]) -> None:
    np.save(tmp_path / "dark.npy", np.full((30, 40, 40), 100, dtype=np.uint16))
    done = run(environment, "analyse", tmp_path / "dark.npy", *CAMERA, "-o", tmp_path / "dark.h5r")
    assert done.returncode == 0, done.stderr
    assert "nothing was found" in done.stderr
    assert read_results(tmp_path / "dark.h5r").n_localizations == 0


def test_frames_that_failed_are_named(tmp_path: Path, environment: dict[str, str]) -> None:
    frames = np.random.default_rng(1).normal(150, 5, size=(30, 40, 40)).astype(np.float32)
    frames[17, 2, 2] = np.nan
    np.save(tmp_path / "movie.npy", frames)
    done = run(environment, "analyse", tmp_path / "movie.npy", *CAMERA, "-o", tmp_path / "movie.h5r")
    assert done.returncode == 0, done.stderr
    assert "frame 17: 1 of 1600 pixels are not finite" in done.stdout


def test_ctrl_c_leaves_an_analysis_that_the_same_command_finishes(tmp_path: Path, environment: dict[str, str]) -> None:
    movie = simulated(tmp_path / "movie.h5", environment, 4000)
    whole, stopped = tmp_path / "whole.h5r", tmp_path / "stopped.h5r"
    assert run(environment, "analyse", movie, "-o", whole).returncode == 0
    process = start(environment, "analyse", movie, "-o", stopped)
    journal = journal_path(stopped)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 20_000):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr.splitlines()[-1] == "stopped; give the same command again to resume"
    assert not stopped.exists()
    resumed = run(environment, "analyse", movie, "-o", stopped, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming" in resumed.stderr
    assert stopped.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.h5"], "no such file"),
        (["."], "is a folder"),
        (["movie.npy"], "Camera.ADOffset"),
        (["movie.npy", *CAMERA, "-s", "Analysis.DetectionTreshold=2"], "did you mean Analysis.DetectionThreshold?"),
        (["movie.npy", *CAMERA, "-s", "Analysis.ROISize=five"], "Analysis.ROISize"),
        (["movie.npy", *CAMERA, "--resume"], "no unfinished analysis"),
        (["movie.npy", *CAMERA, "-o", "movie.npy/results.h5r"], "cannot be"),
    ],
)
def test_bad_input_gets_one_line(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("movie.npy", np.full((3, 40, 40), 100, dtype=np.uint16))
    done = run(environment, "analyse", *arguments)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in done.stderr


@pytest.fixture
def launched(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A server with one worker, that has said so."""
    process = start(environment, "launch-workers", "1")
    assert process.stdout is not None
    for line in process.stdout:
        if "1 worker" in line:
            break
    yield process
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr


@pytest.mark.usefixtures("launched")
def test_analyse_uses_the_workers_that_were_launched(tmp_path: Path, environment: dict[str, str]) -> None:
    movie = simulated(tmp_path / "movie.h5", environment, 100)
    done = run(environment, "analyse", movie, "-o", tmp_path / "movie.h5r")
    assert done.returncode == 0, done.stderr
    assert "using the server at tcp://127.0.0.1" in done.stderr
    assert read_results(tmp_path / "movie.h5r").is_complete


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_disk_without_locks_is_read_from_and_written_to(
    tmp_path: Path, environment: dict[str, str], number: int
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    movie = simulated(disk / "movie.h5", {**lockless(disk, number), **environment}, 200)
    done = run({**lockless(disk, number), **environment}, "analyse", movie, "-o", disk / "a.h5r", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "has no file locks" in done.stderr
    assert run(environment, "analyse", movie, "-o", tmp_path / "b.h5r", "--workers", "1").returncode == 0
    assert (disk / "a.h5r").read_bytes() == (tmp_path / "b.h5r").read_bytes()
    assert not list(disk.glob("*.holder"))
    shown = run({**lockless(disk, number), **environment}, "pointillist", "info", disk / "a.h5r")
    assert shown.returncode == 0, shown.stderr


def test_an_account_without_a_home_folder_analyses_and_is_told_once_where_logs_are(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    movie = simulated(tmp_path / "movie.h5", environment, 100)
    nowhere = {f"XDG_{name}_HOME": "" for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    account = {**environment, **nowhere, "HOME": str(movie / "home"), "TMPDIR": str(tmp_path)}
    account = {name: value for name, value in account.items() if name not in {"PYMEDATADIR", "POINTILLIST_LOGS"}}
    done = run(account, "analyse", movie, "-o", tmp_path / "a.h5r", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert read_results(tmp_path / "a.h5r").is_complete
    assert done.stderr.count("no logs can be written") == 1
    assert "POINTILLIST_LOGS sets another folder" in done.stderr
    assert run(account, "pointillist", "info", tmp_path / "a.h5r").returncode == 0
    assert run(account, "pointillist", "render", tmp_path / "a.h5r", "-o", tmp_path / "a.png").returncode == 0
    refused = run(account, "pointillist", "key", "show")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0].endswith("or set POINTILLIST_CLUSTER_KEY or POINTILLIST_CONFIG")
    moved = {**account, "POINTILLIST_CONFIG": str(tmp_path / "keys"), "POINTILLIST_LOGS": str(tmp_path / "logs")}
    assert run(moved, "pointillist", "key", "show").returncode == 0
    assert (tmp_path / "keys" / "cluster.key").exists()
    assert "logs" not in run(moved, "analyse", movie, "-o", tmp_path / "b.h5r", "--workers", "1").stderr
    assert (tmp_path / "a.h5r").read_bytes() == (tmp_path / "b.h5r").read_bytes()


def test_a_data_directory_is_made_or_the_run_says_what_takes_its_place(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    movie = simulated(tmp_path / "day" / "movie.h5", environment, 60)
    made = {**environment, "PYMEDATADIR": str(tmp_path / "not" / "there")}
    done = run(made, "analyse", movie, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "note" not in done.stderr
    assert (tmp_path / "not" / "there" / "ada" / "analysis" / "day" / "movie.h5r").exists()
    elsewhere = {**environment, "PYMEDATADIR": str(movie), "HOME": str(tmp_path / "home")}
    done = run(elsewhere, "analyse", movie, "--workers", "1")
    assert done.returncode == 0, done.stderr
    instead = tmp_path / "home" / "PYMEData"
    assert f"note: PYMEDATADIR: {movie} is not a folder; {instead} is used instead" in done.stderr
    assert (instead / "ada" / "analysis" / "day" / "movie.h5r").exists()


def test_files_go_into_the_folder_that_o_names(tmp_path: Path, environment: dict[str, str]) -> None:
    movie = simulated(tmp_path / "movie.h5", environment, 60)
    (tmp_path / "there").mkdir()
    table: list[tuple[list[str | Path], str, str]] = [
        (["analyse", movie, "--workers", "1"], "there", "there/movie.h5r"),
        (["analyse", movie, "--workers", "1"], "new/", "new/movie.h5r"),
        (["background", movie, "--workers", "1"], "new/", "new/movie.background.h5"),
        (["test-detection", movie], "new/", "new/movie_detection.png"),
        (["render", tmp_path / "there" / "movie.h5r"], "pictures/", "pictures/movie.png"),
    ]
    for command, target, expected in table:
        done = run(environment, "pointillist", *command, "-o", f"{tmp_path}/{target}")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / expected).exists()
