"""The jobs of a server, from what their users wish to their end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field

from msgspec import structs

from pointillist.pipeline_protocol.messages import JobState, control as m
from pointillist.pipeline_server.jobs.job_files import FileState
from pointillist.pipeline_server.jobs.job_run import JobRun
from pointillist.pipeline_server.jobs.steering import CONSEQUENCES, Consequence, Wish
from pointillist.pipeline_server.jobs.submission import JobRequest, Joined
from pointillist.pipeline_server.jobs.submission_handler import Outcome, SubmissionHandler
from pointillist.pipeline_server.queue import Queue, events as e
from pointillist.pipeline_server.status_service import Ended, StatusService
from pointillist.system import note

log = logging.getLogger("pointillist.server")


@dataclass(kw_only=True)
class JobRuns:
    """What the jobs of a server do between the queue, their files and their users.

    Parameters
    ----------
    queue, reception, overview
        Of the server.
    works
        The jobs at work, by their ids.
    happen
        Takes events to the queue, and does what it wants done.
    forget_frames
        Closes the movie of a job.
    writer
        The thread that writes results.
    wake
        Called, from that thread, when something has come back.

    Attributes
    ----------
    closing
        Jobs that were stopped while the writer was at their files, by their ids.
    """

    queue: Queue
    reception: SubmissionHandler
    overview: StatusService
    works: dict[str, JobRun]
    happen: Callable[[Iterable[e.Event]], None]
    forget_frames: Callable[[str], None]
    writer: Executor
    wake: Callable[[], None]
    closing: dict[str, JobRun] = field(default_factory=dict)
    _n_begun: int = 0

    @property
    def n_open(self) -> int:
        """Jobs and requests that are not over."""
        return len(self.works) + len(self.closing) + self.reception.n_pending

    def attend(self, now: float) -> None:
        """Bring the files of all jobs on."""
        for work in list(self.works.values()):
            self._attend(work, now)
        for work in list(self.closing.values()):
            self._close(work, now)

    def steer(self, peer: bytes, request: m.Stop | m.Retry, wish: Wish, now: float) -> m.ToClient:
        """Do what a user wishes of a job."""
        job = request.job
        work = self.works.get(job)
        if work is not None:
            self.happen(work.sync(now))  # which may complete it
        state = self._state_of(job)
        if state is None:
            return self.overview.unknown(request.request, job)
        if wish is Wish.STOP and self._is_asked_for(job):
            reason = "the server looks at a request for the same movie that came before"
            return m.Wait(request=request.request, reason=reason)
        match CONSEQUENCES[state, wish]:
            case Consequence.WAIT:
                return m.Wait(request=request.request, reason="the results of the job are being written")
            case Consequence.REOPEN:
                return self.reception.take_up(peer, request.request, self.overview.ended[job].journal)
            case Consequence.STOP:
                self._stop(self.works[job], now)
            case Consequence.RETRY:
                self._retry(job, now)
        return m.Accepted(request=request.request, job=job)

    def meet(self, outcome: Outcome, now: float) -> bool:
        """Begin with what a request has led to; return whether it can be answered."""
        match outcome.prepared:
            case JobRequest() as submission:
                self._begin(submission, now)
            case Joined(job=job, journal=journal, is_mixed=is_mixed):
                if is_mixed and job in self.works:
                    self.happen([e.BuildsMixed(now=now, job=job)])
                state = self._state_of(job) or JobState.STOPPED
                consequence = CONSEQUENCES[state, Wish.JOIN]
                if consequence is Consequence.REOPEN:
                    self.reception.begin_again(outcome.number, journal)
                    return False
                if consequence is Consequence.RESUME:
                    self._resume(job, now)
        self.reception.settle(outcome)
        return True

    def _is_asked_for(self, job: str) -> bool:
        """Whether somebody has asked for a job before, so that it would begin again after it is stopped."""
        work, ended = self.works.get(job), self.overview.ended.get(job)
        if work is not None:
            return self.reception.is_asked_for(work.spec.movie, work.journal.path)
        return ended is not None and self.reception.is_asked_for(ended.progress.movie, ended.journal)

    def _state_of(self, job: str) -> JobState | None:
        """Return where a job is; None if there is no such job."""
        if job in self.queue.jobs:
            return self.queue.jobs[job].state
        ended = self.overview.ended.get(job)
        return None if ended is None else ended.progress.state

    def _begin(self, submission: JobRequest, now: float) -> None:
        self._n_begun += 1
        work = JobRun(submission, now, self._n_begun)
        self.works[work.id] = work
        self.overview.ended.pop(work.id, None)
        self.reception.list_journal(submission.journal.path)
        note(log, logging.INFO, "resumed" if work.n_resumed else "begun", job=work.id, **work.described)
        self.happen([work.added(now)])

    def _retry(self, job: str, now: float) -> None:
        n_failed = len(self.queue.jobs[job].failed)
        if n_failed:
            note(log, logging.INFO, "retried", job=job, n_frames=n_failed)
            self.happen([e.FailedRetried(now=now, job=job)])
        if self.queue.jobs[job].state is JobState.PAUSED:
            self._resume(job, now)

    def _resume(self, job: str, now: float) -> None:
        note(log, logging.INFO, "going on", job=job)
        self.works[job].resumed()
        self.happen([e.JobResumed(now=now, job=job)])

    def _stop(self, work: JobRun, now: float) -> None:
        """Let nobody work on a job any more; what its files are at comes back."""
        self.happen([e.JobStopped(now=now, job=work.id)])
        work.files.withdraw()
        self.closing[work.id] = work
        self._end(work, now)
        self._close(work, now)

    def _close(self, work: JobRun, now: float) -> None:
        """Close the files of a job that was stopped, unless something is under way with them."""
        work.files.collect(now)
        if work.files.state is FileState.RESTING:
            work.files.close(now)
            self.happen([e.JobClosed(now=now, job=work.id)])
            self.queue.forget(work.id)
            del self.closing[work.id]
            self.reception.let_go(work.journal.path)

    def _attend(self, work: JobRun, now: float) -> None:
        """Bring a job's files on, and tell the queue."""
        self.happen(work.sync(now))
        job = self.queue.jobs[work.id]
        self.happen(work.collect(job.state, now))
        if job.state is JobState.FINISHED:
            self._end(work, now)
            self.queue.forget(work.id)
            self.reception.let_go(work.journal.path)
            return
        if job.state is JobState.PAUSED and work.is_mended(now):
            self._resume(work.id, now)
        work.advance(job.state, now, self.writer, self.wake)

    def _end(self, work: JobRun, now: float) -> None:
        progress = self.overview.progress(work, now)
        note(log, logging.INFO, progress.state, job=work.id, **work.outcome)
        self.overview.end(Ended(progress=structs.replace(progress, ended_at=time.time()), journal=work.journal.path))
        del self.works[work.id]
        self.reception.unlist(work.journal.path)
        self.forget_frames(work.id)
