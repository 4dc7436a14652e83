"""Watching and steering a cluster, as users type it: a real server, real workers, a real movie."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from waiting import PATIENCE_S, eventually

BIN = Path(sys.executable).parent
N_FRAMES = 3000
SLOW = ["-s", "Analysis.DetectionThreshold=0.3", "-s", "Analysis.DebounceRadius=1", "-s", "Analysis.ROISize=10"]
"""Noise is fitted, in large regions: such a job lasts until it is cancelled."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A user of their own."""
    home = tmp_path_factory.mktemp("home")
    places = {name: str(home / name.lower()) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "PYMEDATADIR")}
    for place in places.values():
        Path(place).mkdir()
    without = {"POINTILLIST_CLUSTER_KEY", "POINTILLIST_LOGS"}
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return {**kept, **places, "USER": "ada", "LOGNAME": "ada"}


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    path = tmp_path_factory.mktemp("movie") / "movie.h5"
    options = ["--size", "128", "--emitters", "20", "--frames", str(N_FRAMES), "--seed", "3"]
    subprocess.run([BIN / "pointillist", "simulate", path, *options], check=True, env=environment, capture_output=True)
    return path


@pytest.fixture(scope="module")
def cluster(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [str(BIN / "launch-workers"), "1"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as launcher:
        try:
            assert eventually(lambda: len(status(environment)["workers"]) == 1)
            yield launcher
        finally:
            launcher.send_signal(signal.SIGINT)
            launcher.communicate(timeout=PATIENCE_S)


def run(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "pointillist"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


def told(environment: dict[str, str], *arguments: object) -> Any:
    done = run(environment, *arguments, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else {"workers": [], "jobs": []}


def status(environment: dict[str, str]) -> Any:
    return told(environment, "status")


def watched_until(environment: dict[str, str], is_so: Callable[[Any], bool]) -> Any:
    """Return the first status of which it is so."""
    command = [str(BIN / "pointillist"), "status", "--watch", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            return next(facts for facts in map(json.loads, watch.stdout) if is_so(facts))
        finally:
            watch.send_signal(signal.SIGINT)


@pytest.mark.parametrize("command", [("status",), ("jobs",), ("cancel", "movie.h5"), ("retry", "movie.h5")])
def test_without_a_server_there_is_one_line(command: tuple[str, ...], tmp_path: Path) -> None:
    alone = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "POINTILLIST_LOGS": str(tmp_path / "logs")}
    done = run(alone, *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("cluster")
def test_a_job_is_watched_cancelled_taken_up_and_told_of(
    movie: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "out.h5r"
    with subprocess.Popen(
        [BIN / "analyse", movie, "-o", output, *SLOW], env=environment, stderr=subprocess.PIPE, text=True
    ) as analysis:
        facts = watched_until(
            environment, lambda facts: analysis.poll() is not None or any(job["rate"] for job in facts["jobs"])
        )
        text = run(environment, "status").stdout
        assert "is stopped" in run(environment, "cancel", "movie.h5").stdout
        _, error = analysis.communicate(timeout=PATIENCE_S)
        assert analysis.returncode == 1
        assert "the job was stopped" in error
    assert {worker["pid"] for worker in facts["workers"]}.isdisjoint({facts["server"]["pid"]})
    assert {worker["health"] for worker in facts["workers"]} <= {"busy", "idle"}
    (job,) = facts["jobs"]
    assert (job["movie"], job["state"], job["n_frames"]) == (str(movie), "running", N_FRAMES)
    assert job["rate"] > 0
    assert job["left_s"] > 0
    assert all(part in text for part in ("movie.h5", "running", job["job"][:6], "frames/s"))
    assert status(environment)["jobs"] == []
    assert [job["state"] for job in told(environment, "jobs")["jobs"]] == ["stopped"]
    assert not output.exists()

    assert "resumed" in run(environment, "retry", job["job"][:8]).stdout
    followed = run(environment, "log", "movie", "--follow", "--json")
    names = [json.loads(line)["event"] for line in followed.stdout.splitlines()]
    assert (names[0], names[-1]) == ("begun", "finished")
    assert {"stopped", "resumed"} <= set(names)
    with h5py.File(output) as file:
        assert file["Pointillist"].attrs["is_complete"]
        assert int((file["Pointillist/Ranges"]["stop"] - file["Pointillist/Ranges"]["start"]).sum()) == N_FRAMES
    assert "none of its frames has failed" in run(environment, "retry", "movie").stderr


def test_the_log_of_a_job_can_be_read_after_the_server_ended(movie: Path, environment: dict[str, str]) -> None:
    done = run(environment, "analyse", movie, "--workers", "1", "-s", "Analysis.DetectionThreshold=9")
    assert done.returncode == 0, done.stderr
    jobs = Path(environment["PYMEDATADIR"]) / "ada" / "LOGS" / "pointillist" / "jobs"
    newest = max(jobs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    log = run({**environment, "XDG_STATE_HOME": "/nonexistent"}, "log", newest.stem)
    assert [line.split()[2] for line in log.stdout.splitlines()] == ["begun", "finished"]


@pytest.mark.usefixtures("cluster")
def test_watching_ends_with_ctrl_c_and_says_one_object_per_line(environment: dict[str, str]) -> None:
    command = [str(BIN / "pointillist"), "status", "--watch", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        lines = [json.loads(watch.stdout.readline()) for _ in range(3)]
        watch.send_signal(signal.SIGINT)
        _, error = watch.communicate(timeout=PATIENCE_S)
    assert watch.returncode == 0
    assert not error
    assert all(set(line) == {"server", "workers", "jobs"} for line in lines)
