"""The workers as the server hears of them: from which machine, over which connection, and how they are."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass

from pointillist.pipeline_protocol.messages import Health, Heartbeat, WorkerReport
from pointillist.pipeline_server.queue import NoteFault, NoteLoss, NotePassOver, Worker
from pointillist.system import note

log = logging.getLogger("pointillist.server")

SILENT_S = 2.5
"""A worker beats once a second."""

_REMEMBERED_S = 600.0
"""How long one is spoken of that fell silent."""

_N_SUCCESSORS = 1000
"""Connections that are remembered to be those of successors of dead workers."""


@dataclass(kw_only=True)
class Member:
    """What was heard of a worker.

    Attributes
    ----------
    peer
        Its connection.
    beat
        Its latest.
    heard_at
        When that came, s.
    has_been_warm
        Whether it has ever been able to work.
    is_replacement
        Whether it takes the place of one that died.
    """

    peer: bytes
    beat: Heartbeat
    heard_at: float
    has_been_warm: bool = False
    is_replacement: bool = False

    def health(self, now: float) -> Health:
        """Say how it is."""
        if now - self.heard_at > SILENT_S:
            return "silent"
        if self.beat.is_compiling:
            return "compiling kernels"
        if self.beat.holds:
            return "busy"
        if self.has_been_warm:
            return "idle"
        return "restarting" if self.is_replacement else "warming up"


class WorkerRegistry:
    """All workers, by name."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._successors: deque[bytes] = deque(maxlen=_N_SUCCESSORS)

    def hear(self, peer: bytes, beat: Heartbeat, now: float) -> None:
        """Take note of a beat."""
        member = self._members.get(beat.worker)
        if member is None:
            member = self._members[beat.worker] = Member(peer=peer, beat=beat, heard_at=now)
            member.is_replacement = peer in self._successors
        member.peer, member.beat, member.heard_at = peer, beat, now
        member.has_been_warm |= bool(beat.wants or beat.holds)

    def peer_of(self, worker: str) -> bytes | None:
        """Return the connection of a worker."""
        member = self._members.get(worker)
        return None if member is None else member.peer

    def host_of(self, worker: str) -> str:
        """Return the machine of a worker; empty if it is gone."""
        member = self._members.get(worker)
        return "" if member is None else member.beat.host

    def n_compiling(self, now: float) -> int:
        """Return how many workers compile kernels, or wait for that."""
        return sum(member.health(now) == "compiling kernels" for member in self._members.values())

    def tell(self, happened: NoteFault | NoteLoss | NotePassOver) -> None:
        """Log what became of a worker, or of a range in it."""
        member = self._members.get(happened.worker)
        process = {} if member is None else {"host": member.beat.host, "worker_pid": member.beat.pid}
        where = {"worker": happened.worker, **process}
        if isinstance(happened, NotePassOver):
            build = None if member is None else member.beat.build
            note(log, logging.WARNING, "passed over", job=happened.job, build=build, **where)
            return
        if isinstance(happened, NoteFault):
            ref = happened.ref
            details = {"error": happened.error, "n_faults": happened.n_faults, "outcome": happened.outcome}
            note(log, logging.WARNING, "fault", job=ref.job, start=ref.start, stop=ref.stop, **where, **details)
            return
        event = "died" if happened.is_dead else "silent"
        for ref in happened.refs:
            note(log, logging.WARNING, event, job=ref.job, start=ref.start, stop=ref.stop, **where)
        if not happened.refs:
            note(log, logging.WARNING, event, **where)

    def die(self, successor: bytes, host: str, pid: int) -> str:
        """Take note that a process is dead, whose successor says so; return its name, empty if it has none."""
        self._successors.append(successor)
        for name, member in self._members.items():
            if (member.beat.host, member.beat.pid) == (host, pid):
                return name
        return ""

    def leave(self, worker: str) -> None:
        """Forget a worker that is gone for good."""
        self._members.pop(worker, None)

    def forget(self, now: float, known: Container[str]) -> None:
        """Forget those whom the queue does not know, after a while."""
        for name, member in list(self._members.items()):
            if name not in known and now - member.heard_at > _REMEMBERED_S:
                del self._members[name]

    def report(self, workers: Mapping[str, Worker], now: float, after: str, n_workers: int) -> list[WorkerReport]:
        """Return how the next workers are, in order of their names.

        Parameters
        ----------
        workers
            The queue's.
        now
            Time, s.
        after
            The name that they follow.
        n_workers
            Their number, at most.
        """
        names = sorted(name for name in self._members if name > after)[:n_workers]
        return [_report(self._members[name], workers.get(name), now) for name in names]


def _report(member: Member, worker: Worker | None, now: float) -> WorkerReport:
    beat = member.beat
    health = member.health(now)
    job = beat.computing or (beat.holds[0] if beat.holds else None)
    return WorkerReport(
        worker=beat.worker,
        host=beat.host,
        pid=beat.pid,
        core=beat.core,
        build=beat.build or "",
        health=health,
        rate=worker.rate.at(now) if worker is not None else 0.0,
        n_frames=worker.n_frames if worker is not None else 0,
        silent_s=max(0.0, now - member.heard_at),
        job=job.job if job is not None and health == "busy" else None,
    )
