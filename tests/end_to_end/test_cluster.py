"""A cluster as ``docker-compose.yml`` has it, in network namespaces; multicast leads its machines to each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
import yaml
from network import Host, network
from waiting import PATIENCE_S, eventually

BIN = Path(sys.executable).parent
COMPOSITION = Path(__file__).parents[2] / "docker-compose.yml"
SETTINGS = ("-s", "Analysis.DetectionThreshold=0.5", "-s", "Analysis.BGRange=-30:0")

pytestmark = pytest.mark.skipif(not COMPOSITION.exists(), reason="needs a checkout: no composition is in a wheel")


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    with network(5, tmp_path) as made:
        yield made


def command_of(service: str) -> list[str]:
    services: dict[str, Any] = yaml.safe_load(COMPOSITION.read_text())["services"]
    return [*services[service].get("entrypoint", []), *services[service].get("command", [])]


def simulate(movie: Path) -> None:
    options = ["--size", "128", "--emitters", "8", "--frames", "1200", "--seed", "3"]
    subprocess.run([BIN / "pointillist", "simulate", movie, *options], check=True, stdout=subprocess.DEVNULL)


def rows_of(results: Path) -> bytes:
    with h5py.File(results) as file:
        rows: bytes = file["FitResults"][:].tobytes()
    return rows


def workers_seen_from(host: Host, **more: str) -> dict[str, dict[str, Any]]:
    """Return the workers of the cluster, by machine."""
    process = host.command("pointillist", "status", "--json", **more)
    if process.wait(PATIENCE_S):
        return {}
    status = json.loads(host.printed(process).splitlines()[-1])
    return {worker["host"]: worker for worker in status["workers"]}


def test_machines_that_find_each_other_write_the_rows_of_one(hosts: list[Host], tmp_path: Path) -> None:
    server, *workers, client = hosts
    data = tmp_path / "data"
    data.mkdir()
    workers[-1].hidden = data
    movie, results, alone = data / "movie.h5", data / "out.h5r", tmp_path / "alone.h5r"
    simulate(movie)
    subprocess.run([BIN / "analyse", movie, "-o", alone, *SETTINGS], check=True, stdout=subprocess.DEVNULL)

    shared = {"PYMEDATADIR": str(data)}
    program, *options = command_of("server")
    server.command(program, *options, **shared)
    program, *options = command_of("worker")
    for worker in workers:
        worker.command(program, "1", *options, **shared)

    def are_ready() -> bool:
        found = workers_seen_from(client, **shared)
        return {host for host, worker in found.items() if worker["health"] == "idle"} >= {"host2", "host3", "host4"}

    assert eventually(are_ready), "".join(host.printed(process) for host in hosts for process in host.processes)
    (program,) = command_of("analyse")
    printed = client.run(sys.executable, "-c", f"from pointillist.cli.main import {program} as run; run()", movie,
                         "-o", results, *SETTINGS, **shared)  # fmt: skip
    assert "using the server at tcp://10.231.7.1:" in printed
    assert rows_of(results) == rows_of(alone)
    did = {host: worker["n_frames"] for host, worker in workers_seen_from(client, **shared).items()}
    assert all(did[worker.name] > 0 for worker in workers), "also the one that has no movie"
