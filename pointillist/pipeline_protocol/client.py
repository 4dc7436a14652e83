"""Submit, watch and stop jobs: what a command does with a server."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable
from typing import Self, TypeVar

import zmq
from zmq.utils.monitor import recv_monitor_message

from pointillist import errors
from pointillist.errors import KeyRefusedError, PointillistError, ServerError
from pointillist.pipeline_protocol.messages import (
    UNREADABLE,
    Accepted,
    FromClient,
    Jobs,
    JobSettings,
    ListJobs,
    ListWorkers,
    LogLines,
    LogPosition,
    Moved,
    Ping,
    Pong,
    Progress,
    ReadLog,
    Refused,
    Report,
    ResumeRule,
    Retry,
    Stop,
    Submit,
    ToClient,
    Wait,
    Watch,
    WorkerReport,
    Workers,
    decode_from_server,
    encode,
)
from pointillist.pipeline_protocol.patience import PATIENCE_S, Patience
from pointillist.pipeline_protocol.security import ClusterKeys, UserSecret
from pointillist.pipeline_protocol.sockets import connect_dealer, is_greeting, reconnect

Reply = TypeVar("Reply")

RESEND_S = 1.0
"""A request without an answer for this time, s, is sent again; all requests may be repeated."""

_LISTEN_S = 0.2
_LOST_S = 3.0
"""A server that is silent for this time, s, is looked for elsewhere."""

_REDIRECTION_S = 0.05
"""Pause before a request goes to the server that another one named: the two may disagree for a moment."""

_REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
_BROKEN_OFF = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
_N_BROKEN_OFF = 3
"""A server with another key breaks off, time and again; so may, once, one that is being killed."""


class Client:
    """A connection to a server, for one thread.

    Parameters
    ----------
    address
        Address of the server, ``ipc://...`` or ``tcp://host:port``.
    keys
        Keys of the cluster.
    timeout_s
        Time for which a request waits for a server that does not answer, s.
    check
        Function that is called now and then while a request waits; what it raises ends the request.
    locate
        Function that returns the address of a silent server, or None if it is not found.

    Attributes
    ----------
    patience_s
        Time for which a request waits for a server that works on it, s.
    tell
        Function that shows a line to the user: what a request has been waiting for, for some seconds.

    Notes
    -----
    Every method raises ServerError if the server does not answer in time or does not know the key, and
    otherwise the error that the server answers with, as the class that the server raised.
    """

    def __init__(
        self,
        address: str,
        keys: ClusterKeys,
        *,
        timeout_s: float = 10.0,
        check: Callable[[], None] = lambda: None,
        locate: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.patience_s = PATIENCE_S
        self.tell: Callable[[str], None] = lambda _: None
        self._check = check
        self._locate = locate
        # Also over reconnections, the server tells requests apart by their numbers alone.
        self._numbers = itertools.count(1 + secrets.randbelow(1 << 52))
        self._context = zmq.Context()
        try:
            self._socket = connect_dealer(self._context, address, keys)
        except ServerError:
            self._context.destroy(linger=0)
            raise
        self._monitor = self._socket.get_monitor_socket(_REFUSED | _BROKEN_OFF | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        self._n_broken_off = 0

    def submit(  # noqa: PLR0913 - a request has these parts
        self,
        movie: str,
        identity: str,
        settings: JobSettings,
        *,
        output: str | None = None,
        resume: ResumeRule = "allowed",
        kind: str = "fit",
        mixed: bool = False,
    ) -> str:
        """Start, join or resume a job.

        Parameters
        ----------
        movie, output
            Absolute paths; without ``output`` the server follows PYME's rule.
        identity
            Identity of the movie, as the client sees it.
        settings
            Settings from :func:`pointillist.settings.job_settings`; the same settings must give equal ones again.
        resume
            Whether the journal of an earlier, unfinished run may be, must be or must not be taken up.
        kind
            Name of the kind of job, such as ``fit``.
        mixed
            Whether workers whose last digits differ may share it.

        Returns
        -------
        str
            Id of the job.

        Raises
        ------
        MovieError, SettingError, ResultsError
            If the server cannot read the movie, use the settings or write the results.
        """
        user = UserSecret.of_user()
        reply = self._ask(
            Submit(
                request=next(self._numbers),
                movie=movie,
                identity=identity,
                settings=settings,
                output=output,
                resume=resume,
                kind=kind,
                mixed=mixed,
                may_read=user.sign_reading(movie, identity, settings),
                may_write=user.sign_writing(output or "", identity),
            )
        )
        return _expect(reply, Accepted).job

    def progress(self, job: str) -> Progress:
        """Return the progress of a job."""
        return _expect(self._ask(Watch(request=next(self._numbers), job=job)), Progress)

    def stop(self, job: str) -> None:
        """End a job; its journal stays, so that it can be resumed."""
        _expect(self._ask(Stop(request=next(self._numbers), job=job)), Accepted)

    def retry(self, job: str) -> None:
        """Retry the failed frames of a job; one that is paused or stopped is resumed."""
        _expect(self._ask(Retry(request=next(self._numbers), job=job)), Accepted)

    def ping(self) -> Pong:
        """Return what the server says of itself."""
        return _expect(self._ask(Ping(request=next(self._numbers))), Pong)

    def workers(self) -> list[WorkerReport]:
        """Return reports on all workers."""
        found: list[WorkerReport] = []
        while True:
            after = found[-1].worker if found else ""
            page = _expect(self._ask(ListWorkers(request=next(self._numbers), after=after)), Workers)
            found += page.workers
            if page.is_last or not page.workers:
                return found

    def jobs(self, *, ended: bool = False) -> list[Progress]:
        """Return the progress of all jobs; of ended ones only if ``ended``."""
        found: list[Progress] = []
        while True:
            after = found[-1].number if found else 0
            page = _expect(self._ask(ListJobs(request=next(self._numbers), after=after, ended=ended)), Jobs)
            found += page.jobs
            if page.is_last or not page.jobs:
                return found

    def read_log(self, job: str, place: LogPosition) -> LogLines:
        """Return the next lines of the log of a job, and the position after them."""
        return _expect(self._ask(ReadLog(request=next(self._numbers), job=job, place=place)), LogLines)

    def report(self, host: str, pid: int, n_workers: int, troubles: list[str]) -> Pong:
        """Report the processes of a launcher; return what the server says of itself."""
        number = next(self._numbers)
        report = Report(request=number, host=host, pid=pid, n_workers=n_workers, troubles=troubles)
        return _expect(self._ask(report), Pong)

    def move(self, address: str) -> None:
        """Go to the server at another address; what was asked of the one before is asked again there."""
        reconnect(self._socket, self.address, address)
        self.address = address

    def close(self) -> None:
        """Close the connection."""
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._context.destroy(linger=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: FromClient) -> ToClient:
        deadline = time.monotonic() + self.timeout_s
        patience = Patience(self.patience_s, self.tell)
        resend_at = 0.0
        search_at = time.monotonic() + _LOST_S
        while (now := time.monotonic()) < deadline:
            self._check()
            if now >= search_at:
                self.move(self._locate() or self.address)
                search_at = time.monotonic() + _LOST_S
            if now >= resend_at:
                self._send(request)
                resend_at = now + RESEND_S
            self._raise_if_refused()
            if not self._socket.poll(max(1, int(1e3 * min(deadline - now, resend_at - now, _LISTEN_S)))):
                continue
            reply, _ = decode_from_server(self._socket.recv_multipart())
            if isinstance(reply, Refused) and reply.request == UNREADABLE:
                raise _error_of(reply)
            if getattr(reply, "request", None) != request.request:
                continue  # the answer to an earlier copy
            search_at = time.monotonic() + _LOST_S
            if isinstance(reply, Wait):
                patience.wait(reply.reason)
                deadline = time.monotonic() + self.timeout_s
            elif isinstance(reply, Moved):
                self.move(reply.address)
                resend_at = now + _REDIRECTION_S
            elif isinstance(reply, Refused):
                raise _error_of(reply)
            else:
                return reply  # type: ignore[return-value]  # workers' messages carry no request number
        raise ServerError(self.address, "the server does not answer", "check that it runs (launch-workers)")

    def _send(self, request: FromClient) -> None:
        try:
            self._socket.send_multipart(encode(request), zmq.NOBLOCK)
        except zmq.Again:
            return  # no connection so far; it is sent again

    def _raise_if_refused(self) -> None:
        """Ask the monitor: a server with another key is silent."""
        events = []
        while self._monitor.poll(0):
            events.append(recv_monitor_message(self._monitor)["event"])
        if not events:
            return
        # A relay whose server is away breaks off as well.
        is_broken_off = events[-1] == _BROKEN_OFF and is_greeting(self.address)
        self._n_broken_off = self._n_broken_off + 1 if is_broken_off else 0
        if any(event & _REFUSED for event in events) or self._n_broken_off >= _N_BROKEN_OFF:
            problem = "the server has another cluster key"
            remedy = "run 'pointillist key show' there and 'pointillist key import' here"
            raise KeyRefusedError(self.address, problem, remedy)


def _expect(reply: ToClient, kind: type[Reply]) -> Reply:
    if not isinstance(reply, kind):
        raise ServerError("server", f"answered with {type(reply).__name__}", "use the same version everywhere")
    return reply


def _error_of(reply: Refused) -> PointillistError:
    kind = getattr(errors, reply.error, ServerError)
    if not (isinstance(kind, type) and issubclass(kind, PointillistError)):
        kind = ServerError
    return kind(reply.subject, reply.problem, reply.remedy)
