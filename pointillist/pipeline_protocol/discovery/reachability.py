"""Whether there can be a server at an address that a user gave, before anybody waits for its answer."""

from __future__ import annotations

import errno
import os
import socket
import time

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery.addresses import endpoint

_CONNECT_S = 1.0
_RESTART_S = 2.0
"""Time for which a port may refuse, s: a server that is started again is back within it."""

_PAUSE_S = 0.1
_NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


def known_address(address: str) -> str:
    """Return an address as ZeroMQ finds it: a name that has an IPv6 address alone is replaced by that.

    Parameters
    ----------
    address
        Address ``tcp://HOST:PORT``; any other is returned as it is.

    Raises
    ------
    ServerError
        If nobody knows the host.
    """
    found = _host_and_port(address)
    if found is None:
        return address
    host, port = found
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a label that is too long for a name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a host name"
        problem = f"unknown host ({reason.lower()})"
        raise ServerError(host, problem, "check its spelling, or give its IP address, such as 192.168.1.20") from error
    families = {family for family, *_ in places}
    if ":" not in host and families == {socket.AF_INET6}:
        return endpoint(str(places[0][4][0]), port)
    return address


def check_listening(address: str) -> None:
    """Check that a server listens at an address, as far as that can be told at once.

    Raises
    ------
    ServerError
        If the port is closed for some seconds, or no way leads to the host. A host that is silent may be slow.
    """
    found = _host_and_port(address)
    deadline = time.monotonic() + _RESTART_S
    while found is not None:
        try:
            socket.create_connection(found, _CONNECT_S).close()
        except ConnectionRefusedError as error:
            if time.monotonic() > deadline:
                raise ServerError(
                    address,
                    "no server listens there (connection refused)",
                    "start launch-workers there, with --interface for other machines, or check the port",
                ) from error
            time.sleep(_PAUSE_S)
            continue
        except OSError as error:
            if error.errno in _NO_WAY:
                problem = f"cannot be reached ({os.strerror(error.errno).lower()})"
                raise ServerError(address, problem, "check the address and the network") from error
        return


def _host_and_port(address: str) -> tuple[str, int] | None:
    transport, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    return (host.strip("[]"), int(port)) if transport == "tcp" and port.isdigit() else None
