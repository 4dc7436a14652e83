"""The files of a job, which another thread extends and finishes, one step at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from enum import Enum, auto
from pathlib import Path
from typing import Any

from pointillist.pipeline_server.jobs.submission import JobRequest
from pointillist.pipeline_server.queue import Lifecycle
from pointillist.system import note

log = logging.getLogger("pointillist.server")

EXTEND_S = 2.0
"""Time between two appends to the growing files, s."""

EXTENDED_BYTES = 16 << 20
"""Greatest size of one append, so that memory stays bounded, bytes."""


class FileState(Enum):
    """What the other thread does with the files."""

    IDLE = auto()
    EXTENDING = auto()
    """Rows are being appended."""
    FINISHING = auto()
    """The results are being written."""
    CLOSED = auto()


class FileEvent(Enum):
    """What happens to the files."""

    EXTEND = auto()
    FINISH = auto()
    RETURN = auto()
    """What was under way has come back."""
    CLOSE = auto()


FILE_TRANSITIONS = {
    (FileState.IDLE, FileEvent.EXTEND): FileState.EXTENDING,
    (FileState.IDLE, FileEvent.FINISH): FileState.FINISHING,
    (FileState.IDLE, FileEvent.CLOSE): FileState.CLOSED,
    (FileState.EXTENDING, FileEvent.RETURN): FileState.IDLE,
    (FileState.FINISHING, FileEvent.RETURN): FileState.IDLE,
}


class JobFiles:
    """Journal and results of a job.

    Parameters
    ----------
    submission
        Request, plan and journal of the job.
    now
        Present time, s.

    Attributes
    ----------
    output
        Writer of its output file.
    """

    def __init__(self, submission: JobRequest, now: float) -> None:
        self.output = submission.plan.writer(Path(submission.spec.output), submission.journal)
        self._journal = submission.journal
        self._life = Lifecycle(f"files of job {submission.spec.job}", FileState.IDLE, FILE_TRANSITIONS)
        self._future: Future[Any] | None = None
        self._cursor = self._next_cursor = submission.plan.start
        self._extend_at = now

    @property
    def state(self) -> FileState:
        """What the other thread does with the files."""
        return self._life.state

    def extend(self, now: float, writer: Executor, wake: Callable[[], None]) -> None:
        """Have the rows that are next in order appended to the growing files, every few seconds."""
        if now < self._extend_at:
            return
        starts: list[int] = []
        cursor, n_bytes = self._cursor, 0
        while n_bytes < EXTENDED_BYTES:
            place = self._journal.range_at(cursor)
            if place is not None:
                starts.append(cursor)
                cursor, n_bytes = place.stop, n_bytes + place.n_bytes
            elif cursor in self._journal.given_up:
                cursor += 1
            else:
                self._extend_at = now + EXTEND_S
                break
        if starts:
            self._life.apply(FileEvent.EXTEND, now)
            self._next_cursor = cursor
            self._await(writer.submit(self.output.extend, starts), wake)

    def finish(self, now: float, writer: Executor, wake: Callable[[], None]) -> None:
        """Have the results written."""
        self._life.apply(FileEvent.FINISH, now)
        self._await(writer.submit(self.output.finish), wake)

    def collect(self, now: float) -> tuple[FileState, BaseException | None] | None:
        """Return the step that has ended since the last call, and its error; None if none has."""
        if self._future is None or not self._future.done():
            return None
        future, self._future, done = self._future, None, self.state
        self._life.apply(FileEvent.RETURN, now)
        if future.cancelled():
            return None
        error = future.exception()
        if done is FileState.EXTENDING and error is None and future.result():
            self._cursor = self._next_cursor
        return done, error

    def withdraw(self) -> None:
        """Cancel a step that has not begun."""
        if self._future is not None:
            self._future.cancel()

    def close(self, now: float) -> None:
        """Close the files of a stopped job, and delete unfinished ones."""
        self._life.apply(FileEvent.CLOSE, now)
        try:
            self.output.discard()
        except OSError as error:
            note(log, logging.WARNING, "unfinished file", path=self.output.path, error=error)
        finally:
            self._journal.close()

    def _await(self, future: Future[Any], wake: Callable[[], None]) -> None:
        self._future = future
        future.add_done_callback(lambda _: wake())
