"""Machines that find each other: namespaces on a bridge, real multicast, real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network import Host, network
from waiting import PATIENCE_S, eventually

from pointillist.pipeline_files.results.reader import read_results

LAUNCHER = str(Path(__file__).with_name("fake_launcher.py"))
RELAY = str(Path(__file__).parents[1] / "relay.py")
ON_NETWORK = ("--interface", "eth0")
N_FRAMES = 300
EXPECTED = [frame for frame in range(N_FRAMES) for _ in range(frame % 3)]
CAMERA = [
    "-s", "voxelsize.x=0.1", "-s", "voxelsize.y=0.1", "-s", "Camera.ADOffset=100", "-s", "Camera.ReadNoise=1",
    "-s", "Camera.ElectronsPerCount=1", "-s", "Camera.TrueEMGain=1", "-s", "Camera.NoiseFactor=1",
]  # fmt: skip


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    with network(3, tmp_path) as made:
        yield made


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.npy"
    np.save(path, np.random.default_rng(3).integers(90, 110, (N_FRAMES, 16, 16)).astype(np.uint16))
    return path


def launch(host: Host, *options: object, **more: str) -> subprocess.Popen[str]:
    # The disk that all hosts share is theirs to read and write.
    return host.start(sys.executable, LAUNCHER, *options, POINTILLIST_ALLOW=str(host.home.parent), **more)


def latest_server(host: Host, launcher: subprocess.Popen[str]) -> str:
    found = re.findall(r"^server at (\S+)$", host.printed(launcher), re.MULTILINE)
    return found[-1] if found else ""


def servers_seen_from(host: Host, **more: str) -> str:
    return host.run(sys.executable, LAUNCHER, "--list", *ON_NETWORK, **more)


def status(host: Host, *options: object) -> dict[str, Any]:
    code = "from pointillist.cli.main import pointillist as run; run()"
    process = host.python(code, "status", "--json", *options)
    process.wait(PATIENCE_S)
    lines = host.printed(process).splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if process.returncode == 0 else {}
    return found


def n_workers(host: Host, *options: object) -> int:
    return len(status(host, *options).get("workers", {}))


def servers_of(host: Host) -> list[int]:
    return host.pids("pipeline_server")


def n_servers(host: Host) -> int:
    return len(servers_of(host))


def test_workers_of_another_machine_find_the_server_and_join_it(hosts: list[Host]) -> None:
    one, two, three = hosts
    first = launch(one, 1, *ON_NETWORK)
    assert eventually(lambda: latest_server(one, first))
    assert latest_server(one, first) == "tcp://10.231.7.1:27437"
    assert eventually(lambda: "10.231.7.1:27437" in servers_seen_from(three))
    second = launch(two, 2)
    assert eventually(lambda: latest_server(two, second) == "tcp://10.231.7.1:27437"), two.printed(second)
    assert eventually(lambda: n_workers(three) == 3), "a machine without workers finds the server as well"
    assert {worker["host"] for worker in status(three)["workers"]} == {"host1", "host2"}
    assert n_servers(two) == 0


def test_two_machines_that_start_at_once_end_with_one_server(hosts: list[Host]) -> None:
    one, two, three = hosts
    first, second = launch(one, 1, *ON_NETWORK), launch(two, 1, *ON_NETWORK)
    assert eventually(lambda: latest_server(one, first) and latest_server(two, second))
    assert eventually(lambda: n_servers(one) + n_servers(two) == 1)
    assert eventually(lambda: latest_server(one, first) == latest_server(two, second))
    assert eventually(lambda: n_workers(three) == 2)
    loser = one if n_servers(two) else two
    assert "another server leads the cluster" in loser.printed(first if loser is one else second)
    assert servers_seen_from(three).count("27437") == 1


def test_a_server_that_starts_again_on_another_port_is_found_by_workers_and_clients(
    hosts: list[Host], movie: Path
) -> None:
    one, two, three = hosts
    slow = {"FAKE_ORDERS": json.dumps({"seconds_per_frame": 0.05})}
    first = launch(one, 1, "--interface", "eth0:5001", **slow)
    second = launch(two, 2, "--no-server", **slow)
    assert eventually(lambda: n_workers(three) == 3)
    results = movie.with_name("results.h5r")
    analysis = three.command("analyse", movie, "-o", results, "--engine", "cluster", *CAMERA)
    assert eventually(lambda: any(job["n_done"] for job in status(three).get("jobs", []))), three.printed(analysis)
    before = servers_of(one)
    first.send_signal(signal.SIGTERM)
    first.wait(PATIENCE_S)
    again = launch(one, 1, "--interface", "eth0:5002", **slow)
    assert analysis.wait(PATIENCE_S) == 0, three.printed(analysis)
    assert latest_server(one, again) == latest_server(two, second) == "tcp://10.231.7.1:5002"
    assert servers_of(one) != before
    stored = read_results(results)
    assert stored.is_complete
    assert stored.rows["frame"].tolist() == EXPECTED
    assert second.poll() is None


def test_another_machine_takes_over_when_the_server_is_gone(hosts: list[Host], movie: Path) -> None:
    one, two, three = hosts
    slow = {"FAKE_ORDERS": json.dumps({"seconds_per_frame": 0.1})}
    launch(one, 1, *ON_NETWORK, **slow)
    assert eventually(lambda: n_workers(three) == 1)
    second = launch(two, 2, *ON_NETWORK, **slow)
    assert eventually(lambda: n_workers(three) == 3)
    results = movie.with_name("results.h5r")
    analysis = three.command("analyse", movie, "-o", results, "--engine", "cluster", *CAMERA)
    assert eventually(lambda: any(job["n_done"] for job in status(three).get("jobs", []))), three.printed(analysis)
    one.stop()
    assert eventually(lambda: latest_server(two, second) == "tcp://10.231.7.2:27437"), two.printed(second)
    assert analysis.wait(PATIENCE_S) == 0, three.printed(analysis)
    assert "resum" in three.printed(analysis)
    assert read_results(results).rows["frame"].tolist() == EXPECTED


def test_servers_of_a_network_that_was_cut_become_one_when_it_is_joined(hosts: list[Host]) -> None:
    one, two, three = hosts
    first = launch(one, 1, *ON_NETWORK)
    assert eventually(lambda: latest_server(one, first))
    second = launch(two, 1, *ON_NETWORK)
    assert eventually(lambda: n_workers(three) == 2)
    two.cut()
    assert eventually(lambda: latest_server(two, second) == "tcp://10.231.7.2:27437"), two.printed(second)
    two.join()
    assert eventually(lambda: latest_server(two, second) == "tcp://10.231.7.1:27437"), two.printed(second)
    assert eventually(lambda: n_workers(three) == 2)
    assert eventually(lambda: n_servers(two) == 0)
    assert n_servers(one) == 1


def test_a_server_with_a_job_finishes_it_before_it_ends_for_another(hosts: list[Host], movie: Path) -> None:
    one, two, three = hosts
    slow = {"FAKE_ORDERS": json.dumps({"seconds_per_frame": 0.1})}
    first = launch(one, 1, *ON_NETWORK, **slow)
    assert eventually(lambda: latest_server(one, first))
    two.cut()
    second = launch(two, 1, *ON_NETWORK, **slow)
    assert eventually(lambda: latest_server(two, second) == "tcp://10.231.7.2:27437")
    results = movie.with_name("results.h5r")
    analysis = two.command("analyse", movie, "-o", results, "--engine", "cluster", *CAMERA)
    assert eventually(lambda: any(job["n_done"] for job in status(two).get("jobs", []))), two.printed(analysis)
    two.join()
    assert eventually(lambda: status(two, "--server", "10.231.7.2")["server"]["leader"]), two.printed(second)
    assert status(two, "--server", "10.231.7.2")["server"]["leader"] == "tcp://10.231.7.1:27437"
    assert latest_server(two, second) == "tcp://10.231.7.2:27437", "the workers stay for the job"
    assert analysis.wait(PATIENCE_S) == 0, two.printed(analysis)
    assert read_results(results).rows["frame"].tolist() == EXPECTED
    assert eventually(lambda: n_servers(two) == 0)
    assert eventually(lambda: n_workers(three) == 2)


def test_who_has_another_key_or_none_is_told_so_and_counted(hosts: list[Host]) -> None:
    one, two, three = hosts
    first = launch(one, 1, *ON_NETWORK)
    assert eventually(lambda: latest_server(one, first))
    stranger = launch(two, 1, "--server", "10.231.7.1", POINTILLIST_CLUSTER_KEY="ab" * 32)
    assert stranger.wait(PATIENCE_S) == 1
    assert "error: tcp://10.231.7.1:27437: the server has another cluster key; run 'pointillist key" in two.printed(
        stranger
    )
    keyless = launch(two, 1, "--server", "10.231.7.1", POINTILLIST_CLUSTER_KEY="")
    assert keyless.wait(PATIENCE_S) == 1
    assert "error: cluster key: there is none on this machine; run 'pointillist key show'" in two.printed(keyless)
    assert not list(two.home.rglob("cluster.key")), "a key that cannot fit is not made"
    assert status(three)["server"]["n_refused"] >= 1
    assert "different" in servers_seen_from(two, POINTILLIST_CLUSTER_KEY="ab" * 32)
    assert "same" in servers_seen_from(three)
    assert n_workers(three) == 1


def test_clusters_on_one_network_are_apart(hosts: list[Host]) -> None:
    one, two, three = hosts
    launch(one, 1, *ON_NETWORK)
    launch(two, 1, *ON_NETWORK, "--cluster", "night")
    assert eventually(lambda: n_workers(three) == 1)
    assert eventually(lambda: n_workers(three, "--cluster", "night") == 1)
    listed = servers_seen_from(three)
    assert re.search(r"default +tcp://10\.231\.7\.1:27437", listed)
    assert re.search(r"night +tcp://10\.231\.7\.2:27437", listed)


def test_a_server_for_all_networks_that_dies_comes_back_for_all_of_them(hosts: list[Host]) -> None:
    one, two, three = hosts
    launch(one, 0, "--interface", "0.0.0.0")  # noqa: S104 - all of the networks of a namespace
    launch(two, 1, "--no-server")
    assert eventually(lambda: n_workers(three) == 1)
    assert status(three)["server"]["address"] == "tcp://10.231.7.1:27437"
    before = servers_of(one)
    os.kill(before[0], signal.SIGKILL)
    assert eventually(lambda: servers_of(one) != before and n_workers(three) == 1)


def test_a_relay_without_a_server_behind_it_is_not_taken_for_a_server_with_another_key(hosts: list[Host]) -> None:
    one, two, _ = hosts
    two.start(sys.executable, RELAY, "10.231.7.1:27437", 5001)
    launcher = launch(two, 1, "--server", "127.0.0.1:5001")
    assert eventually(lambda: "server at" in two.printed(launcher))
    time.sleep(4.0)
    launch(one, 0, *ON_NETWORK)
    assert eventually(lambda: n_workers(one) == 1), two.printed(launcher)
