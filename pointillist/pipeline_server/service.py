"""The server: messages to events, instructions to messages, journals to the disk.

One thread does all of it; two helpers look at movies and write HDF5, since both can take long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pointillist.errors import MessageError
from pointillist.pipeline_protocol import Waker
from pointillist.pipeline_protocol.messages import Buffer, FrameRequest, control as m
from pointillist.pipeline_server.cluster import MAX_BATCH, ClusterState, ServerSocket, WorkerRegistry
from pointillist.pipeline_server.frames import FULL_S, FrameServer
from pointillist.pipeline_server.jobs import FailureEntry, JobRun, JobRuns, SubmissionHandler, Wish
from pointillist.pipeline_server.queue import Queue, events as e
from pointillist.pipeline_server.status_service import StatusService
from pointillist.system import note

log = logging.getLogger("pointillist.server")

TICK_S = 0.25


class Service:
    """A server behind a door.

    Parameters
    ----------
    door
        Bound.
    reception
        For requests to submit.
    waker
        Among the door's descriptors; helpers use it.
    standing
        Who it is among other servers.
    clock
        Time in s, from any origin.
    """

    def __init__(
        self,
        door: ServerSocket,
        reception: SubmissionHandler,
        waker: Waker,
        standing: ClusterState | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = Queue()
        self._standing = standing or ClusterState()
        self._door = door
        self._reception = reception
        self._waker = waker
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "writer")
        self._works: dict[str, JobRun] = {}
        self._roster = WorkerRegistry()
        self._tick_at = 0.0
        self._frames = FrameServer(door.send_content, waker.wake, self._works)
        self._overview = StatusService(
            door=door,
            reception=reception,
            queue=self.queue,
            roster=self._roster,
            works=self._works,
            standing=self._standing,
            began=clock(),
        )
        self._runs = JobRuns(
            queue=self.queue,
            reception=reception,
            overview=self._overview,
            works=self._works,
            happen=self._happen,
            forget_frames=self._frames.forget,
            writer=self._writer,
            wake=waker.wake,
        )

    def run(self, is_over: Callable[[], bool]) -> bool:
        """Serve until it is over, or until another server has replaced this one; return whether that is so."""
        self._reception.reopen_all()
        is_replaced = False
        while not is_over() and not is_replaced:
            self._door.wait(FULL_S if self._frames.is_full else TICK_S)
            self.step()
            is_replaced = self._standing.is_replaced(self._clock(), is_idle=not self._runs.n_open)
        self._frames.close()
        self._reception.close()
        self._writer.shutdown(wait=False, cancel_futures=True)
        return is_replaced

    def step(self) -> None:
        """Do all that can be done without waiting."""
        self._waker.clear()
        n_received = 0
        for peer, message, buffers in self._door.receive():
            n_received += 1
            try:
                self._take(peer, message, buffers)
            except Exception as error:  # noqa: BLE001 - the border of one message
                note(log, logging.ERROR, "error", error, message=type(message).__name__, peer=peer.hex())
        now = self._clock()
        for outcome in self._reception.collect():
            if self._runs.meet(outcome, now) and outcome.peer is not None and outcome.reply is not None:
                self._door.send(outcome.peer, outcome.reply)
        self._runs.attend(now)
        self._frames.step()
        # After a standstill, silence is measured once all has been heard.
        if now >= self._tick_at and n_received < MAX_BATCH:
            self._tick_at = now + TICK_S
            self._happen([e.Tick(now=now)])
            self._reception.save()
            self._roster.forget(now, self.queue.workers)

    # --- messages --------------------------------------------------------------------------------

    def _take(self, peer: bytes, message: m.ToServer, buffers: Sequence[Buffer]) -> None:
        now = self._clock()
        match message:
            case m.Heartbeat():
                self._roster.hear(peer, message, now)
                self._door.send(peer, m.HeartbeatAck(epoch=self._standing.epoch))
                self._happen([e.WorkerBeat.of(message, now)])
            case m.Answer():
                self._take_answer(peer, message, buffers, now)
            case m.Fault(worker=worker, ref=ref, error=error):
                self._happen([e.RangeFaulted(now=now, worker=worker, ref=ref, error=error)])
            case m.Blocked(worker=worker, ref=ref, error=error):
                self._happen([e.RangeBlocked(now=now, worker=worker, ref=ref, reason=error)])
            case FrameRequest():
                self._frames.want(peer, message)
            case m.Goodbye(worker=worker):
                self._roster.leave(worker)
                self._happen([e.WorkerLeft(now=now, worker=worker)])
            case m.WorkerDied(host=host, pid=pid):
                name = self._roster.die(peer, host, pid)
                self._happen([e.WorkerLeft(now=now, worker=name, is_dead=True)])
                self._roster.leave(name)
            case _:
                self._door.send(peer, self._reply(peer, message, now))

    def _reply(self, peer: bytes, request: m.FromClient, now: float) -> m.ToClient:
        match request:
            case m.Submit():
                leader = self._standing.leader()
                if leader is not None and all(
                    work.submission.spec.movie != request.movie for work in self._works.values()
                ):
                    return m.Moved(request=request.request, address=leader)
                return self._reception.receive(peer, request)
            case m.Stop():
                return self._runs.steer(peer, request, Wish.STOP, now)
            case m.Retry():
                return self._runs.steer(peer, request, Wish.RETRY, now)
            case m.Report():
                self._standing.take_note(request, now)
                return self._overview.pong(request.request, now)
            case _:
                return self._overview.answer(request, now)

    def _take_answer(self, peer: bytes, answer: m.Answer, buffers: Sequence[Buffer], now: float) -> None:
        ref, worker = answer.ref, answer.worker
        work = self._works.get(ref.job)
        try:
            if work is not None:
                work.files.output.check(answer.result, buffers)
        except MessageError as error:
            self._door.send(peer, m.Release(ref=ref))
            self._happen([e.RangeFaulted(now=now, worker=worker, ref=ref, error=str(error))])
            return
        for instruction in self.queue.handle(e.RangeAnswered.of(answer, now)):
            if isinstance(instruction, e.Record):
                self._works[ref.job].journal.append_range(answer.result, buffers)
            else:
                self._obey(instruction)

    # --- the queue -------------------------------------------------------------------------------

    def _happen(self, events: Iterable[e.Event]) -> None:
        for event in events:
            if isinstance(event, e.JobPaused):
                note(log, logging.WARNING, "paused", job=event.job, reason=event.reason)
            for instruction in self.queue.handle(event):
                self._obey(instruction)

    def _obey(self, instruction: e.Instruction) -> None:
        match instruction:
            case e.Grant(worker=worker, ref=ref, lease_s=lease_s):
                self._send(worker, m.Lease(ref=ref, lease_s=lease_s), [self._works[ref.job].spec_buffer])
            case e.Release(worker=worker, ref=ref):
                self._send(worker, m.Release(ref=ref))
            case e.RecordFailure(ref=ref, error=error):
                note(log, logging.WARNING, "failed", job=ref.job, frame=ref.start, error=error)
                self._works[ref.job].journal.append_failure(FailureEntry(frame=ref.start, error=error))
            case e.Complete():
                pass  # its files are attended to at every step
            case e.Paused(job=job, reason=reason):
                note(log, logging.WARNING, "paused", job=job, reason=reason)
            case e.NoteFault() | e.NoteLoss() | e.NotePassOver():
                self._roster.tell(instruction)
            case e.Record():
                raise AssertionError  # comes from answers alone

    def _send(self, worker: str, message: m.ToWorker, buffers: Sequence[Buffer] = ()) -> None:
        peer = self._roster.peer_of(worker)
        if peer is not None:
            self._door.send(peer, message, buffers)
