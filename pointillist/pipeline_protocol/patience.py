"""How long a client waits for a server that works on its request, and what the user is told meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from pointillist.errors import ServerError

PATIENCE_S = 60.0
"""Longest wait of a command for the answer to one request, s."""

TELL_S = 3.0
"""Wait after which the user is told the reason, s."""


class Patience:
    """The patience with one request.

    Parameters
    ----------
    seconds
        Longest wait, s.
    tell
        Function that shows a line to the user.
    clock
        Function that returns the time, s from any start.
    """

    def __init__(
        self, seconds: float, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._tell = tell
        self._clock = clock
        self._began = clock()
        self._told: set[str] = set()

    def wait(self, reason: str) -> None:
        """Wait further; the user is told each reason once.

        Raises
        ------
        ServerError
            If that has taken too long.
        """
        waited = self._clock() - self._began
        if waited > self._seconds:
            problem = f"has not completed the request after {waited:.0f} s: {reason}"
            raise ServerError("server", problem, "the server continues; see 'pointillist jobs', and try again later")
        if waited > TELL_S and reason not in self._told:
            self._told.add(reason)
            self._tell(f"waiting: {reason}")
