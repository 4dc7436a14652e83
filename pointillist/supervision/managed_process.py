"""Child processes that are started again when they die, and that die with their parent."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pointillist.pipeline_files import ALLOW_VARIABLE, join_folders
from pointillist.pipeline_protocol.security import KEY_VARIABLE, ClusterKeys
from pointillist.supervision.numba_options import for_workers
from pointillist.supervision.parent_watch import PARENT_FD_VARIABLE
from pointillist.system import with_import_path

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""A worker per core leaves no core for a second thread of arithmetic."""

_FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
_STEADY_S = 10.0
"""A child that has lived for so long is taken to be sound."""

N_QUICK_DEATHS = 6
"""What dies so often soon after its start has a lasting reason."""

_TERMINATION_S = 1.5


class ParentPipe:
    """The pipe whose closing ends all children, however this process ends."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def close(self) -> None:
        """End the children."""
        os.close(self._writer)
        os.close(self.reader)


def child_environment(keys: ClusterKeys, parent_pipe: ParentPipe, allowed: Sequence[Path] = ()) -> dict[str, str]:
    """Return the environment of servers and workers, who may read what is in some more folders."""
    own = {KEY_VARIABLE: keys.key, PARENT_FD_VARIABLE: str(parent_pipe.reader), "PYTHONUNBUFFERED": "1"}
    if allowed:
        own[ALLOW_VARIABLE] = join_folders(allowed)
    return {**for_workers(importing_us(os.environ)), **_ONE_THREAD, **own}


def importing_us(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python finds its own modules, and ours where they are not installed."""
    root = Path(__file__).parents[2]
    is_installed = root == Path(sysconfig.get_path("purelib"))
    return with_import_path(environment, [] if is_installed else [str(root)])


@dataclass(kw_only=True, eq=False)
class ManagedProcess:
    """A process that should run.

    Attributes
    ----------
    name
        For people.
    is_worker
        Whether it wants to know whom it replaces.
    arguments
        After the interpreter.
    environment
        Of the process.
    descriptors
        That it inherits, besides that of the parent pipe.
    dead_pid
        Of the process before it.
    started_at
        When, s.
    n_quick_deaths
        How often in a row it died soon after it had been started; what lives for a while is sound again.
    last_status
        How it died last.
    """

    name: str
    is_worker: bool
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: IO[bytes] | None
    parent_pipe: ParentPipe
    process: subprocess.Popen[bytes] | None = None
    dead_pid: int | None = None
    n_quick_deaths: int = 0
    last_status: int = 0
    started_at: float = 0.0
    _start_at: float = field(default=0.0)

    @property
    def is_failing(self) -> bool:
        """Whether it dies again and again."""
        return self.n_quick_deaths >= N_QUICK_DEATHS

    @property
    def trouble(self) -> str:
        """What is wrong with it then."""
        return f"{self.name} dies again and again ({describe_status(self.last_status)})"

    def start(self, now: float, descriptors: Sequence[int] = ()) -> None:
        """Start the process."""
        self.started_at = now
        replaced = ["--replaces", str(self.dead_pid)] if self.is_worker and self.dead_pid is not None else []
        self.process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, "-P", *self.arguments, *replaced],
            env=self.environment,
            stdin=subprocess.PIPE if self.is_worker else subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=(self.parent_pipe.reader, *descriptors),
            # Of a session of its own: Ctrl-C in the terminal reaches the parent alone, which ends the others
            # in order.
            start_new_session=True,
        )

    def tell(self, line: str) -> None:
        """Write a line to its standard input; one that is dead is given it with its arguments instead."""
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.write(line.encode() + b"\n")
                self.process.stdin.flush()

    def restart_if_dead(self, now: float) -> int | None:
        """Start it again if it is dead, after a pause that grows; return the status if it has just died."""
        if self.process is None:
            if now >= self._start_at:
                self.start(now)
            return None
        status = self.process.poll()
        if status is None:
            if now - self.started_at >= _STEADY_S:
                self.n_quick_deaths = 0
            return None
        _close_stdin(self.process)
        self.dead_pid, self.process = self.process.pid, None
        self.last_status = status
        self.n_quick_deaths += 1
        self._start_at = now + min(LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (self.n_quick_deaths - 1))
        return status


def _close_stdin(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # it may hold what the dead process did not read
            process.stdin.close()


def stop_all(children: Sequence[ManagedProcess]) -> None:
    """End processes: politely, then by force."""
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + _TERMINATION_S
    for process in running:
        try:
            process.wait(max(0.01, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close_stdin(process)


def describe_status(status: int) -> str:
    """Say how a process ended."""
    return f"signal {-status}" if status < 0 else f"status {status}"
