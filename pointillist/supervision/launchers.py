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
        Number of the process.
    cluster
        Name of the cluster that it works for.
    path
        File that the process keeps locked as long as it runs.
    """

    pid: int
    cluster: str
    path: Path

    @property
    def is_alive(self) -> bool:
        """Whether the process holds its lock, which another process of the same number does not."""
        try:
            return is_locked(self.path)
        except OSError:
            return False

    def end(self) -> bool:
        """End the launcher and all that it started, by SIGTERM, then by SIGKILL; return whether it has ended."""
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
                # Checked after the descriptor is open: the number cannot pass to another process any more.
                if self.is_alive:
                    signal.pidfd_send_signal(process, number)
            finally:
                os.close(process)


@contextlib.contextmanager
def registered(cluster: str) -> Iterator[str | None]:
    """List this process among the launchers for as long as the block lasts.

    Yields
    ------
    str or None
        Remark on a disk without file locks, for the user.

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
        draft.replace(path)  # locked before it is visible: an unlocked file is that of a process that has ended
        try:
            yield without_locks(path)
        finally:
            path.unlink(missing_ok=True)


def running(cluster: str | None = None) -> list[Launcher]:
    """Return the launchers of a cluster, or of all clusters; remove the files of those that have ended."""
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
