"""Checks of files before they are read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def irregular(path: Path) -> str:
    """Return the kind of a path that is no regular file.

    Parameters
    ----------
    path
        Path that a user named.

    Returns
    -------
    str
        Name of what is there, such as ``a named pipe``; empty for a regular file, and where there is nothing.
    """
    try:
        mode = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return ""
    return "" if mode == stat.S_IFREG else _KINDS.get(mode, "no file")


def obstacle(path: Path) -> tuple[str, str] | None:
    """Return why a file cannot be read, and the remedy; None if it can.

    Parameters
    ----------
    path
        Path of the file, which is not opened, since opening a pipe would block.

    Returns
    -------
    (problem, remedy) or None
        Arguments of a :class:`pointillist.errors.PointillistError`.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        problem = "is a link to a file that does not exist" if path.is_symlink() else "there is no such file"
        return problem, "check its name and folder"
    except PermissionError:
        return "is in a folder that may not be read", "ask its owner for permission to read"
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        return f"cannot be a file ({reason})", "check its name and folder"
    if kind := irregular(path):
        return f"is {kind}", "name a file"
    if not os.access(path, os.R_OK):
        return "may not be read", "ask its owner for permission to read"
    return None if status.st_size else ("is empty", "copy it again")
