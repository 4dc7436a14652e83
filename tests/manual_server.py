"""A server whose helpers, clock, disk and peers do what a test says, one step at a time; all else is real."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from pointillist.errors import ResultsError
from pointillist.pipeline_files.results import writer as results_writer
from pointillist.pipeline_files.storage import DiskFullError
from pointillist.pipeline_protocol.messages import RangeResult, control as m
from pointillist.pipeline_protocol.messages.fields import Buffer
from pointillist.pipeline_protocol.waker import Waker
from pointillist.pipeline_server import service as service_module
from pointillist.pipeline_server.jobs import fit as localizations, journal as journal_module
from pointillist.pipeline_server.jobs.access_policy import TRUSTING
from pointillist.pipeline_server.jobs.job_run import JobRun
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.records import write_all
from pointillist.pipeline_server.jobs.submission_handler import SubmissionHandler
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.queue import Queue
from pointillist.pipeline_server.queue.ranges import Ranges
from pointillist.pipeline_server.queue.task_size import QueueSettings
from pointillist.pipeline_server.service import Service

SETTINGS = QueueSettings(first_frames=2, reservation_tasks=1, n_faults=1)

Fault = Literal["none", "full", "broken"]


class ManualServerSocket:
    """A socket to peers that are lists of messages."""

    address = "manual"
    n_refused = 0

    def __init__(self) -> None:
        self.came: list[tuple[bytes, m.ToServer, list[Buffer]]] = []
        self.sent: list[tuple[bytes, m.FromServer]] = []

    def receive(self) -> Iterator[tuple[bytes, m.ToServer, list[Buffer]]]:
        came, self.came = self.came, []
        yield from came

    def send(self, peer: bytes, message: m.FromServer, _: Sequence[Buffer] = ()) -> None:
        self.sent.append((peer, message))

    def send_content(self, *_: object) -> None:
        raise AssertionError


@dataclass
class Call:
    future: Future[Any]
    function: Callable[[], Any]
    result: Callable[[], Any] | None = None

    def work(self) -> None:
        """Do what was asked for, without telling anybody."""
        try:
            value = self.function()
        except Exception as error:  # noqa: BLE001 - as a thread pool does
            self.result = partial(self.future.set_exception, error)
        else:
            self.result = partial(self.future.set_result, value)


class ManualThread(Executor):
    """A thread that takes a call up as soon as it is free, but does it, and tells of it, when it is told to."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.current: Call | None = None

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append(Call(future, lambda: function(*args, **kwargs)))
        self._take_up()
        return future

    def shutdown(self, *_: object, **__: object) -> None:
        pass

    @property
    def is_busy(self) -> bool:
        return self.current is not None

    def advance(self) -> None:
        """Do the call that was taken up, or tell of it."""
        current = self.current
        assert current is not None
        if current.result is None:
            current.work()
        else:
            self.current = None
            current.result()
            self._take_up()

    def _take_up(self) -> None:
        while self.calls and self.current is None:
            call = self.calls.pop(0)
            self.current = call if call.future.set_running_or_notify_cancel() else None


class Errors(logging.Handler):
    """What the server logs as a defect of the program."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(f"{record.getMessage()} {getattr(record, 'traceback', '')} {record.__dict__}")


@dataclass
class Disk:
    """The disk, and what a process leaves of its files when it is killed."""

    fault: Fault = "none"
    n_released: int = 0
    """Frames that an open-ended movie has."""
    journals: list[Journal] = field(default_factory=list)

    def check(self) -> None:
        if self.fault == "full":
            raise DiskFullError("disk", "is full", "make room")
        if self.fault == "broken":
            raise ResultsError("disk", "is broken", "choose another place")

    def kill(self) -> None:
        for journal in self.journals:
            journal.close()
        self.journals.clear()

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Let journals and results lie on this disk; queues cut small tasks."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal_module, "write_all", self._checked_write(write_all))
            for owner, names in (
                (results_writer, ("create_results", "append_chunks", "_complete")),
                (localizations, ("create_results", "append_localizations")),
            ):
                for name in names:
                    patch.setattr(owner, name, self._checked(getattr(owner, name)))
            patch.setattr(Journal, "__init__", self._tracked(Journal.__init__))
            patch.setattr(Journal, "append_range", _once(Journal.append_range))
            patch.setattr(JobRun, "added", self._grown(JobRun.added))
            patch.setattr(service_module, "Queue", lambda: Queue(SETTINGS))
            yield

    def _checked(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any, **options: Any) -> Any:
            self.check()
            return method(*args, **options)

        return checked

    def _checked_write(self, write: Callable[..., None]) -> Callable[..., None]:
        def checked(*args: Any) -> None:
            if self.fault != "none":
                raise OSError(errno.ENOSPC if self.fault == "full" else errno.EIO, self.fault)
            write(*args)

        return checked

    def _tracked(self, begin: Callable[..., None]) -> Callable[..., None]:
        def tracked(journal: Journal, *args: Any) -> None:
            begin(journal, *args)
            self.journals.append(journal)

        return tracked

    def _grown(self, added: Callable[..., e.JobAdded]) -> Callable[..., e.JobAdded]:
        """Let a job whose results are called ``grown`` be open-ended."""

        def grown(work: JobRun, now: float) -> e.JobAdded:
            event = added(work, now)
            if not Path(work.spec.output).name.startswith("grown"):
                return event
            return replace(event, stop=self.n_released, is_sealed=False)

        return grown


def _once(append: Callable[..., None]) -> Callable[..., None]:
    """Fail where a frame is recorded twice."""

    def once(journal: Journal, entry: Any, buffers: Any) -> None:
        taken = Ranges([(start, stop) for start, stop in journal.done])
        for pending, _ in journal._pending:
            if isinstance(pending, RangeResult):
                taken.add(pending.start, pending.stop)
        assert not taken.has_any(entry.start, entry.stop), f"{entry} is recorded twice"
        append(journal, entry, buffers)

    return once


class ManualServer:
    """A server that has a state file and can be killed at any moment."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self.disk = disk
        self.now = 0.0
        self.errors = Errors()
        logging.getLogger("pointillist.server").addHandler(self.errors)
        self.start()

    def start(self) -> None:
        self.socket, self.waker = ManualServerSocket(), Waker()
        self.writer, self.helper = ManualThread(), ManualThread()
        submission_handler = SubmissionHandler(self.waker.wake, self.folder / "state", TRUSTING)
        submission_handler._helper.shutdown()
        submission_handler._helper = self.helper  # type: ignore[assignment]
        self.service = Service(self.socket, submission_handler, self.waker, clock=lambda: self.now)  # type: ignore[arg-type]
        self.service._writer.shutdown()
        self.service._runs.writer = self.writer
        submission_handler.reopen_all()

    def kill(self) -> None:
        """End as SIGKILL does: what is under way stays as it is."""
        self.service._frames.close()
        self.waker.close()
        self.disk.kill()

    def close(self) -> None:
        self.kill()
        logging.getLogger("pointillist.server").removeHandler(self.errors)
