"""The server's socket: only who has the cluster key comes in."""

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
"""The gatekeeper's, and libzmq's own: a peer that takes this server for one with another key does not get as far."""

_LOGGED_EACH = 10
_LOGGED_EVERY = 1000


class ServerSocket:
    """A bound ROUTER with its gatekeeper.

    Parameters
    ----------
    address
        ``ipc://path``, ``tcp://host:port`` or, for any free port, ``tcp://host:*``.
    keys
        Of the cluster.
    wake_fds
        Descriptors that end a wait as well.

    Attributes
    ----------
    address
        Where it really is.
    n_refused
        Connections of peers without the key, so far; such peers try again and again.

    Raises
    ------
    ServerError
        If the address is taken or does not exist.
    """

    def __init__(self, address: str, keys: ClusterKeys, wake_fds: Sequence[int] = ()) -> None:
        self.n_refused = 0
        self._keys = keys
        self._context = zmq.Context()
        # The gatekeeper must be there before the first peer: libzmq lets everybody in without one.
        self._gate = self._context.socket(zmq.REP)
        self._gate.linger = 0
        self._gate.bind("inproc://zeromq.zap.01")
        try:
            self._router = bind_router(self._context, address, keys)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise ServerError(address, f"the server cannot listen ({error})", "choose another address") from error
        self.address = self._router.get_string(zmq.LAST_ENDPOINT)
        self._monitor = self._router.get_monitor_socket(_REFUSALS)
        self._poller = zmq.Poller()
        for source in (self._router, self._gate, self._monitor, *wake_fds):
            self._poller.register(source, zmq.POLLIN)

    def wait(self, seconds: float) -> None:
        """Wait for a message, not longer than some time; let peers in meanwhile."""
        ready = dict(self._poller.poll(int(1e3 * seconds)))
        if self._gate in ready:
            self._admit()
        if self._monitor in ready:
            self._count_refusals()

    def receive(self) -> Iterator[tuple[bytes, ToServer, list[Buffer]]]:
        """Yield what has come, with the peer that it came from; answer nonsense and drop it."""
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

    def send_content(self, peer: bytes, message: FromServer, content: bytes) -> zmq.MessageTracker | None:
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
        """Let go of the address."""
        self._router.disable_monitor()
        self._monitor.close(linger=0)
        self._context.destroy(linger=200)

    def _admit(self) -> None:
        """Answer libzmq's question (RFC 27) whether a peer may come in."""
        while self._gate.poll(0):
            version, request, _domain, address, _identity, mechanism, *credentials = self._gate.recv_multipart()
            is_known = mechanism == b"CURVE" and credentials == [zmq.utils.z85.decode(self._keys.client.public)]
            if not is_known:
                note(log, logging.INFO, "stranger", address=address.decode("ascii", "replace"))
            status = (b"200", b"OK") if is_known else (b"400", b"no such key")
            self._gate.send_multipart([version, request, *status, b"", b""])

    def _count_refusals(self) -> None:
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            self.n_refused += 1
            if self.n_refused <= _LOGGED_EACH or self.n_refused % _LOGGED_EVERY == 0:
                note(log, logging.WARNING, "refused", n=self.n_refused)
