"""When a process should end: a signal, or the death of the process that started it."""

from __future__ import annotations

import os
import select
import signal
import socket
from types import FrameType

PARENT_FD_VARIABLE = "POINTILLIST_PARENT_FD"
"""Environment variable with the file descriptor that a child process watches; it closes with the parent."""

EXIT_REPLACED = 77
"""Status of a server that ended because another one leads its cluster."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ParentWatch:
    """Tells this process when to end; to be made once, in the main thread.

    SIGINT, SIGTERM and SIGHUP do not interrupt: they make :attr:`fds` readable, as the end of the parent
    does.

    Attributes
    ----------
    fds
        Descriptors to poll along with others; readable when the process should end.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, _wake_only)
        self.fds = [self._reader.fileno()]
        parent = os.environ.get(PARENT_FD_VARIABLE)
        if parent:
            self.fds.append(int(parent))

    def is_cut(self) -> bool:
        """Whether the process should end."""
        poll = select.poll()
        for fd in self.fds:
            poll.register(fd, select.POLLIN)
        return bool(poll.poll(0))


def _wake_only(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the signal has been written to the wake-up descriptor."""
