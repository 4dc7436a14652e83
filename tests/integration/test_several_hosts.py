"""Machines that find each other: namespaces on a bridge, real multicast, real processes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from network import Host, network, within

LAUNCHER = str(Path(__file__).with_name("fake_launcher.py"))
ANALYSIS = str(Path(__file__).with_name("fake_analysis.py"))
ON_NETWORK = ("--interface", "eth0")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    with network(3, tmp_path) as made:
        yield made


def launch(host: Host, *options: object, **more: str) -> subprocess.Popen[str]:
    return host.start(sys.executable, LAUNCHER, *options, **more)


def latest_server(host: Host, launcher: subprocess.Popen[str]) -> str:
    found = re.findall(r"^server at (\S+)$", host.printed(launcher), re.MULTILINE)
    return found[-1] if found else ""


def servers_seen_from(host: Host, **more: str) -> str:
    return host.run(sys.executable, LAUNCHER, "--list", *ON_NETWORK, **more)


def status(host: Host, *options: object) -> dict[str, dict[str, object]]:
    code = "from cli.main import pointillist as run; run()"
    process = host.python(code, "status", "--json", *options)
    process.wait(60.0)
    lines = host.printed(process).splitlines()
    return json.loads(lines[-1]) if process.returncode == 0 else {}


def n_workers(host: Host, *options: object) -> int:
    return len(status(host, *options).get("workers", {}))


def n_servers(host: Host) -> int:
    """Return how many server processes run on a host."""
    listing = subprocess.run(["ip", "netns", "pids", host.namespace], capture_output=True, check=True, text=True)
    commands = [Path(f"/proc/{pid}/cmdline") for pid in listing.stdout.split()]
    return sum(b"pipeline_server" in command.read_bytes() for command in commands if command.exists())


def server_pid(host: Host) -> int:
    listing = subprocess.run(["ip", "netns", "pids", host.namespace], capture_output=True, check=True, text=True)
    pids = [
        int(pid) for pid in listing.stdout.split() if b"pipeline_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(pids) == 1
    return pids[0]


def test_workers_of_another_machine_find_the_server_and_join_it(hosts: list[Host]) -> None:
    one, two, three = hosts
    first = launch(one, 1, *ON_NETWORK)
    assert within(20.0, lambda: latest_server(one, first))
    assert latest_server(one, first) == "tcp://10.231.7.1:27437"
    assert within(20.0, lambda: "10.231.7.1:27437" in servers_seen_from(three))
    second = launch(two, 2)
    assert within(20.0, lambda: latest_server(two, second) == "tcp://10.231.7.1:27437"), two.printed(second)
    assert within(20.0, lambda: n_workers(three) == 3), "a machine without workers finds the server as well"
    assert {worker["host"] for worker in status(three)["workers"]} == {"host1", "host2"}
    assert n_servers(two) == 0


def test_two_machines_that_start_at_once_end_with_one_server(hosts: list[Host]) -> None:
    one, two, three = hosts
    first, second = launch(one, 1, *ON_NETWORK), launch(two, 1, *ON_NETWORK)
    assert within(20.0, lambda: latest_server(one, first) and latest_server(two, second))
    assert within(30.0, lambda: n_servers(one) + n_servers(two) == 1)
    assert within(20.0, lambda: latest_server(one, first) == latest_server(two, second))
    assert within(20.0, lambda: n_workers(three) == 2)
    loser = one if n_servers(two) else two
    assert "another server leads the cluster" in loser.printed(first if loser is one else second)
    assert servers_seen_from(three).count("27437") == 1
