"""How long a client waits for a server that is at its request, and what people are told meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from pointillist.errors import ServerError

PATIENCE_S = 60.0
"""Of who gives one command and looks at the answer."""

TELL_S = 3.0
"""Whoever waits for longer is told what for."""


class Patience:
    """The patience with one request.

    Parameters
    ----------
    seconds
        After which the client gives up.
    tell
        Takes a line for people.
    clock
        Seconds, from any start.
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
        """Go on waiting; people are told once what for.

        Raises
        ------
        ServerError
            If that has taken too long.
        """
        waited = self._clock() - self._began
        if waited > self._seconds:
            problem = f"is still not done with the request after {waited:.0f} s: {reason}"
            raise ServerError("server", problem, "it goes on; see pointillist jobs, and try again later")
        if waited > TELL_S and reason not in self._told:
            self._told.add(reason)
            self._tell(f"waiting: {reason}")
