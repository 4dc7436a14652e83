from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE_S, eventually

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.discovery.local import find_server
from pointillist.pipeline_protocol.security.keys import user_keys
from pointillist.settings.encoding import job_settings

SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]
EMBEDDED = """
import sys, time
from pointillist.supervision.launch import embedded
with embedded(2, lambda line: print(line, file=sys.stderr)) as client:
    while client.ping().n_workers < 2:
        time.sleep(0.02)
    print(client.address.removeprefix("ipc://"), client.ping().pid, flush=True)
    time.sleep(600)
"""
LAUNCH = """
from pointillist.pipeline_protocol.discovery.search import ServerLocation
from pointillist.supervision.launch import launch_workers
from pointillist.supervision.node_agent import LaunchPlan
from pointillist.settings.encoding import job_settings
launch_workers(LaunchPlan(n_workers=1, location=ServerLocation()), lambda line: print(line, flush=True))
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Folders of a user of their own."""
    for name in ("CONFIG", "STATE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.delenv("POINTILLIST_CLUSTER_KEY", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return dict(os.environ)


@contextmanager
def python(code: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def children_of(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, check=False, text=True)
    return [int(child) for child in listing.stdout.split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 1), (signal.SIGKILL, -9)])
def test_nothing_is_left_behind_however_the_parent_ends(
    environment: dict[str, str], number: signal.Signals, status: int
) -> None:
    with python(EMBEDDED, environment) as parent:
        assert parent.stdout is not None
        path, _ = parent.stdout.readline().split()
        children = children_of(parent.pid)
        assert len(children) == 3
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
        parent.send_signal(number)
        assert parent.wait(PATIENCE_S) in {status, -number}
        assert eventually(lambda: not any(map(is_alive, children)))
    if number != signal.SIGKILL:
        assert not Path(path).parent.exists()


def test_launched_workers_are_found_and_used(environment: dict[str, str], tmp_path: Path) -> None:
    assert find_server() is None
    np.save(tmp_path / "movie.npy", np.random.default_rng(3).integers(90, 110, (40, 16, 16)).astype(np.uint16))
    with open_movie(tmp_path / "movie.npy") as movie:
        settings, _ = prepare(movie, None, SETTINGS)
        identity = movie.identity
    with python(LAUNCH, environment) as first:
        assert first.stdout is not None
        address = first.stdout.readline().split()[-1]
        assert address.startswith("tcp://127.0.0.1:")
        assert find_server() == address
        with python(LAUNCH, environment) as second, Client(address, user_keys()) as client:
            assert second.stdout is not None
            assert second.stdout.readline().split()[-1] == address
            assert eventually(lambda: client.ping().n_workers == 2)
            job = client.submit(
                str(tmp_path / "movie.npy"), identity, job_settings(settings), output=str(tmp_path / "results.h5r")
            )
            assert eventually(lambda: client.progress(job).state == "finished")
            second.send_signal(signal.SIGINT)
            assert second.wait(PATIENCE_S) == 0
            assert eventually(lambda: client.ping().n_workers == 1)
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE_S) == 0
    assert find_server() is None
    assert (tmp_path / "results.h5r").exists()


def test_a_server_without_workers_serves_those_of_others(environment: dict[str, str]) -> None:
    launch = [str(Path(sys.executable).parent / "launch-workers"), "0"]
    with subprocess.Popen(launch, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert eventually(lambda: find_server() is not None)
            address = find_server()
            assert address is not None
            with Client(address, user_keys()) as client:
                assert client.ping().n_workers == 0
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
