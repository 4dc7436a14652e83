"""ZeroMQ sockets as this protocol uses them: CURVE always, bounded, and quick to notice a broken connection."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNIX, socket as plain_socket

import zmq

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.messages import MAX_BUFFER_BYTES
from pointillist.pipeline_protocol.security import ClusterKeys

_QUEUE_LENGTH = 1000
_PROBE_S, _N_PROBES = 1, 3
"""Silence after which the system probes its peer, s, and number of probes before the connection counts as broken."""

_RECONNECT_MS = 50
_MAX_RECONNECT_MS = 1000
_GREETING, _GREETING_S = b"\xff", 0.5


def connect_dealer(context: zmq.Context[zmq.Socket[bytes]], address: str, keys: ClusterKeys) -> zmq.Socket[bytes]:
    """Return the socket of a worker or client; it connects, and reconnects, by itself."""
    socket = context.socket(zmq.DEALER)
    _configure(socket)
    socket.curve_publickey, socket.curve_secretkey = keys.client.public, keys.client.secret
    socket.curve_serverkey = keys.server.public
    socket.reconnect_ivl, socket.reconnect_ivl_max = _RECONNECT_MS, _MAX_RECONNECT_MS
    reconnect(socket, None, address)
    return socket


def reconnect(socket: zmq.Socket[bytes], before: str | None, address: str) -> None:
    """Connect a dealer to another address than before.

    Raises
    ------
    ServerError
        If it is no address.
    """
    if before == address:
        return
    try:
        socket.ipv6 = _is_ipv6(address)
        socket.connect(address)
    except zmq.ZMQError as error:
        raise ServerError(address, f"is not an address of a server ({error})", "write HOST:PORT") from error
    if before is not None:
        socket.disconnect(before)


def is_greeting(address: str) -> bool:
    """Say whether ZeroMQ listens at an address: it greets who connects, before it knows anything of keys."""
    transport, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    family = AF_UNIX if transport == "ipc" else AF_INET6 if _is_ipv6(address) else AF_INET
    try:
        with plain_socket(family) as peer:
            peer.settimeout(_GREETING_S)
            peer.connect(place if family == AF_UNIX else (host.strip("[]"), int(port)))
            return peer.recv(1) == _GREETING
    except OSError:
        return False


def bind_router(context: zmq.Context[zmq.Socket[bytes]], address: str, keys: ClusterKeys) -> zmq.Socket[bytes]:
    """Return the server's socket, bound.

    Raises
    ------
    zmq.ZMQError
        If the address is taken or does not exist.
    """
    socket = context.socket(zmq.ROUTER)
    _configure(socket)
    socket.curve_server = True
    socket.curve_publickey, socket.curve_secretkey = keys.server.public, keys.server.secret
    socket.zap_domain = b"pointillist"
    socket.router_mandatory = True
    socket.ipv6 = _is_ipv6(address)
    socket.bind(address)
    return socket


def _is_ipv6(address: str) -> bool:
    return address.startswith("tcp://[")


def _configure(socket: zmq.Socket[bytes]) -> None:
    socket.linger = 0
    socket.sndhwm = socket.rcvhwm = _QUEUE_LENGTH
    socket.maxmsgsize = MAX_BUFFER_BYTES
    # Not libzmq's heartbeats: they abort the process where a peer leaves that had filled its queue (libzmq 4.3.5).
    socket.tcp_keepalive, socket.tcp_keepalive_cnt = 1, _N_PROBES
    socket.tcp_keepalive_idle = socket.tcp_keepalive_intvl = _PROBE_S
    socket.tcp_maxrt = 1000 * _PROBE_S * _N_PROBES  # data in flight keeps the system from probing
