"""A job at the server: its request, its journal and its files."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from pointillist.errors import PointillistError, ResultsError
from pointillist.pipeline_files import DiskFullError
from pointillist.pipeline_protocol.messages import JobSpec, JobState, Progress, Ref, encode_spec
from pointillist.pipeline_server.jobs.job_files import FileState, JobFiles
from pointillist.pipeline_server.jobs.records import JournalFullError
from pointillist.pipeline_server.jobs.submission import JobRequest
from pointillist.pipeline_server.queue import Job, events as e
from pointillist.system import note

log = logging.getLogger("pointillist.server")

N_SHOWN = 20
"""Number of failed frames that a client is told."""

_N_CHARACTERS = 500
"""Greatest length of their errors, so that many jobs fit into a message."""

_GOING_ON = frozenset({JobState.RUNNING, JobState.PAUSED})

_ROOM_BYTES = 1 << 20
_FIRST_RETRY_S = 2.0
_LAST_RETRY_S = 60.0


class JobRun:
    """One job.

    Parameters
    ----------
    submission
        Request, plan and journal of the job.
    now
        Present time, s.
    number
        Serial number of the job at this server.

    Attributes
    ----------
    spec_buffer
        Encoded description of the job, which follows a lease.
    files
        Files of the job.
    """

    def __init__(self, submission: JobRequest, now: float, number: int) -> None:
        spec = submission.spec
        self.number = number
        self.id = spec.job
        self.submission = submission
        self.journal = submission.journal
        self.files = JobFiles(submission, now)
        self.spec_buffer = encode_spec(spec)
        self.n_resumed = self.journal.done.n_frames
        self._began = now
        self._began_at = time.time()
        self._retry_at: float | None = None
        self._retry_s = _FIRST_RETRY_S

    def added(self, now: float) -> e.JobAdded:
        """Return the event that adds it to the queue; frames that failed before are tried again."""
        return e.JobAdded(
            now=now,
            job=self.id,
            start=self.submission.plan.start,
            stop=self.submission.plan.stop,
            context=self.submission.plan.context,
            max_frames=self.submission.plan.max_frames,
            done=tuple(self.journal.done),
            n_items=self.journal.n_items,
            build=next(iter(self.journal.builds), None),
            is_mixed=self.spec.mixed or len(self.journal.builds) > 1,
        )

    def sync(self, now: float) -> list[e.Event]:
        """Bring what was recorded to the disk; return the events for the queue."""
        refs = [Ref(job=self.id, start=start, stop=stop) for start, stop in self.journal.unsynced]
        if not refs:
            return []
        try:
            self.journal.sync()
        except ResultsError as error:
            return [*(e.RangeLost(now=now, ref=ref) for ref in refs), self._pause(error, now)]
        return [e.RangeSynced(now=now, ref=ref) for ref in refs]

    def advance(self, state: JobState, now: float, writer: Executor, wake: Callable[[], None]) -> None:
        """Begin the step that the files need in this state of the job, unless one has not ended."""
        if self.files.state is not FileState.IDLE:
            return
        if state is JobState.FINISHING:
            self.files.finish(now, writer, wake)
        elif state in _GOING_ON and self._retry_at is None:
            self.files.extend(now, writer, wake)

    def collect(self, state: JobState, now: float) -> list[e.Event]:
        """Return events for the queue, from steps of the files that have ended."""
        match self.files.collect(now):
            case (FileState.FINISHING, None):
                return [e.JobFinished(now=now, job=self.id)]
            case (FileState.FINISHING, BaseException() as error):
                return [self._pause(error, now)]
            case (FileState.EXTENDING, DiskFullError() as error) if state in _GOING_ON:
                return [self._pause(error, now)]
            case (FileState.EXTENDING, BaseException() as error):
                note(log, logging.WARNING, "no partial file", error, job=self.id)
        return []

    def has_room_again(self, now: float) -> bool:
        """Whether there is room again for a job that was paused by a full disk; checked at growing intervals."""
        if self._retry_at is None or now < self._retry_at:
            return False
        self._retry_s = min(2.0 * self._retry_s, _LAST_RETRY_S)
        self._retry_at = now + self._retry_s
        if not self.journal.has_room(_ROOM_BYTES):
            return False
        self._retry_at = None
        return True

    def resumed(self) -> None:
        """Stop waiting for room on the disk."""
        self._retry_at = None

    @property
    def spec(self) -> JobSpec:
        """The description of the job for workers."""
        return self.submission.spec

    @property
    def described(self) -> dict[str, Any]:
        """Fields of the first line of its log."""
        spec, plan = self.submission.spec, self.submission.plan
        return {
            "kind": spec.kind,
            "movie": spec.movie,
            "output": str(self.files.output.path),
            "n_frames": plan.stop - plan.start,
            "n_resumed": self.n_resumed,
        }

    @property
    def outcome(self) -> dict[str, Any]:
        """Fields of the last line of its log."""
        return {
            "output": str(self.files.output.path),
            "n_items": self.journal.n_items,
            "n_failed": len(self.journal.failures),
        }

    def progress(self, job: Job, now: float, n_workers: int) -> Progress:
        """Return its progress."""
        failures = self.journal.failures
        return Progress(
            request=0,
            job=self.id,
            state=JobState.STOPPED if job.state.is_over and not job.is_closed else job.state,
            movie=self.submission.spec.movie,
            output=str(self.files.output.path),
            n_frames=job.stop - job.start,
            n_done=job.done.n_frames + len(job.failed),
            n_failed=len(failures),
            n_items=job.n_items,
            n_resumed=self.n_resumed,
            rate=job.speed.done.at(now),
            n_workers=n_workers,
            elapsed_s=now - self._began,
            seconds=dict(self.journal.seconds),
            failures={frame: failures[frame][:_N_CHARACTERS] for frame in heapq.nsmallest(N_SHOWN, failures)},
            reason=job.reason,
            n_retriable=len(self.journal.given_up),
            kind=self.submission.spec.kind,
            number=self.number,
            began_at=self._began_at,
        )

    def _pause(self, error: BaseException, now: float) -> e.JobPaused:
        """Return the event that pauses the job for an error of its files; a full disk is tried again later."""
        if isinstance(error, DiskFullError | JournalFullError):
            self._retry_at = now + self._retry_s
        if not isinstance(error, PointillistError):
            note(log, logging.ERROR, "error", error, job=self.id)
        return e.JobPaused(now=now, job=self.id, reason=str(error))
