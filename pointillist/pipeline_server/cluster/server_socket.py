"""The server's socket, which only peers with the cluster key can connect to."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import zmq
from zmq.utils.monitor import recv_monitor_message

from pointillist.errors import MessageError, ServerError
from pointillist.pipeline_protocol import bind_router
from pointillist.pipeline_protocol.messages import UNREADABLE, Buffer, FromServer, ToServer, decode_at_server, encode
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.pipeline_server.jobs import refusal
from pointillist.system import note

log = logging.getLogger("pointillist.server")

MAX_BATCH = 500
"""Messages that are taken before time and journals get their turn."""

_REFUSALS = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
"""Refusals by the authenticator, and by libzmq: a peer that expects another server key does not get as far."""

_LOGGED_EACH = 10
_LOGGED_EVERY = 1000


class ServerSocket:
    """A bound ROUTER socket with its authenticator.

    Parameters
    ----------
    address
        ``ipc://path``, ``tcp://host:port`` or, for any free port, ``tcp://host:*``.
    keys
        Keys of the cluster.
    wake_fds
        File descriptors that end a wait as well.

    Attributes
    ----------
    address
        Bound address, with the real port.
    n_refused
        Number of refused connections of peers without the key; such peers try again and again.

    Raises
    ------
    ServerError
        If the address is taken or does not exist.
    """

    def __init__(self, address: str, keys: ClusterKeys, wake_fds: Sequence[int] = ()) -> None:
        self.n_refused = 0
        self._keys = keys
        self._context = zmq.Context()
        # The authenticator must be there before the first peer: libzmq lets everybody in without one.
        self._authenticator = self._context.socket(zmq.REP)
        self._authenticator.linger = 0
        self._authenticator.bind("inproc://zeromq.zap.01")
        try:
            self._router = bind_router(self._context, address, keys)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise ServerError(address, f"the server cannot listen ({error})", "choose another address") from error
        self.address = self._router.get_string(zmq.LAST_ENDPOINT)
        self._monitor = self._router.get_monitor_socket(_REFUSALS)
        self._poller = zmq.Poller()
        for source in (self._router, self._authenticator, self._monitor, *wake_fds):
            self._poller.register(source, zmq.POLLIN)

    def wait(self, seconds: float) -> None:
        """Wait for a message for some time (s); authenticate peers meanwhile."""
        ready = dict(self._poller.poll(int(1e3 * seconds)))
        if self._authenticator in ready:
            self._admit()
        if self._monitor in ready:
            self._count_refusals()

    def receive(self) -> Iterator[tuple[bytes, ToServer, list[Buffer]]]:
        """Yield messages with their peers and buffers; answer malformed ones and drop them."""
        for _ in range(MAX_BATCH):
            try:
                peer, *frames = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message, buffers = decode_at_server(frames)
            except MessageError as error:
                note(log, logging.WARNING, "malformed", peer=peer.hex(), error=error)
                self.send(peer, refusal(UNREADABLE, error))
                continue
            yield peer, message, buffers

    def send(self, peer: bytes, message: FromServer, buffers: Sequence[Buffer] = ()) -> None:
        """Send a message; one that cannot leave is dropped, since peers ask again."""
        try:
            self._router.send_multipart([peer, *encode(message, buffers)], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            log.debug("unsent to=%s %s", peer.hex(), error)

    def send_content(self, peer: bytes, message: FromServer, content: Buffer) -> zmq.MessageTracker | None:
        """Send a message whose buffer is not copied.

        Returns
        -------
        zmq.MessageTracker or None
            Says when the buffer is not needed any more; None if the message cannot leave.
        """
        try:
            frames = [peer, *encode(message, [content])]
            return self._router.send_multipart(frames, zmq.NOBLOCK, copy=False, track=True)
        except zmq.ZMQError as error:
            log.debug("unsent to=%s %s", peer.hex(), error)
            return None

    def close(self) -> None:
        """Close the socket."""
        self._router.disable_monitor()
        self._monitor.close(linger=0)
        self._context.destroy(linger=200)

    def _admit(self) -> None:
        """Answer libzmq's request (ZeroMQ RFC 27) to authenticate a peer."""
        while self._authenticator.poll(0):
            version, request, _domain, address, _identity, mechanism, *credentials = (
                self._authenticator.recv_multipart()
            )
            is_known = mechanism == b"CURVE" and credentials == [zmq.utils.z85.decode(self._keys.client.public)]
            if not is_known:
                note(log, logging.INFO, "stranger", address=address.decode("ascii", "replace"))
            status = (b"200", b"OK") if is_known else (b"400", b"no such key")
            self._authenticator.send_multipart([version, request, *status, b"", b""])

    def _count_refusals(self) -> None:
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            self.n_refused += 1
            if self.n_refused <= _LOGGED_EACH or self.n_refused % _LOGGED_EVERY == 0:
                note(log, logging.WARNING, "refused", n=self.n_refused)
