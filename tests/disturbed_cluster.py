"""A cluster of five machines to be disturbed, and two users whose analyses follow one another on it.

The server's disk is small, and has everything that a server writes; the movie lies on it too. One machine of the
workers does not see that disk; one reaches the server through a relay.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from ledger import LeasedRange, Ledger
from network import Host, network
from numpy.typing import NDArray
from slow_worker import NOTES, SECONDS_PER_FRAME

BIN = Path(sys.executable).parent
LAUNCHER = Path(__file__).with_name("slow_launcher.py")
RELAY = Path(__file__).with_name("relay.py")
RELAY_PORT = 27436
DISK = "48m"
N_WORKERS = 4
N_HELD = 2
"""Ranges that a worker has at once."""

_AGAIN_S = 1.0


@dataclass
class Machine:
    """A host and what has to run on it."""

    host: Host
    programs: list[tuple[object, ...]]
    environment: dict[str, str]

    def start(self, named: str = "") -> None:
        """Start all programs, or those alone that have a word in their commands."""
        for program in self.programs:
            if named in str(program):
                self.host.start(sys.executable, *program, **self.environment)

    def send_all(self, number: signal.Signals, named: str = "") -> None:
        """Send a signal to all that runs here, or to what has a word in its command."""
        send(number, self.host.pids(named))


def send(number: signal.Signals, pids: list[int]) -> None:
    """Send a signal to processes, if they still run."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass
class Verdict:
    """What has become of the analyses.

    ``told`` are the lines by which commands ended, ``complaints`` what should not be.
    """

    n_analyses: int = 0
    n_rows: int = 0
    n_lost: int = 0
    n_doubled: int = 0
    told: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@dataclass
class User:
    """Gives an ``analyse`` command again and again, each time with another output; does what an error line says."""

    name: str
    host: Host
    movie: Path
    expected: NDArray[np.void]
    environment: dict[str, str]
    verdict: Verdict
    process: subprocess.Popen[str] | None = None
    is_leaving: bool = False
    _n_outputs: int = 0
    _is_done: bool = True
    _again_at: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.is_leaving and self.process is None and self._is_done

    def tend(self) -> None:
        """See how the command is doing; give the next one."""
        if self.process is None:
            if time.monotonic() >= self._again_at and not self.is_done:
                self._give_command()
        elif self.process.poll() is not None:
            self._note_end(self.process)
            self.process = None

    def _give_command(self) -> None:
        self._n_outputs += self._is_done
        self._is_done = False
        output = self.movie.with_name(f"{self.name}{self._n_outputs}.h5r")
        self.process = self.host.command("analyse", self.movie, "-o", output, **self.environment)

    def _note_end(self, process: subprocess.Popen[str]) -> None:
        if process.returncode == 0:
            self._is_done = True
            # One that was killed after its job was done, and given again, has made two files.
            for results in self.movie.parent.glob(f"{self.name}{self._n_outputs}*.h5r"):
                if results.suffixes == [".h5r"]:
                    self._check(results)
        elif process.returncode != -signal.SIGKILL:
            printed = self.host.printed(process)
            errors = [line for line in printed.splitlines() if line.startswith("error")]
            self.verdict.told.extend(errors)
            if len(errors) != 1 or "Traceback" in printed:
                self.verdict.complaints.append(f"analyse ended with more than a line: {printed}")
            self._again_at = time.monotonic() + _AGAIN_S

    def _check(self, results: Path) -> None:
        with h5py.File(results) as file:
            rows = file["FitResults"][:]
        expected, found = (Counter(row.tobytes() for row in table) for table in (self.expected, rows))
        self.verdict.n_analyses += 1
        self.verdict.n_rows += len(rows)
        self.verdict.n_lost += (expected - found).total()
        self.verdict.n_doubled += (found - expected).total()
        if rows.tobytes() != self.expected.tobytes():
            self.verdict.complaints.append(f"{results.name} differs from the file of the undisturbed run")
        results.unlink()


@dataclass
class DisturbedCluster:
    """All of it."""

    server: Machine
    workers: list[Machine]
    users: list[User]
    disk: Path
    notes: Path
    ledger: Ledger
    verdict: Verdict

    @property
    def machines(self) -> list[Machine]:
        return [self.server, *self.workers]

    @property
    def relayed(self) -> Machine:
        return next(machine for machine in self.workers if len(machine.programs) > 1)

    def tend(self) -> None:
        """Let users go on, and see what is safe."""
        self.ledger.read_on()
        for user in self.users:
            user.tend()

    def leased_by(self, pids: list[int]) -> list[LeasedRange]:
        """Return the frames that workers have and that are not safe."""
        leased = []
        for note in [self.notes / str(pid) for pid in pids]:
            lines = note.read_text().splitlines()[-N_HELD:] if note.exists() else []
            for job, start, stop in map(str.split, lines):
                leased.append(LeasedRange(job=job, start=int(start), stop=int(stop)))
        self.ledger.read_on()
        return [leased_range for leased_range in leased if not self.ledger.has(leased_range)]

    def logs(self) -> str:
        """What the machines say."""
        hosts = [*(machine.host for machine in self.machines), self.users[0].host]
        logs = sorted(log for host in hosts for log in host.home.rglob("*.log"))
        return "\n".join(f"== {log}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)


@contextlib.contextmanager
def disturbed_cluster(folder: Path, n_frames: int, seconds_per_frame: float) -> Iterator[DisturbedCluster]:
    """Start the cluster, for as long as the block lasts.

    Parameters
    ----------
    folder
        Empty.
    n_frames
        Of the movie.
    seconds_per_frame
        What a worker takes beside the fit.
    """
    with network(5, folder) as hosts, _small_disk(hosts[0].home):
        data, notes = hosts[0].home / "data", folder / "notes"
        for new in (data, notes):
            new.mkdir()
        movie, alone = data / "movie.h5", folder / "alone.h5r"
        options = ["--size", "64", "--emitters", "4", "--frames", str(n_frames), "--seed", "3"]
        _run(BIN / "pointillist", "simulate", movie, *options)
        _run(BIN / "analyse", movie, "-o", alone)
        with h5py.File(alone) as file:
            expected = file["FitResults"][:]
        environment = {"PYMEDATADIR": str(data), NOTES: str(notes), SECONDS_PER_FRAME: str(seconds_per_frame)}
        cluster = _arrange(hosts, environment, Ledger(data, n_frames), notes)
        cluster.users = [
            User(name, hosts[-1], movie, expected, environment, cluster.verdict) for name in ("ada", "ben")
        ]
        for machine in cluster.machines:
            machine.start()
        yield cluster


def _arrange(hosts: list[Host], environment: dict[str, str], ledger: Ledger, notes: Path) -> DisturbedCluster:
    """Say what runs where."""
    serving, near, far, blind, _ = hosts
    blind.hidden = serving.home
    server = Machine(serving, [(LAUNCHER, 0, "--interface", "0.0.0.0")], environment)  # noqa: S104 - a namespace
    relay = (RELAY, f"{serving.address}:27437", RELAY_PORT)
    through_relay = (LAUNCHER, 1, "--no-server", "--server", f"127.0.0.1:{RELAY_PORT}")
    workers = [
        Machine(near, [(LAUNCHER, 2, "--no-server")], environment),
        Machine(far, [relay, through_relay], environment),
        Machine(blind, [(LAUNCHER, 1, "--no-server")], environment),
    ]
    return DisturbedCluster(server, workers, [], serving.home, notes, ledger, Verdict())


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder)
    try:
        yield
    finally:
        _run("umount", "--lazy", folder)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
