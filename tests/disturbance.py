"""A run under faults that follow one another, by a seed, and what it has shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from disturbed_cluster import DisturbedCluster, Verdict
from faults import FAULTS, Fault, Hit

STALLED_S = 60.0
"""A cluster that has not recovered from a fault after so long does not recover."""

_START_S, _END_S, _STATUS_S = 240.0, 180.0, 60.0
_POLL_S, _PAUSE_S = 0.02, 1.5
_PAIRS = 1 / 3
"""Share of the faults that another one happens beside."""


class StalledError(Exception):
    """The cluster does not go on."""


@dataclass
class Trouble:
    """A fault under way, or past.

    Parameters
    ----------
    fault, hit
        What it is.
    ends_at
        When it ends, s.
    recovers_from
        When the recovery begins: with the fault, or with its end if nothing can go on before.
    n_frames
        How many were safe then; None until then.
    """

    fault: Fault
    hit: Hit
    ends_at: float
    recovers_from: float
    n_frames: int | None = None
    has_ended: bool = False
    recovery_s: float | None = None


@dataclass
class Disturbance:
    """Faults for some time.

    Attributes
    ----------
    recoveries
        Of each kind of fault, how long it took to recover from, s.
    log
        The faults, as they were dealt.
    slowest
        The longest recovery, s, and what it was from.
    """

    cluster: DisturbedCluster
    seed: int
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    is_stalled: bool = False

    def run(self, seconds: float) -> Verdict:
        """Disturb the cluster; let the analyses that are under way then end in peace.

        Raises
        ------
        StalledError
            If it does not go on after a fault, or does not end.
        """
        random, cluster = Random(self.seed), self.cluster
        self._wait(lambda: cluster.ledger.n_frames > 0, _START_S, "no frame is done")
        deck = _deck(random)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            n_faults = 2 if random.random() < _PAIRS else 1
            self._disturb([next(deck) for _ in range(n_faults)], random)
            pause = time.monotonic() + random.uniform(0.0, _PAUSE_S)
            while time.monotonic() < pause:
                self._tend()
        for user in cluster.users:
            user.is_leaving = True
        self._wait(lambda: all(user.is_done for user in cluster.users), _END_S, "the analyses do not end")
        return cluster.verdict

    def _disturb(self, faults: list[Fault], random: Random) -> None:
        troubles = []
        for fault in faults:
            hit, now = fault.strike(self.cluster, random), time.monotonic()
            ends_at = now + random.uniform(*fault.seconds)
            troubles.append(Trouble(fault, hit, ends_at, ends_at if fault.is_total else now))
        latest = max(trouble.recovers_from for trouble in troubles)
        for trouble in troubles:
            trouble.recovers_from = latest
        names = " + ".join(fault.name for fault in faults)
        self.log.append(names)
        self._wait(lambda: all(list(map(self._attend, troubles))), STALLED_S, f"after {names}")
        for trouble in troubles:
            assert trouble.recovery_s is not None
            self.recoveries.setdefault(trouble.fault.name, []).append(trouble.recovery_s)
            self.slowest = max(self.slowest, (trouble.recovery_s, names))

    def _attend(self, trouble: Trouble) -> bool:
        """End a fault whose time is up; return whether it is over and the cluster has recovered."""
        now, ledger = time.monotonic(), self.cluster.ledger
        if now >= trouble.ends_at and not trouble.has_ended:
            trouble.hit.end()
            trouble.has_ended = True
        if now >= trouble.recovers_from and trouble.n_frames is None:
            trouble.n_frames = ledger.n_frames
        elif trouble.n_frames is not None and trouble.recovery_s is None:
            is_recovered = ledger.n_frames > trouble.n_frames and all(map(ledger.has, trouble.hit.leased))
            trouble.recovery_s = now - trouble.recovers_from if is_recovered else None
        return trouble.has_ended and trouble.recovery_s is not None

    def _wait(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            self._tend()
            if time.monotonic() > deadline:
                self.is_stalled = True
                raise StalledError(f"{what} for {seconds:.0f} s\n" + "\n".join(self.log))

    def _tend(self) -> None:
        self.cluster.tend()
        time.sleep(_POLL_S)


def _deck(random: Random) -> Iterator[Fault]:
    """Deal the faults, each as often as any other."""
    while True:
        yield from random.sample(FAULTS, len(FAULTS))


def workers_in_sight(cluster: DisturbedCluster) -> int:
    """Return how many workers the users see at work."""
    host = cluster.users[0].host
    process = host.command("pointillist", "status", "--json", **cluster.users[0].environment)
    if process.wait(_STATUS_S):
        return 0
    workers = json.loads(host.printed(process).splitlines()[-1])["workers"]
    return sum(worker["health"] in {"busy", "idle"} for worker in workers)
