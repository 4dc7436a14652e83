"""Waking a thread that waits for sockets."""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """A file descriptor that any thread can make readable.

    Attributes
    ----------
    fd
        File descriptor to poll.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.fd = self._reader.fileno()

    def wake(self) -> None:
        """Make the descriptor readable."""
        with contextlib.suppress(BlockingIOError, OSError):  # it is readable already, or closed
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Make the descriptor unreadable; to be called before reading what the other thread left."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def close(self) -> None:
        """Close both ends."""
        self._reader.close()
        self._writer.close()
