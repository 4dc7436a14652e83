"""A worker process: its main thread speaks with the server, whatever the others compute."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence

import zmq

from pipeline_protocol.errors import MessageError
from pipeline_protocol.keys import ClusterKeys
from pipeline_protocol.lifeline import Lifeline
from pipeline_protocol.logs import note
from pipeline_protocol.messages import Died, FromWorker, Goodbye
from pipeline_protocol.sockets import connect_dealer
from pipeline_protocol.waker import Waker
from pipeline_protocol.wire import Buffer, decode_from_server, encode
from pipeline_worker.kinds import Kinds
from pipeline_worker.processor import core_of
from pipeline_worker.session import Outgoing, Session
from pipeline_worker.stages import Stages

log = logging.getLogger("pointillist.worker")

EXIT_STUCK = 75
"""Status of a worker that took a range for longer than its lease."""

EXIT_COLD = 76
"""Status of a worker whose warm-up failed: the kernel cache may be damaged."""

_LINGER_MS = 300
_CONNECT_MS = 1000


class WorkerProcess:
    """A worker; to be made in the main thread, once.

    Parameters
    ----------
    address, keys
        Of the server.
    kinds
        What it can do.
    warm_up
        What it does before it asks for work.
    replaced_pid
        Of the dead worker that it takes the place of.
    """

    def __init__(
        self,
        address: str,
        keys: ClusterKeys,
        kinds: Kinds,
        *,
        warm_up: Callable[[], None] = lambda: None,
        replaced_pid: int | None = None,
    ) -> None:
        self._lifeline = Lifeline()
        self._waker = Waker()
        self._context = zmq.Context()
        self._socket = connect_dealer(self._context, address, keys)
        self._poller = zmq.Poller()
        for source in (self._socket, self._waker.fd, *self._lifeline.fds):
            self._poller.register(source, zmq.POLLIN)
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._session = Session(worker=name, pid=os.getpid())
        self._replaced_pid = replaced_pid
        self._stages = Stages(kinds, warm_up, self._waker.wake)

    def run(self) -> int:
        """Work until the lifeline is cut; return the exit status."""
        status = 0
        if self._replaced_pid is not None:
            # Waits for a connection; silence will tell the server otherwise.
            self._socket.poll(_CONNECT_MS, zmq.POLLOUT)
            self._send([(Died(host=socket.gethostname(), pid=self._replaced_pid), ())])
        while not self._lifeline.is_cut():
            self._poller.poll(1 + int(1e3 * self._session.next_due(time.monotonic())))
            self._waker.clear()
            self._receive()
            self._report()
            if self._stages.warm_up_error is not None:
                log.error("warm-up", exc_info=self._stages.warm_up_error)
                status = EXIT_COLD
                break
            if self._give_up():
                status = EXIT_STUCK
                break
        self._send([(Goodbye(worker=self._session.worker), ())])
        self._context.destroy(linger=_LINGER_MS)
        return status

    def _receive(self) -> None:
        while self._socket.poll(0):
            try:
                message, buffers = decode_from_server(self._socket.recv_multipart())
                held = self._session.receive(message, buffers, time.monotonic())
            except MessageError as error:
                note(log, logging.WARNING, "malformed", error=error)
                continue
            if held is not None:
                self._stages.begin(held)

    def _report(self) -> None:
        """Say what is new."""
        self._session.is_warm = self._stages.is_warm
        self._session.core = core_of(self._stages.computer)
        now = time.monotonic()
        for outcome in self._stages.outcomes():
            if outcome.result is not None:
                self._session.answer(outcome.held, outcome.result, now)
            else:
                self._send(self._session.fail(outcome.held, outcome.error, is_blocked=outcome.is_blocked))
        self._send(self._session.due(now))

    def _give_up(self) -> bool:
        """Report a range that is stuck; a thread cannot be stopped, only its process."""
        held = self._stages.stuck(time.monotonic())
        if held is None:
            return False
        note(log, logging.ERROR, "stuck", job=held.ref.job, start=held.ref.start, stop=held.ref.stop)
        self._send(self._session.fail(held, f"took longer than {held.lease_s:.0f} s", is_blocked=False))
        return True

    def _send(self, outgoing: Sequence[Outgoing]) -> None:
        for message, buffers in outgoing:
            self._send_one(message, buffers)

    def _send_one(self, message: FromWorker, buffers: Sequence[Buffer]) -> None:
        try:
            self._socket.send_multipart(encode(message, buffers), zmq.NOBLOCK)
        except zmq.Again:
            log.debug("unsent %s", type(message).__name__)  # the server asks again
