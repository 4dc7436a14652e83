"""What a worker holds, and what it says of that: messages in, messages out, no socket, no clock."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from pointillist.errors import MessageError
from pointillist.pipeline_protocol.messages import Buffer, control as m, decode_spec
from pointillist.pipeline_worker.tasks import Result

BEAT_S = 1.0
RESEND_S = 3.0
"""An answer that has not been confirmed for so long is sent again; then after twice that time, and so on: images on a
slow network are late without being lost. A server that has started again gets all answers at once."""

N_HELD = 2
"""Ranges that are read or computed: one while the other."""

N_UNCONFIRMED = 4
"""Answers that wait for their confirmation, until no more work is asked for."""


class Stage(Enum):
    """Where a range is in the worker."""

    QUEUED = auto()
    READING = auto()
    READY = auto()
    COMPUTING = auto()
    ANSWERED = auto()


@dataclass(kw_only=True)
class LeasedTask:
    """A range in the worker.

    Attributes
    ----------
    ref, spec
        What is to be done.
    lease_s
        How long a stage may take, before the worker must take itself to be stuck.
    stage, since
        How far it is, and since when (s).
    is_unwanted
        Whether the result does not matter any more.
    answer, buffers
        Once it is answered.
    send_at
        When the answer is to be sent, the first time or again, s.
    patience_s
        How long to wait then for its confirmation.
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
    patience_s: float = RESEND_S

    def is_stuck(self, now: float) -> bool:
        """Whether it has been read, or computed, for longer than its lease."""
        return self.stage in {Stage.READING, Stage.COMPUTING} and now - self.since > self.lease_s

    def enter(self, stage: Stage, now: float) -> None:
        """Go on to a stage."""
        self.stage, self.since = stage, now


Outgoing = tuple[m.FromWorker, Sequence[Buffer]]


@dataclass(kw_only=True)
class WorkerState:
    """The ranges of a worker.

    Attributes
    ----------
    worker
        Its name, which no other worker has.
    pid
        Its process.
    is_warm
        Whether it can begin to work.
    core
        That computed last.
    build, is_compiling
        As of :class:`pointillist.supervision.Kernels`.
    epoch
        Of the server that was heard last; another one knows nothing of what was asked before.
    """

    worker: str
    pid: int
    is_warm: bool = False
    core: int | None = None
    build: str | None = None
    is_compiling: bool = False
    epoch: int | None = None
    _held: dict[tuple[str, int, int], LeasedTask] = field(default_factory=dict)
    _said: tuple[int, m.Ref | None, bool] | None = None
    _beat_at: float = 0.0

    def receive(self, message: m.FromServer, buffers: Sequence[Buffer], now: float) -> LeasedTask | None:
        """Take a message; return the range if it is one to begin with.

        Raises
        ------
        MessageError
            If the job that it is of cannot be understood.
        """
        match message:
            case m.Lease(ref=ref, lease_s=lease_s):
                if len(buffers) != 1:
                    raise MessageError("lease", "names no job", "use the same version everywhere")
                known = self._held.get(_key(ref))
                if known is not None:
                    known.ref = ref  # a later lease of what is held already
                    return None
                held = LeasedTask(ref=ref, spec=decode_spec(buffers[0]), lease_s=lease_s, since=now)
                self._held[_key(ref)] = held
                return held
            case m.Release(ref=ref):
                forgotten = self._held.pop(_key(ref), None)
                if forgotten is not None:
                    forgotten.is_unwanted = True
                    if forgotten.answer is None:
                        self._beat_at = now
            case m.HeartbeatAck(epoch=epoch) if epoch != self.epoch:
                self.epoch = epoch
                for held in self._held.values():
                    held.send_at, held.patience_s = now, RESEND_S
        return None

    def answer(self, held: LeasedTask, result: Result, now: float) -> None:
        """Take note of a result."""
        if not held.is_unwanted:
            held.answer = m.Answer(
                worker=self.worker,
                ref=held.ref,
                n_items=result.n_items,
                failures=dict(result.failures),
                seconds=dict(result.seconds),
                build=self.build or "",
            )
            held.buffers = result.buffers
            held.enter(Stage.ANSWERED, now)
            self._beat_at = now

    def fail(self, held: LeasedTask, error: str, *, is_blocked: bool) -> list[Outgoing]:
        """Take note of an error; return what to send."""
        if held.is_unwanted:
            return []
        del self._held[_key(held.ref)]
        self._beat_at = 0.0
        kind = m.Blocked if is_blocked else m.Fault
        return [(kind(worker=self.worker, ref=held.ref, error=error), ())]

    def due(self, now: float) -> list[Outgoing]:
        """Return what is to be sent: answers, and a beat."""
        outgoing: list[Outgoing] = []
        for held in self._held.values():
            if held.answer is not None and now >= held.send_at:
                held.send_at = now + held.patience_s
                held.patience_s *= 2
                outgoing.append((held.answer, held.buffers))
        state = self._wants, self._computing, self.is_compiling
        if state != self._said or now >= self._beat_at:
            self._said, self._beat_at = state, now + BEAT_S
            beat = m.Heartbeat(
                worker=self.worker,
                host=socket.gethostname(),
                pid=self.pid,
                holds=[held.ref for held in self._held.values()],
                computing=state[1],
                wants=state[0],
                core=self.core,
                build=self.build,
                is_compiling=self.is_compiling,
            )
            outgoing.append((beat, ()))
        return outgoing

    def next_due(self, now: float) -> float:
        """Return the seconds until something is to be sent."""
        times = [held.send_at for held in self._held.values() if held.answer is not None]
        return max(0.0, min([self._beat_at, *times]) - now)

    @property
    def jobs(self) -> frozenset[str]:
        """Whose ranges it holds."""
        return frozenset(held.ref.job for held in self._held.values())

    @property
    def _wants(self) -> int:
        n_answered = sum(held.answer is not None for held in self._held.values())
        if not self.is_warm or n_answered >= N_UNCONFIRMED:
            return 0
        return max(0, N_HELD - (len(self._held) - n_answered))

    @property
    def _computing(self) -> m.Ref | None:
        for stage in (Stage.COMPUTING, Stage.READING):
            for held in self._held.values():
                if held.stage is stage:
                    return held.ref
        return None


def _key(ref: m.Ref) -> tuple[str, int, int]:
    return ref.job, ref.start, ref.stop
