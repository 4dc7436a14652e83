"""Requests to submit jobs: a helper thread opens the movie while the server continues."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pointillist.errors import PointillistError, ResultsError
from pointillist.pipeline_protocol.messages import Accepted, Refused, Submit, ToClient, Wait
from pointillist.pipeline_server.jobs.access_policy import AccessPolicy
from pointillist.pipeline_server.jobs.submission import JobRequest, Joined, prepare, rejoin
from pointillist.system import note

log = logging.getLogger("pointillist.server")

_N_REMEMBERED = 1000
_REMEDY = "analyse the movie again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What became of a request.

    Parameters
    ----------
    number
        Number of the request.
    prepared
        None if it failed.
    peer, reply
        Client and reply; None for a journal of an earlier server.
    """

    number: int
    prepared: JobRequest | Joined | None
    peer: bytes | None
    reply: ToClient | None


@dataclass(kw_only=True, eq=False)
class _Request:
    """A request without an answer: the helper is at it, or a journal has to be closed first (`awaits`)."""

    subject: str
    peer: bytes | None
    prepare: Callable[[], JobRequest | Joined]
    future: Future[JobRequest | Joined] | None = None
    awaits: Path | None = None


class SubmissionHandler:
    """Requests from their arrival to their answer, and the journals that this server has open.

    Parameters
    ----------
    wake
        Called, from the helper, when something is ready.
    state
        File that lists the journals at work, for a server that starts again; None to keep none.
    policy
        Files that the server may read and write; those of this user and machine if None.
    """

    def __init__(self, wake: Callable[[], None], state: Path | None = None, policy: AccessPolicy | None = None) -> None:
        self._wake = wake
        self._state = state
        self._policy = policy or AccessPolicy.of_this_machine()
        self._helper = ThreadPoolExecutor(1, "submissions")
        self._held: dict[Path, str] = {}
        self._at_work: dict[Path, None] = {}
        self._is_saved = True
        self._pending: dict[int, _Request] = {}
        self._answers: OrderedDict[int, ToClient] = OrderedDict()

    def reopen_all(self) -> None:
        """Resume the jobs of an earlier server."""
        if self._state is None or not self._state.exists():
            return
        for number, line in enumerate(self._state.read_text("utf-8").splitlines(), 1):
            self._at_work[Path(line)] = None
            self._begin(-number, _Request(subject=line, peer=None, prepare=partial(rejoin, Path(line), self._held)))

    @property
    def is_reopening(self) -> bool:
        """Whether jobs of an earlier server are still being resumed."""
        return any(number < 0 for number in self._pending)

    @property
    def n_pending(self) -> int:
        """Number of requests that are not answered yet."""
        return len(self._pending)

    def is_asked_for(self, movie: str, journal: Path) -> bool:
        """Whether a request for a job of this movie, or with this journal, has come and is not answered yet."""
        return any(request.subject in {movie, str(journal)} for request in self._pending.values())

    def receive(self, peer: bytes, request: Submit) -> ToClient:
        """Begin to handle a request, or answer a copy of it."""
        answer = self._answers.get(request.request)
        if answer is not None:
            return answer
        if request.request not in self._pending:
            prepared = partial(prepare, request, self._held, self._policy)
            self._begin(request.request, _Request(subject=request.movie, peer=peer, prepare=prepared))
        return self.wait(request.request)

    def reopen(self, peer: bytes, request: int, journal: Path) -> ToClient:
        """Begin to resume a job that is over from its journal, or answer a copy of that request."""
        answer = self._answers.get(request)
        if answer is not None:
            return answer
        if request not in self._pending:
            if not journal.exists():
                return refusal(request, ResultsError(journal, "is gone, so that nothing can be retried", _REMEDY))
            prepared = partial(rejoin, journal, self._held)
            self._begin(request, _Request(subject=str(journal), peer=peer, prepare=prepared))
        return self.wait(request)

    def wait(self, request: int) -> Wait:
        """Return what a request waits for."""
        pending = self._pending.get(request)
        if pending is not None and pending.awaits is not None:
            return Wait(request=request, reason="the run that was stopped is still writing its last rows")
        if pending is None or self.is_reopening:
            return Wait(request=request, reason="the server is resuming the jobs that it had before its restart")
        return Wait(request=request, reason="the server is checking the movie and the progress of an earlier run")

    def collect(self) -> list[Outcome]:
        """Return the requests that have been handled."""
        outcomes = []
        for number, request in list(self._pending.items()):
            if request.future is None or not request.future.done():
                continue
            error = request.future.exception()
            if error is not None:
                outcomes.append(self._refused(number, request.peer, error))
                continue
            prepared = request.future.result()
            job = prepared.job if isinstance(prepared, Joined) else prepared.spec.job
            reply = Accepted(request=number, job=job) if request.peer is not None else None
            outcomes.append(Outcome(number=number, prepared=prepared, peer=request.peer, reply=reply))
        return outcomes

    def settle(self, outcome: Outcome) -> None:
        """Remember the answer to a request."""
        del self._pending[outcome.number]
        if outcome.reply is not None:
            self._answers[outcome.number] = outcome.reply
        while len(self._answers) > _N_REMEMBERED:
            self._answers.popitem(last=False)

    def begin_again(self, number: int, journal: Path) -> None:
        """Handle a request once more, as soon as a journal is closed."""
        request = self._pending[number]
        request.future, request.awaits = None, journal
        if journal not in self._held:
            self._start(number)

    def list_journal(self, journal: Path) -> None:
        """Add a running job to the list that a restarted server resumes."""
        self._at_work[journal] = None
        self._is_saved = False
        self.save()

    def unlist_journal(self, journal: Path) -> None:
        """Remove a job that is over from the list that a restarted server resumes."""
        self._at_work.pop(journal, None)
        self._is_saved = False
        self.save()

    def release_journal(self, journal: Path) -> None:
        """Record that a journal is closed."""
        self._held.pop(journal, None)
        for number, request in list(self._pending.items()):
            if request.awaits == journal:
                self._start(number)

    def save(self) -> None:
        """Write the list of running jobs, if it has changed; tried again while there is no room."""
        if self._state is None or self._is_saved:
            return
        draft = self._state.with_suffix(".draft")
        try:
            draft.write_text("".join(f"{path}\n" for path in self._at_work), "utf-8")
            draft.replace(self._state)
        except OSError as error:
            note(log, logging.WARNING, "unsaved", path=self._state, error=error)
        else:
            self._is_saved = True

    def close(self) -> None:
        """End without waiting for requests that are being handled."""
        self._helper.shutdown(wait=False, cancel_futures=True)

    def _begin(self, number: int, request: _Request) -> None:
        self._pending[number] = request
        self._start(number)

    def _start(self, number: int) -> None:
        # In the helper's order: what one request has begun is there when the next one joins it.
        request = self._pending[number] = self._pending.pop(number)

        def work() -> JobRequest | Joined:
            prepared = request.prepare()
            if isinstance(prepared, JobRequest):
                # At once: the next request may mean the same journal.
                self._held[prepared.journal.path] = prepared.spec.job
            return prepared

        request.awaits = None
        request.future = self._helper.submit(work)
        request.future.add_done_callback(lambda _: self._wake())

    def _refused(self, number: int, peer: bytes | None, error: BaseException) -> Outcome:
        is_expected = isinstance(error, PointillistError)
        note(log, logging.WARNING, "refused", None if is_expected else error, error=error)
        reply = refusal(number, error) if peer is not None else None
        return Outcome(number=number, prepared=None, peer=peer, reply=reply)


def refusal(number: int, error: BaseException) -> Refused:
    """Return an error as a client gets it."""
    if isinstance(error, PointillistError):
        kind, parts = type(error), (str(error.subject), error.problem, error.remedy)
        while kind.__module__ != PointillistError.__module__:
            kind = kind.__base__  # type: ignore[assignment]  # clients know the classes of remedies, not ours
        return Refused(request=number, error=kind.__name__, subject=parts[0], problem=parts[1], remedy=parts[2])
    problem = f"{type(error).__name__}: {error}"
    return Refused(request=number, error="ServerError", subject="server", problem=problem, remedy="see its log")
