"""The server: messages to events, instructions to messages, journals to the disk.

One thread does all of it; two helper threads open movies and write HDF5, since both can take long.
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
from pointillist.pipeline_server.jobs import Command, FailureEntry, JobRun, JobRuns, SubmissionHandler
from pointillist.pipeline_server.queue import Queue, events as e
from pointillist.pipeline_server.status_service import StatusService
from pointillist.system import note

log = logging.getLogger("pointillist.server")

TICK_S = 0.25


class Service:
    """A server.

    Parameters
    ----------
    server_socket
        Bound socket.
    submissions
        Handler of requests to submit jobs.
    waker
        Ends a wait of the socket; used by helper threads.
    cluster_state
        State of the cluster as this server sees it.
    clock
        Function that returns the time, s, from any origin.
    """

    def __init__(
        self,
        server_socket: ServerSocket,
        submissions: SubmissionHandler,
        waker: Waker,
        cluster_state: ClusterState | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.queue = Queue()
        self._cluster_state = cluster_state or ClusterState()
        self._socket = server_socket
        self._submissions = submissions
        self._waker = waker
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "writer")
        self._open_jobs: dict[str, JobRun] = {}
        self._registry = WorkerRegistry()
        self._tick_at = 0.0
        self._frames = FrameServer(server_socket.send_content, waker.wake, self._open_jobs)
        self._status = StatusService(
            server_socket=server_socket,
            submissions=submissions,
            queue=self.queue,
            registry=self._registry,
            open_jobs=self._open_jobs,
            cluster_state=self._cluster_state,
            began=clock(),
        )
        self._runs = JobRuns(
            queue=self.queue,
            submissions=submissions,
            status=self._status,
            open_jobs=self._open_jobs,
            apply_events=self._apply,
            forget_frames=self._frames.forget,
            writer=self._writer,
            wake=waker.wake,
        )

    def run(self, is_over: Callable[[], bool]) -> bool:
        """Serve until it is over, or until another server has replaced this one; return whether that is so."""
        self._submissions.reopen_all()
        is_replaced = False
        while not is_over() and not is_replaced:
            self._socket.wait(FULL_S if self._frames.is_full else TICK_S)
            self.step()
            is_replaced = self._cluster_state.is_replaced(self._clock(), is_idle=not self._runs.n_open)
        self._frames.close()
        self._submissions.close()
        self._writer.shutdown(wait=False, cancel_futures=True)
        return is_replaced

    def step(self) -> None:
        """Handle all messages and steps that need no waiting."""
        self._waker.clear()
        n_received = 0
        for peer, message, buffers in self._socket.receive():
            n_received += 1
            try:
                self._take(peer, message, buffers)
            except Exception as error:  # noqa: BLE001 - the border of one message
                note(log, logging.ERROR, "error", error, message=type(message).__name__, peer=peer.hex())
        now = self._clock()
        for outcome in self._submissions.collect():
            if self._runs.take_outcome(outcome, now) and outcome.peer is not None and outcome.reply is not None:
                self._socket.send(outcome.peer, outcome.reply)
        self._runs.advance_all(now)
        self._frames.step()
        # After a standstill, silence is measured once all has been heard.
        if now >= self._tick_at and n_received < MAX_BATCH:
            self._tick_at = now + TICK_S
            self._apply([e.Tick(now=now)])
            self._submissions.save()
            self._registry.forget(now, self.queue.workers)

    # --- messages --------------------------------------------------------------------------------

    def _take(self, peer: bytes, message: m.ToServer, buffers: Sequence[Buffer]) -> None:
        now = self._clock()
        match message:
            case m.Heartbeat():
                self._registry.record_heartbeat(peer, message, now)
                self._socket.send(peer, m.HeartbeatAck(epoch=self._cluster_state.epoch))
                self._apply([e.WorkerHeartbeat.of(message, now)])
            case m.Answer():
                self._take_answer(peer, message, buffers, now)
            case m.Fault(worker=worker, ref=ref, error=error):
                self._apply([e.RangeFaulted(now=now, worker=worker, ref=ref, error=error)])
            case m.Blocked(worker=worker, ref=ref, error=error):
                self._apply([e.RangeBlocked(now=now, worker=worker, ref=ref, reason=error)])
            case FrameRequest():
                self._frames.want(peer, message)
            case m.Goodbye(worker=worker):
                self._registry.leave(worker)
                self._apply([e.WorkerLeft(now=now, worker=worker)])
            case m.WorkerDied(host=host, pid=pid):
                name = self._registry.record_death(peer, host, pid)
                self._apply([e.WorkerLeft(now=now, worker=name, is_dead=True)])
                self._registry.leave(name)
            case _:
                self._socket.send(peer, self._reply(peer, message, now))

    def _reply(self, peer: bytes, request: m.FromClient, now: float) -> m.ToClient:
        match request:
            case m.Submit():
                leader = self._cluster_state.leader()
                if leader is not None and all(
                    job_run.submission.spec.movie != request.movie for job_run in self._open_jobs.values()
                ):
                    return m.Moved(request=request.request, address=leader)
                return self._submissions.receive(peer, request)
            case m.Stop():
                return self._runs.execute(peer, request, Command.STOP, now)
            case m.Retry():
                return self._runs.execute(peer, request, Command.RETRY, now)
            case m.Report():
                self._cluster_state.record_report(request, now)
                return self._status.pong(request.request, now)
            case _:
                return self._status.answer(request, now)

    def _take_answer(self, peer: bytes, answer: m.Answer, buffers: Sequence[Buffer], now: float) -> None:
        ref, worker = answer.ref, answer.worker
        job_run = self._open_jobs.get(ref.job)
        try:
            if job_run is not None:
                job_run.files.output.check(answer.result, buffers)
        except MessageError as error:
            self._socket.send(peer, m.Release(ref=ref))
            self._apply([e.RangeFaulted(now=now, worker=worker, ref=ref, error=str(error))])
            return
        for instruction in self.queue.handle(e.RangeAnswered.of(answer, now)):
            if isinstance(instruction, e.Record):
                self._open_jobs[ref.job].journal.append_range(answer.result, buffers)
            else:
                self._execute(instruction)

    # --- the queue -------------------------------------------------------------------------------

    def _apply(self, events: Iterable[e.Event]) -> None:
        for event in events:
            if isinstance(event, e.JobPaused):
                note(log, logging.WARNING, "paused", job=event.job, reason=event.reason)
            for instruction in self.queue.handle(event):
                self._execute(instruction)

    def _execute(self, instruction: e.Instruction) -> None:
        match instruction:
            case e.Grant(worker=worker, ref=ref, lease_s=lease_s):
                self._send(worker, m.Lease(ref=ref, lease_s=lease_s), [self._open_jobs[ref.job].spec_buffer])
            case e.Release(worker=worker, ref=ref):
                self._send(worker, m.Release(ref=ref))
            case e.RecordFailure(ref=ref, error=error):
                note(log, logging.WARNING, "failed", job=ref.job, frame=ref.start, error=error)
                self._open_jobs[ref.job].journal.append_failure(FailureEntry(frame=ref.start, error=error))
            case e.Complete():
                pass  # its files are attended to at every step
            case e.Paused(job=job, reason=reason):
                note(log, logging.WARNING, "paused", job=job, reason=reason)
            case e.NoteFault() | e.NoteLoss() | e.NotePassOver():
                self._registry.log_event(instruction)
            case e.Record():
                raise AssertionError  # comes from answers alone

    def _send(self, worker: str, message: m.ToWorker, buffers: Sequence[Buffer] = ()) -> None:
        peer = self._registry.peer_of(worker)
        if peer is not None:
            self._socket.send(peer, message, buffers)
