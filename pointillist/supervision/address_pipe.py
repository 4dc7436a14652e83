"""How a worker is told that the server is at another address: a line on its standard input."""

from __future__ import annotations

import os
import select
import stat
import sys

_CHUNK = 4096


class AddressPipe:
    """The standard input, if it is a pipe.

    Parameters
    ----------
    fd
        File descriptor to read from; None for that of the standard input.

    Attributes
    ----------
    fds
        File descriptors to poll: one, or none where there is no pipe.
    is_closed
        Whether the other end is closed.
    """

    def __init__(self, fd: int | None = None) -> None:
        fd = _stdin() if fd is None else fd
        self.fds = [fd] if fd is not None and stat.S_ISFIFO(os.fstat(fd).st_mode) else []
        self.is_closed = False
        self._rest = b""

    def latest(self) -> str | None:
        """Return the latest address that has arrived since the last call, without waiting; None if there is none."""
        for fd in self.fds:
            while not self.is_closed and select.select([fd], [], [], 0)[0]:
                chunk = os.read(fd, _CHUNK)
                self.is_closed = not chunk
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return lines[-1].decode("ascii", "replace") if lines else None


def _stdin() -> int | None:
    try:
        return sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # none, or one of a test's
        return None
