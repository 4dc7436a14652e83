"""A server among others: its name, the leader, and the launchers of its workers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from pointillist.pipeline_protocol.discovery import DEFAULT_CLUSTER
from pointillist.pipeline_protocol.messages import Report

_FAREWELL_S = 3.0
"""Time that a replaced server stays to tell its clients, once it has nothing left to do, s."""

_SILENCE_S = 10.0
"""A launcher that is silent for so long is forgotten, s."""

_N_TROUBLES, _TROUBLE_LENGTH = 100, 500
"""Greatest number, and length in characters, in a reply."""


@dataclass(kw_only=True)
class ClusterState:
    """A server in its cluster.

    Parameters
    ----------
    cluster
        Name of the cluster.
    server
        Unique name of the server.
    epoch
        Starting time, µs since 1970.
    leader
        Function that returns the address of the leading server; None if this one leads.
    """

    cluster: str = DEFAULT_CLUSTER
    server: str = field(default_factory=lambda: secrets.token_hex(8))
    epoch: int = field(default_factory=lambda: time.time_ns() // 1000)
    leader: Callable[[], str | None] = lambda: None
    _launchers: dict[tuple[str, int], tuple[float, Report]] = field(default_factory=dict)
    _idle_since: float | None = None

    def record_report(self, report: Report, now: float) -> None:
        """Keep the latest report of a launcher."""
        if (report.host, report.pid) not in self._launchers:
            self.launchers(now)  # forgets those that fell silent
        self._launchers[report.host, report.pid] = now, report

    def launchers(self, now: float) -> list[Report]:
        """Return the latest reports of the launchers that have not fallen silent."""
        self._launchers = {key: note for key, note in self._launchers.items() if now - note[0] < _SILENCE_S}
        return [report for _, report in self._launchers.values()]

    def is_replaced(self, now: float, *, is_idle: bool) -> bool:
        """Whether another server leads, and this one has had nothing to do for a while."""
        if self.leader() is None or not is_idle:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return self._idle_since is not None and now - self._idle_since > _FAREWELL_S

    def troubles(self, now: float) -> list[str]:
        """Return the problems on the machines of the launchers, one line each."""
        found = (f"{report.host}: {trouble}" for report in self.launchers(now) for trouble in report.troubles)
        return [trouble[:_TROUBLE_LENGTH] for trouble in islice(found, _N_TROUBLES)]
