"""A worker's connection with the server: leased tasks come in, their outcomes go out."""

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
from pointillist.pipeline_worker.tasks import Outcome
from pointillist.pipeline_worker.worker_state import LeasedTask, Outgoing, WorkerState
from pointillist.system import note

log = logging.getLogger("pointillist.worker")


class ServerConnection:
    """The connection of one worker.

    Parameters
    ----------
    context
        ZeroMQ context of the process.
    address, keys
        Address of the server, and keys of the cluster.
    frame_client
        Gets frames, maps and backgrounds from the server; None for a worker that reads all of them itself.

    Attributes
    ----------
    state
        Leased tasks.
    socket
        Connected DEALER socket.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: str,
        keys: ClusterKeys,
        frame_client: FrameClient | None = None,
    ) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.state = WorkerState(worker=name, pid=os.getpid())
        self.socket = connect_dealer(context, address, keys)
        self._frame_client = frame_client or FrameClient()
        self._address = address

    def move(self, address: str) -> None:
        """Connect to the server at another address, which is told all, as one that has started again."""
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
        return min(self.state.next_due(now), self._frame_client.next_due(now))

    def receive(self) -> list[LeasedTask]:
        """Take all messages; return the tasks to begin."""
        begun = []
        while self.socket.poll(0):
            try:
                message, buffers = decode_from_server(self.socket.recv_multipart())
                task = self._take(message, buffers)
            except MessageError as error:
                note(log, logging.WARNING, "malformed", error=error)
                continue
            if task is not None:
                begun.append(task)
        return begun

    def _take(self, message: FromServer, buffers: Sequence[Buffer]) -> LeasedTask | None:
        """Take a message; return the task if it is one to begin."""
        now = time.monotonic()
        if isinstance(message, LayoutReply | FrameData | Missing):
            self._frame_client.receive(message, buffers[0] if buffers else b"", now)
            return None
        epoch = self.state.epoch
        task = self.state.receive(message, buffers, now)
        if self.state.epoch != epoch:
            self._frame_client.restart()
        self._frame_client.keep(self.state.jobs)
        return task

    def report(self, outcomes: Iterable[tuple[LeasedTask, Outcome]]) -> None:
        """Send outcomes, and all that is due."""
        now = time.monotonic()
        for task, outcome in outcomes:
            if outcome.computed is not None:
                self.state.answer(task, outcome.computed, now)
            else:
                self.send(self.state.fail(task, outcome.error, is_blocked=outcome.is_blocked))
        self.send([*self.state.due(now), *((request, ()) for request in self._frame_client.due(now))])

    def leave(self) -> None:
        """Tell the server that the worker ends."""
        self.send([(Goodbye(worker=self.state.worker), ())])

    def send(self, outgoing: Sequence[Outgoing]) -> None:
        """Send messages; what cannot leave is dropped, since the server asks again."""
        for message, buffers in outgoing:
            self._send_one(message, buffers)

    def _send_one(self, message: FromWorker, buffers: Sequence[Buffer]) -> None:
        try:
            self.socket.send_multipart(encode(message, buffers), zmq.NOBLOCK)
        except zmq.Again:
            log.debug("unsent %s", type(message).__name__)
