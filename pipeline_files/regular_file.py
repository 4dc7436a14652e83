"""Files that can be opened without waiting: no pipes, devices, sockets or directories."""

from __future__ import annotations

import stat
from pathlib import Path

from pipeline_protocol.errors import MovieError

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def irregular(path: Path) -> str:
    """Return what stands at a path instead of a file.

    Parameters
    ----------
    path
        What a user named.

    Returns
    -------
    str
        ``a named pipe`` and the like; empty for a file, and where there is nothing.
    """
    try:
        mode = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return ""  # opening it tells what is wrong
    return "" if mode == stat.S_IFREG else _KINDS.get(mode, "no file")


def check_regular(path: Path) -> None:
    """Refuse to wait for whoever writes into a pipe.

    Parameters
    ----------
    path
        What a user named.

    Raises
    ------
    MovieError
        If it is there, and no regular file.
    """
    if kind := irregular(path):
        raise MovieError(path, f"is {kind}", "name a movie file")
