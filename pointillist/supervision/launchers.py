"""Which ``launch-workers`` of this user run on this machine, and how to end them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery import machine_folder
from pointillist.system import STATE, FileLock, is_locked, without_locks

_PATIENCE_S = 5.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Launcher:
    """A ``launch-workers`` that runs.

    Parameters
    ----------
    pid
        Its process.
    cluster
        Its cluster.
    path
        The file that it holds a lock on as long as it lives.
    """

    pid: int
    cluster: str
    path: Path

    @property
    def is_alive(self) -> bool:
        """Whether it holds its lock. Another process with its number does not."""
        try:
            return is_locked(self.path)
        except OSError:
            return False

    def end(self) -> bool:
        """End it and, with it, what it started: politely, then by force; return whether it runs no more."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._send(number)
            deadline = time.monotonic() + _PATIENCE_S
            while self.is_alive and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
            if not self.is_alive:
                return True
        return False

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if not hasattr(os, "pidfd_open"):
                if self.is_alive:
                    os.kill(self.pid, number)
                return
            process = os.pidfd_open(self.pid)
            try:
                # Only then asked whether it is ours: the number cannot pass on to another process any more.
                if self.is_alive:
                    signal.pidfd_send_signal(process, number)
            finally:
                os.close(process)


@contextlib.contextmanager
def registered(cluster: str) -> Iterator[str | None]:
    """Let this process be found among the launchers for as long as the block lasts.

    Yields
    ------
    str or None
        What the user should know of the disk.

    Raises
    ------
    ServerError
        If the folder for it cannot be written.
    """
    path = _folder() / str(os.getpid())
    draft = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = draft.open("w", encoding="ascii")
        lock = FileLock(file.fileno(), path)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        raise ServerError(path, problem, f"repair its folder, or set {STATE.variable}") from error
    with file, lock:
        file.write(cluster)
        file.flush()
        draft.replace(path)  # locked when it is seen: without a lock it would be taken for a dead one's
        try:
            yield without_locks(path)
        finally:
            path.unlink(missing_ok=True)


def running(cluster: str | None = None) -> list[Launcher]:
    """Return the launchers of a cluster, or of all; forget those that died."""
    found = []
    for path in sorted(path for path in _folder().glob("[0-9]*") if path.name.isdigit()):
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            launcher = Launcher(int(path.name), path.read_text("ascii"), path)
            if not launcher.is_alive:
                path.unlink(missing_ok=True)
            elif cluster in {None, launcher.cluster}:
                found.append(launcher)
    return found


def _folder() -> Path:
    return machine_folder() / "launchers"
