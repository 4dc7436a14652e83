"""The queue: which worker does which range of which job.

It is pure: events in, instructions out, no socket, file or clock. Whatever peers send can be late, doubled or
wrong; it is compared with the queue's own records, and every range is recorded exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pointillist.pipeline_protocol.messages import JobState, Ref
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.dispatch import Dispatcher
from pointillist.pipeline_server.queue.job import Job, JobEvent
from pointillist.pipeline_server.queue.lifecycle import TransitionError
from pointillist.pipeline_server.queue.task import Task, TaskState
from pointillist.pipeline_server.queue.task_size import QueueSettings
from pointillist.pipeline_server.queue.worker import Worker

_OUTCOMES: dict[TaskState, e.FaultOutcome] = {TaskState.SPLIT: "halved", TaskState.SYNCING: "given up"}


class Queue:
    """All jobs and workers of a server.

    Parameters
    ----------
    settings
        Constants of the queue.
    """

    def __init__(self, settings: QueueSettings | None = None) -> None:
        self.settings = settings or QueueSettings()
        self.jobs: dict[str, Job] = {}
        self.workers: dict[str, Worker] = {}
        self._dispatcher = Dispatcher(self.jobs, self.workers, self.settings)
        self._out: list[e.Instruction] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            e.JobAdded: self._add_job,
            e.FramesReleased: self._grow,
            e.JobPaused: self._pause,
            e.JobResumed: self._resume,
            e.JobStopped: self._stop,
            e.JobClosed: partial(self._end, JobEvent.CLOSE),
            e.JobFinished: partial(self._end, JobEvent.FINISH),
            e.FailedRetried: self._retry,
            e.BuildsMixed: lambda event: self.jobs[event.job].builds.mix(),
            e.WorkerHeartbeat: self._beat,
            e.WorkerLeft: self._leave,
            e.RangeAnswered: self._answer,
            e.RangeFaulted: self._fault,
            e.RangeBlocked: self._block,
            e.RangeSynced: self._sync,
            e.RangeLost: self._lose,
            e.Tick: self._tick,
        }

    def handle(self, event: e.Event) -> list[e.Instruction]:
        """Take an event; return what is to be done.

        Raises
        ------
        TransitionError
            If the service (not a peer) lets something apply_events that cannot apply_events.
        """
        self._out = []
        self._handlers[type(event)](event)
        self._out += self._dispatcher.serve(event.now)
        return self._out

    def forget(self, job: str) -> None:
        """Drop a job that is over, and whose files are closed."""
        if self.jobs[job].is_closed:
            del self.jobs[job]

    # --- jobs -------------------------------------------------------------------------------------

    def _add_job(self, event: e.JobAdded) -> None:
        old = self.jobs.get(event.job)
        if old is not None and not old.is_closed:
            raise TransitionError(f"job {event.job}", JobEvent.GROW, old.state, old.life.history)
        job = self.jobs[event.job] = Job(event, self.settings)
        self._catch_up(job)
        self._complete(job, event.now)

    def _grow(self, event: e.FramesReleased) -> None:
        job = self.jobs[event.job]
        job.life.apply(JobEvent.GROW, event.now)
        if not job.takes_frames:
            return
        if not job.has_work:
            self._catch_up(job)
        job.grow(event.stop)
        job.is_sealed |= event.is_last
        self._complete(job, event.now)

    def _pause(self, event: e.JobPaused) -> None:
        job = self.jobs[event.job]
        job.life.apply(JobEvent.PAUSE, event.now)
        job.reason = event.reason

    def _resume(self, event: e.JobResumed) -> None:
        job = self.jobs[event.job]
        if job.life.apply(JobEvent.RESUME, event.now) is not JobState.RUNNING:
            return
        job.reason = None
        job.n_poison = 0
        job.builds.wait()
        self._catch_up(job)
        self._complete(job, event.now)

    def _stop(self, event: e.JobStopped) -> None:
        job = self.jobs[event.job]
        if job.life.apply(JobEvent.STOP, event.now) is not JobState.STOPPING:
            return
        for worker in self.workers.values():
            for task in [task for task in worker.tasks.values() if task.job == job.id]:
                worker.give_back(job, task, event.now)
                self._release(worker.name, task.ref)

    def _end(self, how: JobEvent, event: e.JobClosed | e.JobFinished) -> None:
        self.jobs[event.job].life.apply(how, event.now)

    def _retry(self, event: e.FailedRetried) -> None:
        job = self.jobs[event.job]
        job.life.apply(JobEvent.RETRY, event.now)
        if not job.takes_frames:
            return
        if not job.has_work:
            self._catch_up(job)
        job.retry_failed()

    def _pause_by_itself(self, job: Job, reason: str, now: float) -> None:
        if job.state is JobState.RUNNING:
            job.life.apply(JobEvent.PAUSE, now)
            job.reason = reason
            self._out.append(e.Paused(job=job.id, reason=reason))

    def _catch_up(self, job: Job) -> None:
        """Let a job that had no task to give start level with the others: it gets no credit for that time."""
        others = [other for other in self.jobs.values() if other is not job and not other.is_over]
        level = min((other.served_s for other in others if other.has_work), default=None)
        if level is None:
            level = max((other.served_s for other in others), default=0.0)
        job.served_s = max(job.served_s, level)

    def _complete(self, job: Job, now: float) -> None:
        if job.state is JobState.RUNNING and job.is_complete:
            job.life.apply(JobEvent.COMPLETE, now)
            self._out.append(e.Complete(job=job.id))

    # --- workers ----------------------------------------------------------------------------------

    def _beat(self, event: e.WorkerHeartbeat) -> None:
        worker = self.workers.setdefault(event.worker, Worker(name=event.worker, heard_at=event.now))
        worker.heard_at = event.now
        worker.computing, worker.build = event.computing, event.build
        held = set()
        for ref in event.holds:
            held.add((ref.job, ref.start))
            self._reconcile(worker, ref, event.now)
        n_in_transit = 0
        for key, task in list(worker.tasks.items()):
            if key in held:
                continue
            if event.now - task.holdings[worker.name].since > self.settings.transit_s:
                worker.give_back(self.jobs[task.job], task, event.now)
            else:
                n_in_transit += 1
        worker.unmet = max(0, event.wants - n_in_transit)
        self._dispatcher.note_wants(worker)

    def _reconcile(self, worker: Worker, ref: Ref, now: float) -> None:
        """Compare what a worker says it holds with the records."""
        task = self._find(ref)
        if task is None or not self.jobs[ref.job].builds.admits(worker.build):
            self._release(worker.name, ref)
        elif task.state is not TaskState.SYNCING and worker.name not in task.holdings | dict.fromkeys(task.overdue):
            worker.adopt(self.jobs[task.job], task, ref.generation, now)

    def _leave(self, event: e.WorkerLeft) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None:
            if event.is_dead:
                self._note_loss(worker, is_dead=True)
            self._drop_worker(worker, event.now, is_dead=event.is_dead)

    def _drop_worker(self, worker: Worker, now: float, *, is_dead: bool) -> None:
        """Return all that a worker holds; if it died, each of these may be why.

        A suspect is given to a worker that holds nothing else. If that one dies too, it counts as a fault. Silence is
        no death: it may be the network's.
        """
        del self.workers[worker.name]
        for task in list(worker.tasks.values()):
            job = self.jobs[task.job]
            if is_dead and task.is_suspect:
                self._count_fault(worker, job, task, f"its worker ({worker.name}) died", now)
                continue
            worker.give_back(job, task, now)
            if is_dead and task.state is TaskState.WAITING:
                job.suspect(task)
        for job in self.jobs.values():
            job.unassigned.give_back(worker.name)
            job.speed.drop_worker(worker.name)

    # --- answers ----------------------------------------------------------------------------------

    def _answer(self, event: e.RangeAnswered) -> None:
        task = self._find(event.ref)
        if task is None or task.state is TaskState.SYNCING:
            if task is None or event.worker not in task.answered_by:
                self._release(event.worker, event.ref)
            return
        job = self.jobs[task.job]
        if not job.builds.admits(event.build):
            self._release(event.worker, event.ref)
            return
        job.builds.settle(event.build)
        job.speed.note_answer(event.worker, task.n_frames, event.seconds)
        if event.worker in self.workers:
            self.workers[event.worker].note_answer(task.n_frames, event.now)
        for name in task.holdings:
            self.workers[name].tasks.pop((task.job, task.start))
        job.answer(task, event.worker, event.n_items, event.now)
        self._out.append(e.Record(ref=task.ref))

    def _sync(self, event: e.RangeSynced) -> None:
        job, task = self._get(event.ref)
        job.settle(task, event.now)
        for name in task.answered_by:
            self._release(name, task.ref)
        if job.n_poison == self.settings.n_poison and not job.done:
            self._pause_by_itself(job, f"every frame fails ({task.error})", event.now)
        self._complete(job, event.now)

    def _lose(self, event: e.RangeLost) -> None:
        job, task = self._get(event.ref)
        job.lose(task, event.now)

    def _fault(self, event: e.RangeFaulted) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None and worker.holds(event.ref):
            job, task = self._get(event.ref)
            self._count_fault(worker, job, task, event.error, event.now)

    def _block(self, event: e.RangeBlocked) -> None:
        worker = self.workers.get(event.worker)
        if worker is not None and worker.holds(event.ref):
            job, task = self._get(event.ref)
            worker.give_back(job, task, event.now)
            self._pause_by_itself(job, event.reason, event.now)

    def _count_fault(self, worker: Worker, job: Job, task: Task, error: str, now: float) -> None:
        worker.give_back(job, task, now)
        task.faults += 1
        task.faulted_by.add(worker.name)
        is_given_up = task.state is TaskState.WAITING and job.is_given_up(task, error, now)
        outcome = _OUTCOMES.get(task.state, "tried again")
        self._out.append(
            e.NoteFault(worker=worker.name, ref=task.ref, error=error, n_faults=task.faults, outcome=outcome)
        )
        if is_given_up:
            self._out.append(e.RecordFailure(ref=task.ref, error=error))

    # --- time -------------------------------------------------------------------------------------

    def _tick(self, event: e.Tick) -> None:
        for worker in list(self.workers.values()):
            if event.now - worker.heard_at > self.settings.silence_s:
                self._note_loss(worker, is_dead=False)
                self._drop_worker(worker, event.now, is_dead=False)
                continue
            for task in list(worker.tasks.values()):
                if event.now > task.holdings[worker.name].until:
                    self._expire(worker, task, event.now)
        self._out += self._dispatcher.double_stragglers(event.now)
        for job in self._dispatcher.stranded(event.now):
            self._pause_by_itself(job, job.builds.pause_reason, event.now)

    def _expire(self, worker: Worker, task: Task, now: float) -> None:
        job = self.jobs[task.job]
        task.overdue.add(worker.name)
        if worker.is_computing(task):
            self._count_fault(worker, job, task, "took longer than its lease", now)
        else:
            worker.give_back(job, task, now)

    def _note_loss(self, worker: Worker, *, is_dead: bool) -> None:
        refs = tuple(task.ref for task in worker.tasks.values())
        self._out.append(e.NoteLoss(worker=worker.name, refs=refs, is_dead=is_dead))

    # --- the records ------------------------------------------------------------------------------

    def _find(self, ref: Ref) -> Task | None:
        """Return the unfinished task that is exactly the range that a peer names."""
        job = self.jobs.get(ref.job)
        return None if job is None or job.is_over else job.find(ref)

    def _get(self, ref: Ref) -> tuple[Job, Task]:
        """Return a task that must be there."""
        job = self.jobs[ref.job]
        return job, job.tasks[ref.start]

    def _release(self, worker: str, ref: Ref) -> None:
        self._out.append(e.Release(worker=worker, ref=ref))
