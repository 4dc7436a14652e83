"""Requests to submit: a helper thread looks at the movie while the server goes on."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pipeline_protocol.errors import PointillistError, ResultsError
from pipeline_protocol.logs import note
from pipeline_protocol.messages import Accepted, Refused, Submit, ToClient, Wait
from pipeline_server.guard import Guard
from pipeline_server.submission import Joined, Submission, prepare, reopen

log = logging.getLogger("pointillist.server")

_N_REMEMBERED = 1000
_REMEDY = "analyse the movie again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What became of a request.

    Parameters
    ----------
    prepared
        None if it failed.
    peer, reply
        What to tell whom; None if it was a journal of an earlier server.
    """

    prepared: Submission | Joined | None
    peer: bytes | None
    reply: ToClient | None


class Reception:
    """Requests from their arrival to their answer.

    Parameters
    ----------
    wake
        Called, from the helper, when something is ready.
    state
        File that lists the journals at work, for a server that starts again; None to keep none.
    guard
        Of the server; that of this user and machine if None.
    """

    def __init__(self, wake: Callable[[], None], state: Path | None = None, guard: Guard | None = None) -> None:
        self._wake = wake
        self._state = state
        self._guard = guard or Guard.of_this_machine()
        self._helper = ThreadPoolExecutor(1, "reception")
        self._held: dict[Path, str] = {}
        self._pending: dict[int, tuple[Future[Submission | Joined], bytes | None]] = {}
        self._answers: OrderedDict[int, ToClient] = OrderedDict()

    def reopen_all(self) -> None:
        """Take up what an earlier server had at work."""
        if self._state is None or not self._state.exists():
            return
        for number, line in enumerate(self._state.read_text("utf-8").splitlines(), 1):
            self._start(-number, None, reopen, Path(line))

    @property
    def is_reopening(self) -> bool:
        """Whether journals of an earlier server are still being taken up."""
        return any(number < 0 for number in self._pending)

    @property
    def n_pending(self) -> int:
        """Requests that are being looked at."""
        return len(self._pending)

    def receive(self, peer: bytes, request: Submit) -> ToClient:
        """Begin with a request, or answer a copy of it."""
        answer = self._answers.get(request.request)
        if answer is not None:
            return answer
        if request.request not in self._pending:
            self._start(request.request, peer, prepare, request, self._held, self._guard)
        return Wait(request=request.request)

    def take_up(self, peer: bytes, request: int, journal: Path) -> ToClient:
        """Begin to take up the journal of a job that is over, or answer a copy of that request."""
        answer = self._answers.get(request)
        if answer is not None:
            return answer
        if request not in self._pending and journal not in self._held:
            if not journal.exists():
                return refusal(request, ResultsError(journal, "is gone, so that nothing can be tried again", _REMEDY))
            self._start(request, peer, reopen, journal)
        return Wait(request=request)

    def collect(self) -> list[Outcome]:
        """Return what is ready."""
        outcomes = []
        for number, (future, peer) in list(self._pending.items()):
            if not future.done():
                continue
            del self._pending[number]
            error = future.exception()
            if error is not None:
                outcomes.append(self._refused(number, peer, error))
                continue
            prepared = future.result()
            job = prepared.job if isinstance(prepared, Joined) else prepared.spec.job
            reply = Accepted(request=number, job=job) if peer is not None else None
            outcomes.append(Outcome(prepared=prepared, peer=peer, reply=reply))
            self._remember(number, reply)
        return outcomes

    def let_go(self, journal: Path) -> None:
        """Take note that a journal is closed."""
        self._held.pop(journal, None)
        self.save()

    def save(self) -> None:
        """Write down which journals are at work."""
        if self._state is not None:
            draft = self._state.with_suffix(".draft")
            draft.write_text("".join(f"{path}\n" for path in list(self._held)), "utf-8")
            draft.replace(self._state)

    def close(self) -> None:
        """End without waiting for what is under way."""
        self._helper.shutdown(wait=False, cancel_futures=True)

    def _start(
        self, number: int, peer: bytes | None, function: Callable[..., Submission | Joined], *arguments: object
    ) -> None:
        def work() -> Submission | Joined:
            prepared = function(*arguments)
            if isinstance(prepared, Submission):
                # At once: the next request may mean the same journal.
                self._held[prepared.journal.path] = prepared.spec.job
            return prepared

        future = self._helper.submit(work)
        self._pending[number] = future, peer
        future.add_done_callback(lambda _: self._wake())

    def _refused(self, number: int, peer: bytes | None, error: BaseException) -> Outcome:
        is_expected = isinstance(error, PointillistError)
        note(log, logging.WARNING, "refused", None if is_expected else error, error=error)
        reply = refusal(number, error) if peer is not None else None
        self._remember(number, reply)
        return Outcome(prepared=None, peer=peer, reply=reply)

    def _remember(self, number: int, reply: ToClient | None) -> None:
        if reply is not None:
            self._answers[number] = reply
        while len(self._answers) > _N_REMEMBERED:
            self._answers.popitem(last=False)


def refusal(number: int, error: BaseException) -> Refused:
    """Return an error as a client gets it."""
    if isinstance(error, PointillistError):
        kind, parts = type(error), (str(error.subject), error.problem, error.remedy)
        while kind.__module__ != PointillistError.__module__:
            kind = kind.__base__  # type: ignore[assignment]  # clients know the classes of remedies, not ours
        return Refused(request=number, error=kind.__name__, subject=parts[0], problem=parts[1], remedy=parts[2])
    problem = f"{type(error).__name__}: {error}"
    return Refused(request=number, error="ServerError", subject="server", problem=problem, remedy="look into its log")
