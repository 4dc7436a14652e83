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
        Its descriptor.

    Attributes
    ----------
    fds
        To be polled.
    is_closed
        Whether no more will come.
    """

    def __init__(self, fd: int | None = None) -> None:
        fd = _stdin() if fd is None else fd
        self.fds = [fd] if fd is not None and stat.S_ISFIFO(os.fstat(fd).st_mode) else []
        self.is_closed = False
        self._rest = b""

    def latest(self) -> str | None:
        """Return the last address that has come since, without waiting."""
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
