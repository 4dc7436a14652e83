"""The leased tasks of a worker, and what it tells the server: messages in, messages out, no socket, no clock."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from msgspec import structs

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import Buffer, control as m, decode_spec
from pointillist.pipeline_worker.tasks import Computed

HEARTBEAT_S = 1.0
RESEND_S = 3.0
"""An answer that has not been confirmed for so long is sent again; then after twice that time, and so on: images on a
slow network are late without being lost. A server that has started again gets all answers at once."""

N_LEASED = 2
"""Ranges that are prepared or computed: one while the other."""

N_UNCONFIRMED = 4
"""Answers that wait for their confirmation, until no more tasks are asked for."""


class Stage(Enum):
    """Where a range is in the worker."""

    QUEUED = auto()
    PREPARING = auto()
    READY = auto()
    COMPUTING = auto()
    ANSWERED = auto()


@dataclass(kw_only=True)
class LeasedTask:
    """A range in the worker.

    Attributes
    ----------
    ref, spec
        Range, and job.
    lease_s
        Time that a stage may take before the worker is taken to be stuck, s.
    since
        Time when its stage began, s.
    stage
        Latest stage.
    is_unwanted
        Whether the result is not needed any more.
    answer, buffers
        Message with the result, and what follows it.
    send_at
        Time when the answer is to be sent, the first time or again, s.
    resend_s
        Time to wait for its confirmation then, s.
    """

    ref: m.Ref
    spec: m.JobSpec
    lease_s: float
    since: float
    stage: Stage = Stage.QUEUED
    is_unwanted: bool = False
    answer: m.Answer | None = None
    buffers: Sequence[Buffer] = ()
    send_at: float = -math.inf
    resend_s: float = RESEND_S

    def is_stuck(self, now: float) -> bool:
        """Whether it has been prepared, or computed, for longer than its lease."""
        return self.stage in {Stage.PREPARING, Stage.COMPUTING} and now - self.since > self.lease_s

    def enter(self, stage: Stage, now: float) -> None:
        """Begin a stage."""
        self.stage, self.since = stage, now


Outgoing = tuple[m.FromWorker, Sequence[Buffer]]


@dataclass(kw_only=True)
class WorkerState:
    """The leased tasks of a worker.

    Attributes
    ----------
    worker
        Unique name of the worker.
    pid
        Process number.
    is_warm
        Whether it can compute.
    core
        Core that computed last.
    build, is_compiling
        As of :class:`pointillist.supervision.Kernels`.
    epoch
        Epoch of the server that answered last; another one knows nothing of earlier requests.
    """

    worker: str
    pid: int
    is_warm: bool = False
    core: int | None = None
    build: str | None = None
    is_compiling: bool = False
    epoch: int | None = None
    _tasks: dict[tuple[str, int, int], LeasedTask] = field(default_factory=dict)
    _reported: tuple[int, m.Ref | None, bool] | None = None
    _heartbeat_at: float = 0.0

    def receive(self, message: m.FromServer, buffers: Sequence[Buffer], now: float) -> LeasedTask | None:
        """Take a message; return the task if it is one to begin.

        Raises
        ------
        MessageError
            If its job cannot be understood.
        """
        match message:
            case m.Lease(ref=ref, lease_s=lease_s):
                if len(buffers) != 1:
                    raise MessageError("lease", "names no job", "use the same version everywhere")
                known = self._tasks.get(_key(ref))
                if known is not None:
                    known.ref = ref  # a later lease of the same range
                    return None
                task = LeasedTask(ref=ref, spec=decode_spec(buffers[0]), lease_s=lease_s, since=now)
                self._tasks[_key(ref)] = task
                return task
            case m.Release(ref=ref):
                released = self._tasks.pop(_key(ref), None)
                if released is not None:
                    released.is_unwanted = True
                    if released.answer is None:
                        self._heartbeat_at = now
            case m.HeartbeatAck(epoch=epoch) if epoch != self.epoch:
                self.epoch = epoch
                for task in self._tasks.values():
                    task.send_at, task.resend_s = now, RESEND_S
        return None

    def answer(self, task: LeasedTask, computed: Computed, now: float) -> None:
        """Keep a result until the server has recorded it."""
        if task.is_unwanted:
            return
        result, task.buffers = computed
        task.answer = m.Answer(
            worker=self.worker,
            job=task.ref.job,
            generation=task.ref.generation,
            result=structs.replace(result, build=self.build or ""),
        )
        task.enter(Stage.ANSWERED, now)
        self._heartbeat_at = now

    def fail(self, task: LeasedTask, error: str, *, is_blocked: bool) -> list[Outgoing]:
        """Drop a task that raised an error; return what to send."""
        if task.is_unwanted:
            return []
        del self._tasks[_key(task.ref)]
        self._heartbeat_at = 0.0
        kind = m.Blocked if is_blocked else m.Fault
        return [(kind(worker=self.worker, ref=task.ref, error=error), ())]

    def due(self, now: float) -> list[Outgoing]:
        """Return what is to be sent: answers, and a heartbeat."""
        outgoing: list[Outgoing] = []
        for task in self._tasks.values():
            if task.answer is not None and now >= task.send_at:
                task.send_at = now + task.resend_s
                task.resend_s *= 2
                outgoing.append((task.answer, task.buffers))
        report = self._wants, self._computing, self.is_compiling
        if report != self._reported or now >= self._heartbeat_at:
            self._reported, self._heartbeat_at = report, now + HEARTBEAT_S
            heartbeat = m.Heartbeat(
                worker=self.worker,
                host=socket.gethostname(),
                pid=self.pid,
                holds=[task.ref for task in self._tasks.values()],
                computing=report[1],
                wants=report[0],
                core=self.core,
                build=self.build,
                is_compiling=self.is_compiling,
            )
            outgoing.append((heartbeat, ()))
        return outgoing

    def next_due(self, now: float) -> float:
        """Return the seconds until something is to be sent."""
        times = [task.send_at for task in self._tasks.values() if task.answer is not None]
        return max(0.0, min([self._heartbeat_at, *times]) - now)

    @property
    def jobs(self) -> frozenset[str]:
        """Jobs of its tasks."""
        return frozenset(task.ref.job for task in self._tasks.values())

    @property
    def _wants(self) -> int:
        n_answered = sum(task.answer is not None for task in self._tasks.values())
        if not self.is_warm or n_answered >= N_UNCONFIRMED:
            return 0
        return max(0, N_LEASED - (len(self._tasks) - n_answered))

    @property
    def _computing(self) -> m.Ref | None:
        for stage in (Stage.COMPUTING, Stage.PREPARING):
            for task in self._tasks.values():
                if task.stage is stage:
                    return task.ref
        return None


def _key(ref: m.Ref) -> tuple[str, int, int]:
    return ref.job, ref.start, ref.stop
