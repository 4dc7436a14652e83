"""Exclusive locks between processes, also on disks without locks.

NFS without its lock daemon answers flock with ENOLCK, Lustre without ``-o flock`` with ENOSYS. There, a file beside
the one to be locked says who has it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import json
import logging
import os
import secrets
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from pointillist.system.notes import note

log = logging.getLogger("pointillist.locks")
log.addHandler(logging.NullHandler())  # commands, which log nothing, tell it themselves

BUSY = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES})
"""Answers of flock where another process has the lock; SMB says EACCES. Any other one means that there are no locks."""

HEARTBEAT_S = 5.0
STALE_S = 60.0
"""A holder on another machine that has not touched its file for so long is dead."""

_POLL_S = 0.1


class FileLock:
    """An exclusive lock on a file, held until its release or the end of the process.

    Parameters
    ----------
    file
        Descriptor of the file, open for writing. Closing it releases the lock where the disk supports locks.
    path
        Path of the file.
    waits
        Whether to wait while another process holds the lock.

    Attributes
    ----------
    holder
        File that replaces the lock; None where the disk supports locks.

    Raises
    ------
    BlockingIOError
        If another process has it.
    OSError
        If the disk has no locks, and its folder cannot be written.

    Notes
    -----
    A holder's file, ``<name>.holder``, is made by one process alone (O_EXCL) and names its machine and process. It is
    stale at once if that process of this machine has ended, and after a minute without a heartbeat if it is of another
    machine, by the clock of the disk. A stale one is renamed by one process alone before it is replaced.
    """

    def __init__(self, file: int, path: Path, *, waits: bool = False) -> None:
        self.holder: HolderFile | None = None
        while not self._try(file, path):
            if not waits:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
            time.sleep(_POLL_S)

    @property
    def is_lost(self) -> bool:
        """Whether another process has taken the lock over, because heartbeats were missing for too long."""
        return self.holder is not None and self.holder.is_lost

    def release(self) -> None:
        """Delete the holder's file; the lock of a disk ends with the descriptor."""
        if self.holder is not None:
            self.holder.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _try(self, file: int, path: Path) -> bool:
        holder = HolderFile(holder_path(path))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in BUSY:
                return False
            if not holder.take():
                return False
            self.holder = holder
            _warn_once(path.parent, str(error.strerror))
            return True
        if holder.is_alive:  # of a machine on which this disk has no locks
            fcntl.flock(file, fcntl.LOCK_UN)
            return False
        return True


def is_locked(path: Path) -> bool:
    """Return whether a process holds a :class:`FileLock` on a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in BUSY:
                return True
    return HolderFile(holder_path(path)).is_alive


def holder_path(path: Path) -> Path:
    """Return the file that says who has the lock of another one, where the disk has no locks."""
    return path.with_name(f"{path.name}.holder")


def without_locks(path: Path) -> str | None:
    """Return a remark if a file is locked by a holder's file; else None."""
    if not holder_path(path).exists():
        return None
    return f"the disk of {path.parent} has no file locks; a file {holder_path(path).name} is used instead"


class HolderFile:
    """A file whose existence is a lock.

    Parameters
    ----------
    path
        Path of the file.

    Attributes
    ----------
    is_lost
        Whether another process has taken over the lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_lost = False
        self._token = secrets.token_hex(8)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._keep_alive, name="lock", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether the file exists and belongs to a running process."""
        found = _read(self.path)
        return found is not None and _is_alive(self.path, *found)

    def take(self) -> bool:
        """Create the file unless another process has it; return whether that was done."""
        about = {"machine": _machine(), "pid": os.getpid(), "started": _started(os.getpid()), "token": self._token}
        while True:
            try:
                file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                found = _read(self.path)
                if found is None:
                    continue
                if _is_alive(self.path, *found):
                    return False
                self._clear(found)
                continue
            with os.fdopen(file, "w", encoding="ascii") as opened:
                opened.write(json.dumps(about))
            self._thread.start()
            return True

    def remove(self) -> None:
        """Delete the file, if it is this process's."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._is_own():
            self.path.unlink(missing_ok=True)

    def _clear(self, stale: tuple[dict[str, Any], float]) -> None:
        """Move a stale file away; only one of several processes succeeds."""
        aside = self.path.with_name(f"{self.path.name}.{self._token}")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(aside)
            if _read(aside) != stale:  # a living one's, which was made in the meantime
                _give_back(aside, self.path)
            aside.unlink(missing_ok=True)

    def _is_own(self) -> bool:
        found = _read(self.path)
        return found is not None and found[0].get("token") == self._token

    def _keep_alive(self) -> None:
        while not self._is_over.wait(HEARTBEAT_S):
            with contextlib.suppress(OSError):  # the disk is away for a moment
                if not self._is_own():
                    self.is_lost = True
                    return
                os.utime(self.path)


def _give_back(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError:
        return  # a third process has made one; the second one notices at its next heartbeat
    except OSError:  # a file system without links
        aside.rename(path)


def _read(path: Path) -> tuple[dict[str, Any], float] | None:
    """Return what a holder's file says, and the time of its last heartbeat; None if there is none."""
    try:
        with path.open("rb") as file:
            content, beat = file.read(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    try:
        about = json.loads(content)
    except ValueError:  # it is just being written, or was torn
        about = {}
    return (about if isinstance(about, dict) else {}), beat


def _is_alive(path: Path, about: dict[str, Any], beat: float) -> bool:
    pid = about.get("pid")
    if about.get("machine") == _machine() and isinstance(pid, int):
        return _started(pid) is not None and about.get("started") == _started(pid)
    return _clock(path.parent) - beat < STALE_S


def _clock(folder: Path) -> float:
    """Return the time by the clock of a disk, which may be another machine's."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


@functools.cache
def _machine() -> str:
    """Return a name of this machine since its start, or of the container, within which process numbers are unique."""
    boot, numbers = "", ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        numbers = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {boot} {numbers}"


def _started(pid: int) -> str | None:
    """Return the start time of a process, since numbers are reused; None if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass  # another user's
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return None if fields[0] in {"Z", "X"} else fields[19]


@functools.cache
def _warn_once(folder: Path, reason: str) -> None:
    note(log, logging.WARNING, "no file locks; files of our own stand in for them", folder=folder, reason=reason)
