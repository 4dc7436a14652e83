"""``launch-workers`` on one machine: what its options do. The workers only pretend to fit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE_S, eventually

from pointillist.pipeline_protocol.messages import PROTOCOL_VERSION

LAUNCHER = str(Path(__file__).with_name("fake_launcher.py"))


class Machine:
    """A user's launchers on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folders = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
        self.environment = {**os.environ, **folders, "PYTHONUNBUFFERED": "1"}
        self.environment.pop("POINTILLIST_INTERFACE")  # a server that nobody else is to find is not announced
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *options: object) -> subprocess.Popen[str]:
        with (self.folder / f"{len(self.processes)}.log").open("w") as file:
            command = [sys.executable, LAUNCHER, *map(str, options)]
            process = subprocess.Popen(command, env=self.environment, stdout=file, stderr=file, text=True)
        self.processes.append(process)
        return process

    def printed(self, process: subprocess.Popen[str]) -> str:
        return (self.folder / f"{self.processes.index(process)}.log").read_text()

    def run(self, *options: object) -> tuple[int, str]:
        process = self.start(*options)
        return process.wait(PATIENCE_S), self.printed(process)

    def server(self, process: subprocess.Popen[str]) -> str | None:
        found = re.findall(r"^server at (\S+)$", self.printed(process), re.MULTILINE)
        return found[-1] if found else None

    def has(self, process: subprocess.Popen[str], text: str) -> Callable[[], bool]:
        return lambda: text in self.printed(process)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    for process in machine.processes:
        process.kill()
        process.wait()


def test_a_server_that_nobody_is_let_in_to_says_so(machine: Machine) -> None:
    process = machine.start(1)
    assert eventually(machine.has(process, "1 workers"))
    assert "for this machine only; --interface admits other machines" in machine.printed(process)
    assert re.search(r"server at tcp://127\.0\.0\.1:\d+$", machine.printed(process), re.MULTILINE)


def test_a_launcher_without_a_server_waits_for_one(machine: Machine) -> None:
    first = machine.start(1)
    assert eventually(machine.has(first, "1 workers"))
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE_S) == 0
    waiting = machine.start(1, "--no-server")
    assert eventually(machine.has(waiting, "waiting for a server"))
    second = machine.start(1)
    assert eventually(lambda: machine.server(waiting) and machine.server(waiting) == machine.server(second))


def test_a_server_that_was_killed_comes_back_where_it_was(machine: Machine) -> None:
    process = machine.start(1)
    assert eventually(machine.has(process, "1 workers"))
    address = machine.server(process)
    listing = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(process.pid)], capture_output=True, check=True, text=True
    )
    pids = [int(line.split()[0]) for line in listing.stdout.splitlines() if "pipeline_server" in line]
    os.kill(pids[0], signal.SIGKILL)
    assert eventually(machine.has(process, "server ended (signal 9) and is started again"))
    assert eventually(lambda: "same" in machine.run("--list")[1])
    assert machine.server(process) == address


def test_kill_ends_the_launchers_of_this_user_and_what_they_started(machine: Machine) -> None:
    assert machine.run("--kill") == (0, "you have no launch-workers running on this machine\n")
    first, second = machine.start(1), machine.start(1, "--cluster", "night")
    assert eventually(machine.has(first, "1 workers"))
    assert eventually(machine.has(second, "1 workers"))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "launch-workers"])
    try:
        assert machine.run("--kill", "--cluster", "night") == (
            0,
            f"ended launch-workers {second.pid} of cluster night\n",
        )
        assert second.wait(PATIENCE_S) == 0
        assert first.poll() is None
        assert machine.run("--kill") == (0, f"ended launch-workers {first.pid} of cluster default\n")
        assert first.wait(PATIENCE_S) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_kill_ends_a_launcher_that_does_not_react(machine: Machine) -> None:
    process = machine.start(1)
    assert eventually(machine.has(process, "1 workers"))
    process.send_signal(signal.SIGSTOP)
    assert machine.run("--kill") == (0, f"ended launch-workers {process.pid} of cluster default\n")
    assert process.wait(PATIENCE_S) == -signal.SIGKILL


def test_list_shows_the_server_of_this_machine(machine: Machine) -> None:
    looks = ("--list", "--interface", "127.0.0.1")
    assert "no server was found" in machine.run(*looks)[1]
    process = machine.start(1)
    assert eventually(machine.has(process, "1 workers"))
    status, listed = machine.run(*looks)
    assert status == 0
    address = re.escape(str(machine.server(process)))
    assert re.search(rf"default +{address} +\d* *{PROTOCOL_VERSION} +same", listed), listed


def test_reserve_leaves_cores_to_others(machine: Machine) -> None:
    n_cores = len(os.sched_getaffinity(0))
    status, said = machine.run("--reserve", n_cores)
    assert status == 1
    assert f"--reserve {n_cores}: leaves no core for a worker, of {n_cores}; reserve at most {n_cores - 1}" in said
    process = machine.start("--reserve", n_cores - 1)
    assert eventually(machine.has(process, "1 workers; Ctrl-C stops them"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("3", "--reserve", "1"), "N and --reserve cannot be given together"),
        (("--list", "--kill"), "--list and --kill cannot be combined"),
        (("3", "--kill"), "--list and --kill cannot be combined"),
    ],
)
def test_options_that_contradict_each_other_are_refused(machine: Machine, options: tuple[str, ...], says: str) -> None:
    status, said = machine.run(*options)
    assert (status, says in said) == (2, True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--interface", "eth77"), "eth77: this machine has no such address or network adapter; choose one of: "),
        (("--server", "a b"), "'a b': is not an address; write HOST or HOST:PORT"),
        (("--cluster", "a/b"), "'a/b': is not a valid cluster name"),
        (("--no-server",), "cluster key: there is none on this machine; run 'pointillist key show'"),
    ],
)
def test_what_cannot_be_is_one_clear_line(machine: Machine, options: tuple[str, ...], says: str) -> None:
    status, said = machine.run(*options)
    assert status == 1
    assert said.startswith(f"error: {says}")
    assert said.count("\n") == 1
