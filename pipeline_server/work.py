"""A job as the server has it: the queue's book of it, its journal, and its results on their way."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from pipeline_files.storage import DiskFullError
from pipeline_protocol.errors import PointillistError, ResultsError
from pipeline_protocol.logs import note
from pipeline_protocol.messages import Answer, JobSpec, Ref
from pipeline_protocol.reports import JobState, Progress
from pipeline_protocol.wire import Buffer, encode_spec
from pipeline_server import events as e
from pipeline_server.jobs import Job
from pipeline_server.outputs import Output
from pipeline_server.records import FailureEntry, JournalFullError, RangeEntry
from pipeline_server.submission import Submission

log = logging.getLogger("pointillist.server")

EXTEND_S = 2.0
"""How often rows are appended to the files that grow."""

EXTENDED_BYTES = 16 << 20
"""What is appended to it at once, at most, so that memory stays bounded."""

N_SHOWN = 20
"""Failed frames that a client is told of."""

_N_CHARACTERS = 500
"""Of their errors: many jobs fit into a message."""

_ROOM_BYTES = 1 << 20
_FIRST_RETRY_S = 2.0
_LAST_RETRY_S = 60.0


class Work:
    """One job.

    Parameters
    ----------
    submission
        What it is.
    now
        Time, s.
    number
        Of the job among those of the server.

    Attributes
    ----------
    spec_buffer
        What follows a lease.
    """

    def __init__(self, submission: Submission, now: float, number: int) -> None:
        spec = submission.spec
        self.number = number
        self.id = spec.job
        self.submission = submission
        self.journal = submission.journal
        self.output = Output(submission)
        self.spec_buffer = encode_spec(spec)
        self.n_resumed = self.journal.done.n_frames
        self._began = now
        self._began_at = time.time()
        self._cursor = submission.plan.start
        self._extend_at = now
        self._unsynced: list[Ref] = []
        self._extending: tuple[Future[bool], int] | None = None
        self._finishing: Future[None] | None = None
        self._retry_at: float | None = None
        self._retry_s = _FIRST_RETRY_S

    def added(self, now: float) -> e.JobAdded:
        """Return the event that brings it into the queue; frames that failed before are tried again."""
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

    def check(self, answer: Answer, buffers: Sequence[Buffer]) -> None:
        """Make sure that an answer is one of this kind.

        Raises
        ------
        MessageError
            If it is not.
        """
        self.submission.plan.form.check(answer, buffers)

    def record(self, ref: Ref, answer: Answer, buffers: Sequence[Buffer]) -> None:
        """Have an answer written at the next sync."""
        entry = RangeEntry(
            start=ref.start,
            stop=ref.stop,
            n_items=answer.n_items,
            failures=answer.failures,
            seconds=answer.seconds,
            sizes=[len(buffer) for buffer in buffers],
            build=answer.build,
        )
        self.journal.append_range(entry, buffers)
        self._unsynced.append(ref)

    def record_failure(self, ref: Ref, error: str) -> None:
        """Have a failed frame written at the next sync."""
        self.journal.append_failure(FailureEntry(frame=ref.start, error=error))
        self._unsynced.append(ref)

    def sync(self, now: float) -> list[e.Event]:
        """Bring what was recorded to the disk; return what to tell the queue."""
        refs, self._unsynced = self._unsynced, []
        if not refs:
            return []
        try:
            self.journal.sync()
        except ResultsError as error:
            return [*(e.RangeLost(now=now, ref=ref) for ref in refs), self._pause(error, now)]
        return [e.RangeSynced(now=now, ref=ref) for ref in refs]

    def extend(self, now: float, writer: Executor, wake: Callable[[], None]) -> None:
        """Have rows that are next in order appended to the files that grow, every few seconds."""
        if self._extending or self._finishing or self._retry_at is not None or now < self._extend_at:
            return
        starts: list[int] = []
        cursor, n_bytes = self._cursor, 0
        while n_bytes < EXTENDED_BYTES:
            place = self.journal.range_at(cursor)
            if place is not None:
                starts.append(cursor)
                cursor, n_bytes = place.stop, n_bytes + place.n_bytes
            elif cursor in self.journal.given_up:
                cursor += 1
            else:
                self._extend_at = now + EXTEND_S
                break
        if starts:
            self._extending = writer.submit(self.output.extend, starts), cursor
            self._extending[0].add_done_callback(lambda _: wake())

    def finish(self, writer: Executor, wake: Callable[[], None]) -> None:
        """Have the results written."""
        self._finishing = writer.submit(self.output.finish)
        self._finishing.add_done_callback(lambda _: wake())

    def collect(self, now: float) -> list[e.Event]:
        """Return what has become of the files since the last call."""
        events: list[e.Event] = []
        if self._extending and self._extending[0].done():
            future, cursor = self._extending
            self._extending = None
            error = future.exception()
            if isinstance(error, DiskFullError) and not self._finishing:
                events.append(self._pause(error, now))
            elif error is not None:
                note(log, logging.WARNING, "no partial file", error, job=self.id)
            elif future.result():
                self._cursor = cursor
        if self._finishing and self._finishing.done():
            error = self._finishing.exception()
            self._finishing = None
            if error is None:
                events.append(e.JobFinished(now=now, job=self.id))
            else:
                events.append(self._pause(error, now))
        return events

    def is_mended(self, now: float) -> bool:
        """Whether a job that was paused for want of room can go on; asked ever more seldom."""
        if self._retry_at is None or now < self._retry_at:
            return False
        self._retry_s = min(2.0 * self._retry_s, _LAST_RETRY_S)
        self._retry_at = now + self._retry_s
        if not self.journal.has_room(_ROOM_BYTES):
            return False
        self._retry_at = None
        return True

    def resumed(self) -> None:
        """Forget why it was paused."""
        self._retry_at = None

    def close(self) -> None:
        """Let go of the files of a job that was stopped, once no thread works on them."""
        self.output.close()
        self.journal.close()

    @property
    def spec(self) -> JobSpec:
        """What workers are told."""
        return self.submission.spec

    @property
    def is_busy(self) -> bool:
        """Whether a thread works on its files."""
        return bool(self._extending or self._finishing)

    @property
    def described(self) -> dict[str, Any]:
        """What its log says of it at its beginning."""
        spec, plan = self.submission.spec, self.submission.plan
        return {
            "kind": spec.kind,
            "movie": spec.movie,
            "output": str(self.output.path),
            "n_frames": plan.stop - plan.start,
            "n_resumed": self.n_resumed,
        }

    @property
    def outcome(self) -> dict[str, Any]:
        """What its log says of it at its end."""
        return {
            "output": str(self.output.path),
            "n_items": self.journal.n_items,
            "n_failed": len(self.journal.failures),
        }

    def progress(self, job: Job, now: float, n_workers: int) -> Progress:
        """Say how far it is."""
        failures = self.journal.failures
        return Progress(
            request=0,
            job=self.id,
            state=_STATES[job.state.name],
            movie=self.submission.spec.movie,
            output=str(self.output.path),
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
        """Pause the job for an error of its files; if room is wanted, try again by and by."""
        if isinstance(error, DiskFullError | JournalFullError):
            self._retry_at = now + self._retry_s
        if not isinstance(error, PointillistError):
            note(log, logging.ERROR, "error", error, job=self.id)
        return e.JobPaused(now=now, job=self.id, reason=str(error))


_STATES: dict[str, JobState] = {
    "RUNNING": "running",
    "PAUSED": "paused",
    "FINISHING": "finishing",
    "FINISHED": "finished",
    "STOPPED": "stopped",
}
