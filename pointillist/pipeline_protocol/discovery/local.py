"""The address of the server of this user on this machine.

A server that is meant to be found writes its address into a file and holds a lock on it as long as it lives; where
workers of another machine's server run, they do so for it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from pathlib import Path
from typing import Self

from pointillist.errors import ServerError
from pointillist.system import STATE, FileLock, is_locked, state_folder

DEFAULT_CLUSTER = "default"
_REMEDY = f"repair its folder, or set {STATE.variable}"
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def machine_folder() -> Path:
    """Return the folder of what this user runs on this machine; a home folder may be that of many machines."""
    return state_folder() / socket.gethostname()


def server_file(cluster: str = DEFAULT_CLUSTER) -> Path:
    """Return the file that holds the address of a cluster's server."""
    return machine_folder() / f"{cluster}.server"


def check_cluster(name: str) -> str:
    """Return the name of a cluster.

    Raises
    ------
    ServerError
        If it cannot be one.
    """
    if not _CLUSTER_NAME.fullmatch(name):
        raise ServerError(repr(name), "is not a valid cluster name", "use up to 40 letters, digits, '.', '_' and '-'")
    return name


def find_server(path: Path | None = None) -> str | None:
    """Return the address of this user's running server, None if there is none.

    Parameters
    ----------
    path
        File of the address; :func:`server_file` if None.
    """
    path = path or server_file()
    try:
        if not is_locked(path):
            return None  # left by a server that has ended
        return path.read_text("ascii", "replace").strip() or None
    except OSError:
        return None


class Announcement:
    """The file of a server's address, locked as long as the server lives.

    Parameters
    ----------
    path
        File of the address.

    Raises
    ------
    ServerError
        If another server holds it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServerError(path, f"cannot be written ({error.strerror})", _REMEDY) from error
        try:
            self._lock = FileLock(self._file, path)
        except OSError as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise ServerError(path, "a server is already running on this machine", "use that one") from error
            raise ServerError(path, f"cannot be locked ({error.strerror})", _REMEDY) from error
        self.publish("")

    def publish(self, address: str) -> None:
        """Write the address; nothing where there is none."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, address.encode("ascii") + b"\n", 0)

    def close(self) -> None:
        """Remove the address and release the lock."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
