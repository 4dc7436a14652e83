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
"""A process that has lived for this time, s, works."""

N_QUICK_DEATHS = 6
"""A process that dies so many times in a row soon after its start has a lasting reason."""

_TERMINATION_S = 1.5


class ParentPipe:
    """A pipe that closes with this process, however it ends, and so ends all child processes."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()

    def close(self) -> None:
        """End the child processes."""
        os.close(self._writer)
        os.close(self.reader)


def child_environment(keys: ClusterKeys, parent_pipe: ParentPipe, allowed: Sequence[Path] = ()) -> dict[str, str]:
    """Return the environment of servers and workers, which may also read the ``allowed`` folders."""
    own = {KEY_VARIABLE: keys.key, PARENT_FD_VARIABLE: str(parent_pipe.reader), "PYTHONUNBUFFERED": "1"}
    if allowed:
        own[ALLOW_VARIABLE] = join_folders(allowed)
    return {**for_workers(importing_us(os.environ)), **_ONE_THREAD, **own}


def importing_us(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which Python finds its own modules first, and ours even where they are not installed."""
    root = Path(__file__).parents[2]
    is_installed = root == Path(sysconfig.get_path("purelib"))
    return with_import_path(environment, [] if is_installed else [str(root)])


@dataclass(kw_only=True, eq=False)
class ManagedProcess:
    """A process that should run.

    Attributes
    ----------
    name
        Name that messages to the user give it.
    is_worker
        Whether it is a worker, which is told on its command line which process it replaces.
    arguments
        Command line, without the interpreter.
    environment
        Environment variables.
    log
        File for its standard output and standard error.
    parent_pipe
        Pipe whose closing ends it.
    process
        Running process; None between its death and its restart.
    dead_pid
        Number of the process that it replaces.
    n_quick_deaths
        Number of deaths in a row soon after the start; 0 again once the process has lived for a while.
    last_status
        Exit status of the last death; a signal is negative.
    started_at
        Time of the last start, s on the monotonic clock.
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
        """Whether it keeps dying."""
        return self.n_quick_deaths >= N_QUICK_DEATHS

    @property
    def trouble(self) -> str:
        """Message for a process that keeps dying."""
        return f"{self.name} keeps dying ({describe_status(self.last_status)})"

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
            # A session of its own: Ctrl-C in the terminal reaches the parent alone, which ends the others in order.
            start_new_session=True,
        )

    def tell(self, line: str) -> None:
        """Write a line to the standard input of the process, if it runs."""
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.write(line.encode() + b"\n")
                self.process.stdin.flush()

    def restart_if_dead(self, now: float) -> int | None:
        """Start a dead process again after a pause that grows; return the exit status if it has just died."""
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
    """End processes by SIGTERM, then by SIGKILL."""
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
