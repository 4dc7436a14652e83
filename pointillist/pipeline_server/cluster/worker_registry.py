"""The workers as the server knows them: machine, connection and health."""

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
"""Silence after which a worker is shown as silent, s; its heartbeat comes once a second."""

_REMEMBERED_S = 600.0
"""Time for which a silent worker is still listed, s."""

_N_SUCCESSORS = 1000
"""Number of connections that are remembered as those of replacements of dead workers."""


@dataclass(kw_only=True)
class Member:
    """A worker and its latest heartbeat.

    Attributes
    ----------
    peer
        ZeroMQ identity of its connection.
    heartbeat
        Latest heartbeat.
    heard_at
        Arrival time of that heartbeat, s.
    has_been_warm
        Whether it has ever been able to compute.
    is_replacement
        Whether it replaces a worker that died.
    """

    peer: bytes
    heartbeat: Heartbeat
    heard_at: float
    has_been_warm: bool = False
    is_replacement: bool = False

    def health(self, now: float) -> Health:
        """Return its health."""
        if now - self.heard_at > SILENT_S:
            return "silent"
        if self.heartbeat.is_compiling:
            return "compiling kernels"
        if self.heartbeat.holds:
            return "busy"
        if self.has_been_warm:
            return "idle"
        return "restarting" if self.is_replacement else "warming up"


class WorkerRegistry:
    """All workers, by name."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._successors: deque[bytes] = deque(maxlen=_N_SUCCESSORS)

    def record_heartbeat(self, peer: bytes, heartbeat: Heartbeat, now: float) -> None:
        """Keep the latest heartbeat of a worker."""
        member = self._members.get(heartbeat.worker)
        if member is None:
            member = self._members[heartbeat.worker] = Member(peer=peer, heartbeat=heartbeat, heard_at=now)
            member.is_replacement = peer in self._successors
        member.peer, member.heartbeat, member.heard_at = peer, heartbeat, now
        member.has_been_warm |= bool(heartbeat.wants or heartbeat.holds)

    def peer_of(self, worker: str) -> bytes | None:
        """Return the connection of a worker."""
        member = self._members.get(worker)
        return None if member is None else member.peer

    def host_of(self, worker: str) -> str:
        """Return the machine of a worker; empty if it is gone."""
        member = self._members.get(worker)
        return "" if member is None else member.heartbeat.host

    def n_compiling(self, now: float) -> int:
        """Return how many workers compile kernels, or wait for that."""
        return sum(member.health(now) == "compiling kernels" for member in self._members.values())

    def log_event(self, happened: NoteFault | NoteLoss | NotePassOver) -> None:
        """Log what happened to a worker, or to a range that it had."""
        member = self._members.get(happened.worker)
        process = {} if member is None else {"host": member.heartbeat.host, "worker_pid": member.heartbeat.pid}
        where = {"worker": happened.worker, **process}
        if isinstance(happened, NotePassOver):
            build = None if member is None else member.heartbeat.build
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

    def record_death(self, successor: bytes, host: str, pid: int) -> str:
        """Record the death of a process, reported by its replacement; return the worker's name, empty if unknown."""
        self._successors.append(successor)
        for name, member in self._members.items():
            if (member.heartbeat.host, member.heartbeat.pid) == (host, pid):
                return name
        return ""

    def leave(self, worker: str) -> None:
        """Remove a worker that has ended."""
        self._members.pop(worker, None)

    def forget(self, now: float, known: Container[str]) -> None:
        """Remove workers that the queue does not know, after a while."""
        for name, member in list(self._members.items()):
            if name not in known and now - member.heard_at > _REMEMBERED_S:
                del self._members[name]

    def report(self, workers: Mapping[str, Worker], now: float, after: str, n_workers: int) -> list[WorkerReport]:
        """Return reports on the next workers, in order of their names.

        Parameters
        ----------
        workers
            Workers of the queue, by name.
        now
            Present time, s.
        after
            Name that they follow.
        n_workers
            Greatest number of reports.
        """
        names = sorted(name for name in self._members if name > after)[:n_workers]
        return [_report(self._members[name], workers.get(name), now) for name in names]


def _report(member: Member, worker: Worker | None, now: float) -> WorkerReport:
    heartbeat = member.heartbeat
    health = member.health(now)
    job = heartbeat.computing or (heartbeat.holds[0] if heartbeat.holds else None)
    return WorkerReport(
        worker=heartbeat.worker,
        host=heartbeat.host,
        pid=heartbeat.pid,
        core=heartbeat.core,
        build=heartbeat.build or "",
        health=health,
        rate=worker.rate.at(now) if worker is not None else 0.0,
        n_frames=worker.n_frames if worker is not None else 0,
        silent_s=max(0.0, now - member.heard_at),
        job=job.job if job is not None and health == "busy" else None,
    )
