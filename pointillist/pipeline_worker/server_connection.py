"""A worker's connection with the server: what it holds goes in, what becomes of that goes out."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Iterable, Sequence

import zmq

from pointillist.errors import MessageError, PointillistError
from pointillist.pipeline_protocol import connect_dealer, reconnect
from pointillist.pipeline_protocol.messages import (
    Buffer,
    FrameData,
    FromServer,
    FromWorker,
    Goodbye,
    LayoutReply,
    Missing,
    decode_from_server,
    encode,
)
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.pipeline_worker.frame_client import FrameClient
from pointillist.pipeline_worker.task_executor import Outcome
from pointillist.pipeline_worker.worker_state import LeasedTask, Outgoing, WorkerState
from pointillist.system import note

log = logging.getLogger("pointillist.worker")


class ServerConnection:
    """A worker, as its server sees it.

    Parameters
    ----------
    context
        Of the process.
    address, keys
        Of the server.
    supply
        What the worker has from the server besides ranges; None if it can do without.

    Attributes
    ----------
    session
        What it holds.
    socket
        To be polled.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: str,
        keys: ClusterKeys,
        supply: FrameClient | None = None,
    ) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.session = WorkerState(worker=name, pid=os.getpid())
        self.socket = connect_dealer(context, address, keys)
        self._supply = supply or FrameClient()
        self._address = address

    def move(self, address: str) -> None:
        """Go to the server at another address; what is held is told there, as to one that has started again."""
        try:
            reconnect(self.socket, self._address, address)
        except PointillistError as error:
            note(log, logging.WARNING, "no server", error=error)
        else:
            note(log, logging.INFO, "server", address=address)
            self._address = address

    @property
    def next_due_s(self) -> float:
        """Time until something is to be sent, s."""
        now = time.monotonic()
        return min(self.session.next_due(now), self._supply.next_due(now))

    def receive(self) -> list[LeasedTask]:
        """Take all messages; return the ranges to begin with."""
        begun = []
        while self.socket.poll(0):
            try:
                message, buffers = decode_from_server(self.socket.recv_multipart())
                held = self._take(message, buffers)
            except MessageError as error:
                note(log, logging.WARNING, "malformed", error=error)
                continue
            if held is not None:
                begun.append(held)
        return begun

    def _take(self, message: FromServer, buffers: Sequence[Buffer]) -> LeasedTask | None:
        """Take a message; return the range if it is one to begin with."""
        now = time.monotonic()
        if isinstance(message, LayoutReply | FrameData | Missing):
            self._supply.receive(message, buffers[0] if buffers else b"", now)
            return None
        epoch = self.session.epoch
        held = self.session.receive(message, buffers, now)
        if self.session.epoch != epoch:
            self._supply.restart()
        self._supply.keep(self.session.jobs)
        return held

    def report(self, outcomes: Iterable[Outcome]) -> None:
        """Say what has become of ranges, and all that is due."""
        now = time.monotonic()
        for outcome in outcomes:
            if outcome.result is not None:
                self.session.answer(outcome.held, outcome.result, now)
            else:
                self.send(self.session.fail(outcome.held, outcome.error, is_blocked=outcome.is_blocked))
        self.send([*self.session.due(now), *((want, ()) for want in self._supply.due(now))])

    def leave(self) -> None:
        """Say that the worker ends."""
        self.send([(Goodbye(worker=self.session.worker), ())])

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send messages; what cannot leave is dropped, since the server asks again."""
        for message, buffers in outgoing:
            self._send_one(message, buffers)

    def _send_one(self, message: FromWorker, buffers: Sequence[Buffer]) -> None:
        try:
            self.socket.send_multipart(encode(message, buffers), zmq.NOBLOCK)
        except zmq.Again:
            log.debug("unsent %s", type(message).__name__)
