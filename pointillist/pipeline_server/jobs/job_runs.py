"""The jobs of a server, from the requests of their users to their end."""

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
from pointillist.pipeline_server.jobs.steering import CONSEQUENCES, Command, Consequence
from pointillist.pipeline_server.jobs.submission import JobRequest, Joined
from pointillist.pipeline_server.jobs.submission_handler import Outcome, SubmissionHandler
from pointillist.pipeline_server.queue import Queue, events as e
from pointillist.pipeline_server.status_service import Ended, StatusService
from pointillist.system import note

log = logging.getLogger("pointillist.server")


@dataclass(kw_only=True)
class JobRuns:
    """Coordinates the jobs of a server with the queue, their files and their users.

    Parameters
    ----------
    queue, submissions, status
        Queue, submission handler and status service of the server.
    open_jobs
        Running jobs, by id.
    apply_events
        Function that gives events to the queue and carries out its instructions.
    forget_frames
        Function that closes the movie of a job.
    writer
        Thread that writes results.
    wake
        Function that is called by that thread when a step has ended.

    Attributes
    ----------
    closing
        Stopped jobs whose files are not closed yet, by id.
    """

    queue: Queue
    submissions: SubmissionHandler
    status: StatusService
    open_jobs: dict[str, JobRun]
    apply_events: Callable[[Iterable[e.Event]], None]
    forget_frames: Callable[[str], None]
    writer: Executor
    wake: Callable[[], None]
    closing: dict[str, JobRun] = field(default_factory=dict)
    _n_begun: int = 0

    @property
    def n_open(self) -> int:
        """Number of jobs and requests that are not over."""
        return len(self.open_jobs) + len(self.closing) + self.submissions.n_pending

    def advance_all(self, now: float) -> None:
        """Take the next step with the files of every job."""
        for job_run in list(self.open_jobs.values()):
            self._advance(job_run, now)
        for job_run in list(self.closing.values()):
            self._close(job_run, now)

    def execute(self, peer: bytes, request: m.Stop | m.Retry, command: Command, now: float) -> m.ToClient:
        """Carry out a user's command on a job."""
        job = request.job
        job_run = self.open_jobs.get(job)
        if job_run is not None:
            self.apply_events(job_run.sync(now))  # which may complete it
        state = self._state_of(job)
        if state is None:
            return self.status.unknown(request.request, job)
        if command is Command.STOP and self._is_asked_for(job):
            reason = "the server is checking an earlier request for the same movie"
            return m.Wait(request=request.request, reason=reason)
        match CONSEQUENCES[state, command]:
            case Consequence.WAIT:
                return m.Wait(request=request.request, reason="the results of the job are being written")
            case Consequence.REOPEN:
                return self.submissions.reopen(peer, request.request, self.status.ended[job].journal)
            case Consequence.STOP:
                self._stop(self.open_jobs[job], now)
            case Consequence.RETRY:
                self._retry(job, now)
        return m.Accepted(request=request.request, job=job)

    def take_outcome(self, outcome: Outcome, now: float) -> bool:
        """Begin or join the job that a request has led to; return whether the request can be answered."""
        match outcome.prepared:
            case JobRequest() as submission:
                self._begin(submission, now)
            case Joined(job=job, journal=journal, is_mixed=is_mixed):
                if is_mixed and job in self.open_jobs:
                    self.apply_events([e.BuildsMixed(now=now, job=job)])
                state = self._state_of(job) or JobState.STOPPED
                consequence = CONSEQUENCES[state, Command.JOIN]
                if consequence is Consequence.REOPEN:
                    self.submissions.begin_again(outcome.number, journal)
                    return False
                if consequence is Consequence.RESUME:
                    self._resume(job, now)
        self.submissions.settle(outcome)
        return True

    def _is_asked_for(self, job: str) -> bool:
        """Whether an earlier request would begin the job again after it is stopped."""
        job_run, ended = self.open_jobs.get(job), self.status.ended.get(job)
        if job_run is not None:
            return self.submissions.is_asked_for(job_run.spec.movie, job_run.journal.path)
        return ended is not None and self.submissions.is_asked_for(ended.progress.movie, ended.journal)

    def _state_of(self, job: str) -> JobState | None:
        """Return the state of a job; None if there is no such job."""
        if job in self.queue.jobs:
            return self.queue.jobs[job].state
        ended = self.status.ended.get(job)
        return None if ended is None else ended.progress.state

    def _begin(self, submission: JobRequest, now: float) -> None:
        self._n_begun += 1
        job_run = JobRun(submission, now, self._n_begun)
        self.open_jobs[job_run.id] = job_run
        self.status.ended.pop(job_run.id, None)
        self.submissions.list_journal(submission.journal.path)
        note(log, logging.INFO, "resumed" if job_run.n_resumed else "begun", job=job_run.id, **job_run.described)
        self.apply_events([job_run.added(now)])

    def _retry(self, job: str, now: float) -> None:
        n_failed = len(self.queue.jobs[job].failed)
        if n_failed:
            note(log, logging.INFO, "retried", job=job, n_frames=n_failed)
            self.apply_events([e.FailedRetried(now=now, job=job)])
        if self.queue.jobs[job].state is JobState.PAUSED:
            self._resume(job, now)

    def _resume(self, job: str, now: float) -> None:
        note(log, logging.INFO, "going on", job=job)
        self.open_jobs[job].resumed()
        self.apply_events([e.JobResumed(now=now, job=job)])

    def _stop(self, job_run: JobRun, now: float) -> None:
        """Take a job from the workers; its files are closed once their step has ended."""
        self.apply_events([e.JobStopped(now=now, job=job_run.id)])
        job_run.files.withdraw()
        self.closing[job_run.id] = job_run
        self._end(job_run, now)
        self._close(job_run, now)

    def _close(self, job_run: JobRun, now: float) -> None:
        """Close the files of a stopped job, unless a step has not ended."""
        job_run.files.collect(now)
        if job_run.files.state is FileState.IDLE:
            job_run.files.close(now)
            self.apply_events([e.JobClosed(now=now, job=job_run.id)])
            self.queue.forget(job_run.id)
            del self.closing[job_run.id]
            self.submissions.release_journal(job_run.journal.path)

    def _advance(self, job_run: JobRun, now: float) -> None:
        """Take the next step with the files of a job."""
        self.apply_events(job_run.sync(now))
        job = self.queue.jobs[job_run.id]
        self.apply_events(job_run.collect(job.state, now))
        if job.state is JobState.FINISHED:
            self._end(job_run, now)
            self.queue.forget(job_run.id)
            self.submissions.release_journal(job_run.journal.path)
            return
        if job.state is JobState.PAUSED and job_run.has_room_again(now):
            self._resume(job_run.id, now)
        job_run.advance(job.state, now, self.writer, self.wake)

    def _end(self, job_run: JobRun, now: float) -> None:
        progress = self.status.progress(job_run, now)
        note(log, logging.INFO, progress.state, job=job_run.id, **job_run.outcome)
        self.status.end(Ended(progress=structs.replace(progress, ended_at=time.time()), journal=job_run.journal.path))
        del self.open_jobs[job_run.id]
        self.submissions.unlist_journal(job_run.journal.path)
        self.forget_frames(job_run.id)
