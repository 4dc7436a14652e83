"""Whether a file is still being written."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

STILL_WRITTEN = "is still being written", "wait until the acquisition has ended"
"""Problem and remedy of a growing movie."""

_FRESH_S = 10.0
"""Maximum age of the last change of a file that may still be written."""

_WATCHED_S = 1.0
_POLL_S = 0.05

Stamp = tuple[tuple[int, int], ...]


def stamp(paths: Iterable[Path]) -> Stamp:
    """Return the sizes and modification times of files, which change as they are written.

    Parameters
    ----------
    paths
        Paths of the files.

    Returns
    -------
    tuple
        Size (bytes) and modification time (ns) of each file; -1 where it is missing.
    """
    return tuple(map(_stamp, paths))


def is_growing(path: Path) -> bool:
    """Return whether a recently modified file still changes, after watching it for at most a second.

    Parameters
    ----------
    path
        Path of the file.

    Returns
    -------
    bool
        Whether it changed meanwhile; False at once if it was last modified earlier than that.
    """
    before = _stamp(path)
    if abs(time.time() - before[1] / 1e9) > _FRESH_S:
        return False
    end = time.monotonic() + _WATCHED_S
    while time.monotonic() < end:
        time.sleep(_POLL_S)
        if _stamp(path) != before:
            return True
    return False


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return -1, -1
    return status.st_size, status.st_mtime_ns
