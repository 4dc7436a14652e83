"""Where the server of this user on this machine is.

A server that is meant to be found writes its address into a file and holds a lock on it as long as it lives; where
workers of another machine's server run, they do so for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
from pathlib import Path
from typing import Self

import platformdirs

from pipeline_protocol.errors import ServerError

DEFAULT_CLUSTER = "default"
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def state_folder() -> Path:
    """Return the folder of what this user runs on this machine; a home folder may be that of many machines."""
    return platformdirs.user_state_path("pointillist") / socket.gethostname()


def server_file(cluster: str = DEFAULT_CLUSTER) -> Path:
    """Return the file that holds the address of a cluster's server."""
    return state_folder() / f"{cluster}.server"


def check_cluster(name: str) -> str:
    """Return the name of a cluster.

    Raises
    ------
    ServerError
        If it cannot be one.
    """
    if not _CLUSTER_NAME.fullmatch(name):
        raise ServerError(repr(name), "is no name of a cluster", "use up to 40 letters, digits, '.', '_' and '-'")
    return name


def find_server(path: Path | None = None) -> str | None:
    """Return the address of this user's running server, None if there is none.

    Parameters
    ----------
    path
        The file; :func:`server_file` if None.
    """
    try:
        with (path or server_file()).open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().decode("ascii", "replace").strip() or None
    except OSError:
        return None
    return None  # nobody holds the lock: it is what a dead server left


class Announcement:
    """The file of a server, locked.

    Parameters
    ----------
    path
        The file.

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
            raise ServerError(path, f"cannot be written ({error.strerror})", "repair its folder") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise ServerError(path, "a server runs on this machine already", "use that one") from error
        self.publish("")

    def publish(self, address: str) -> None:
        """Write the address; nothing where there is none."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, address.encode("ascii") + b"\n", 0)

    def close(self) -> None:
        """Take the address back."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
