"""The server: messages to events, instructions to messages, journals to the disk.

One thread does all of it; two helpers look at movies and write HDF5, since both can take long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import structs

from pipeline_protocol import messages as m
from pipeline_protocol.errors import MessageError
from pipeline_protocol.frame_messages import Want
from pipeline_protocol.logs import note
from pipeline_protocol.waker import Waker
from pipeline_protocol.wire import Buffer
from pipeline_server import events as e
from pipeline_server.door import MAX_BATCH, Door
from pipeline_server.frames import FULL_S, FrameDesk
from pipeline_server.jobs import JobState
from pipeline_server.overview import Ended, Overview
from pipeline_server.queue import Queue
from pipeline_server.reception import Reception
from pipeline_server.roster import Roster
from pipeline_server.standing import Standing
from pipeline_server.submission import Joined, Submission
from pipeline_server.work import Work

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
        door: Door,
        reception: Reception,
        waker: Waker,
        standing: Standing | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = Queue()
        self._standing = standing or Standing()
        self._door = door
        self._reception = reception
        self._waker = waker
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "writer")
        self._works: dict[str, Work] = {}
        self._closing: list[Work] = []
        self._roster = Roster()
        self._n_begun = 0
        self._tick_at = 0.0
        self._frames = FrameDesk(door.send_content, waker.wake, self._works)
        self._overview = Overview(
            door=door,
            reception=reception,
            queue=self.queue,
            roster=self._roster,
            works=self._works,
            standing=self._standing,
            began=clock(),
        )

    def run(self, is_over: Callable[[], bool]) -> bool:
        """Serve until it is over, or until another server has replaced this one; return whether that is so."""
        self._reception.reopen_all()
        is_replaced = False
        while not is_over() and not is_replaced:
            self._door.wait(FULL_S if self._frames.is_full else TICK_S)
            self.step()
            is_replaced = self._standing.is_replaced(self._clock(), is_idle=not self._n_jobs)
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
            if isinstance(outcome.prepared, Submission):
                self._begin(outcome.prepared, now)
            elif outcome.prepared is not None:
                self._join(outcome.prepared, now)
            if outcome.peer is not None and outcome.reply is not None:
                self._door.send(outcome.peer, outcome.reply)
        for work in list(self._works.values()):
            self._attend(work, now)
        for work in [work for work in self._closing if not work.is_busy]:
            self._closing.remove(work)
            work.close()
            self._reception.let_go(work.journal.path)
        self._frames.step()
        # After a standstill, silence is measured once all has been heard.
        if now >= self._tick_at and n_received < MAX_BATCH:
            self._tick_at = now + TICK_S
            self._happen([e.Tick(now=now)])
            self._roster.forget(now, self.queue.workers)

    # --- messages --------------------------------------------------------------------------------

    def _take(self, peer: bytes, message: m.ToServer, buffers: Sequence[Buffer]) -> None:
        now = self._clock()
        match message:
            case m.Beat():
                self._roster.hear(peer, message, now)
                self._door.send(peer, m.Heard(epoch=self._standing.epoch))
                self._happen([e.WorkerBeat.of(message, now)])
            case m.Answer():
                self._take_answer(peer, message, buffers, now)
            case m.Fault(worker=worker, ref=ref, error=error):
                self._happen([e.RangeFaulted(now=now, worker=worker, ref=ref, error=error)])
            case m.Blocked(worker=worker, ref=ref, error=error):
                self._happen([e.RangeBlocked(now=now, worker=worker, ref=ref, reason=error)])
            case Want():
                self._frames.want(peer, message)
            case m.Goodbye(worker=worker):
                self._roster.leave(worker)
                self._happen([e.WorkerLeft(now=now, worker=worker)])
            case m.Died(host=host, pid=pid):
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
            case m.Stop(request=number, job=job):
                return self._stop(number, job, now)
            case m.Retry():
                return self._retry(peer, request, now)
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
                work.check(answer, buffers)
        except MessageError as error:
            self._door.send(peer, m.Forget(ref=ref))
            self._happen([e.RangeFaulted(now=now, worker=worker, ref=ref, error=str(error))])
            return
        for instruction in self.queue.handle(e.RangeAnswered.of(answer, now)):
            if isinstance(instruction, e.Record):
                self._works[ref.job].record(instruction.ref, answer, buffers)
            else:
                self._obey(instruction)

    def _stop(self, request: int, job: str, now: float) -> m.Accepted | m.Refused | m.Wait:
        work = self._works.get(job)
        if work is None and job not in self._overview.ended:
            return self._overview.unknown(request, job)
        if work is not None:
            self._happen(work.sync(now))
        if work is not None and self.queue.jobs[job].state is not JobState.FINISHING:
            self._happen([e.JobStopped(now=now, job=job)])
            self._end(work, now)
            self._closing.append(work)
        return m.Accepted(request=request, job=job)

    def _retry(self, peer: bytes, request: m.Retry, now: float) -> m.ToClient:
        """Try failed frames again; a job that is over is taken up from its journal."""
        job = self.queue.jobs.get(request.job)
        ended = self._overview.ended.get(request.job)
        if job is None:
            if ended is None:
                return self._overview.unknown(request.request, request.job)
            return self._reception.take_up(peer, request.request, ended.journal)
        if job.state is JobState.FINISHING:
            return m.Wait(request=request.request)
        if job.failed:
            note(log, logging.INFO, "retried", job=job.id, n_frames=len(job.failed))
            self._happen([e.FailedRetried(now=now, job=job.id)])
        self._resume(job.id, now)
        return m.Accepted(request=request.request, job=job.id)

    @property
    def _n_jobs(self) -> int:
        return len(self._works) + len(self._closing) + self._reception.n_pending

    # --- jobs ------------------------------------------------------------------------------------

    def _begin(self, submission: Submission, now: float) -> None:
        self._n_begun += 1
        work = Work(submission, now, self._n_begun)
        self._works[work.id] = work
        self._overview.ended.pop(work.id, None)
        self._reception.save()
        note(log, logging.INFO, "resumed" if work.n_resumed else "begun", job=work.id, **work.described)
        self._happen([work.added(now)])

    def _join(self, joined: Joined, now: float) -> None:
        """Let a job go on that is asked for a second time."""
        if joined.is_mixed and joined.job in self._works:
            self._happen([e.BuildsMixed(now=now, job=joined.job)])
        self._resume(joined.job, now)

    def _resume(self, job: str, now: float) -> None:
        """Let a paused job go on, since its user asks for it again."""
        if job in self._works and self.queue.jobs[job].state is JobState.PAUSED:
            note(log, logging.INFO, "going on", job=job)
            self._works[job].resumed()
            self._happen([e.JobResumed(now=now, job=job)])

    def _attend(self, work: Work, now: float) -> None:
        """Bring a job's files on, and tell the queue."""
        for event in [*work.sync(now), *work.collect(now)]:
            if isinstance(event, e.JobPaused):
                note(log, logging.WARNING, "paused", job=event.job, reason=event.reason)
            self._happen([event])
        job = self.queue.jobs[work.id]
        if job.state is JobState.FINISHED:
            self._end(work, now)
            self._reception.let_go(work.journal.path)
        elif job.state is JobState.PAUSED and work.is_mended(now):
            note(log, logging.INFO, "going on", job=work.id)
            self._happen([e.JobResumed(now=now, job=work.id)])
        else:
            work.extend(now, self._writer, self._waker.wake)

    def _end(self, work: Work, now: float) -> None:
        progress = self._overview.progress(work, now)
        note(log, logging.INFO, progress.state, job=work.id, **work.outcome)
        self._overview.end(Ended(progress=structs.replace(progress, ended_at=time.time()), journal=work.journal.path))
        del self._works[work.id]
        self.queue.forget(work.id)
        self._frames.forget(work.id)

    # --- the queue -------------------------------------------------------------------------------

    def _happen(self, events: Iterable[e.Event]) -> None:
        for event in events:
            for instruction in self.queue.handle(event):
                self._obey(instruction)

    def _obey(self, instruction: e.Instruction) -> None:
        match instruction:
            case e.Grant(worker=worker, ref=ref, lease_s=lease_s):
                self._send(worker, m.Lease(ref=ref, lease_s=lease_s), [self._works[ref.job].spec_buffer])
            case e.Release(worker=worker, ref=ref):
                self._send(worker, m.Forget(ref=ref))
            case e.RecordFailure(ref=ref, error=error):
                note(log, logging.WARNING, "failed", job=ref.job, frame=ref.start, error=error)
                self._works[ref.job].record_failure(ref, error)
            case e.Complete(job=job):
                self._works[job].finish(self._writer, self._waker.wake)
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
