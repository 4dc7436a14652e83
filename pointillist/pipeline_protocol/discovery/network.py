"""Servers announced over zeroconf (mDNS), and how to announce one.

An announcement is a hint, which anyone on the network can forge: it says where to connect. Whether a server lives
there, and has the cluster key, shows when it answers.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Self

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery.addresses import LOOPBACK, adapter_addresses, endpoint, nearest
from pointillist.pipeline_protocol.messages import PROTOCOL_VERSION
from pointillist.pipeline_protocol.security import ClusterKeys

if TYPE_CHECKING:
    from zeroconf import ServiceInfo, Zeroconf

log = logging.getLogger("pointillist.discovery")

SERVICE = "_pointillist._tcp.local."

_ASK_MS = 500
"""Time for a responder that has announced a name to tell the rest, ms."""

_POLL_S = 0.25
_MAX_TEXT = 63


@dataclass(frozen=True, kw_only=True)
class DiscoveredServer:
    """A server that is announced.

    Parameters
    ----------
    address
        Address that this machine reaches it by.
    cluster, server, host, version
        Name of the cluster, of the server and of its machine, and version of the protocol, as announced.
    fingerprint
        Fingerprint of the cluster key, as announced.
    """

    address: str
    cluster: str
    server: str
    host: str
    version: int
    fingerprint: str


def fingerprint(keys: ClusterKeys) -> str:
    """Return a digest of a cluster key, which does not tell strangers the public key that a connection needs."""
    return blake2b(keys.server.public, digest_size=16, person=b"pointillist-fp").hexdigest()


class Browser:
    """Looks for servers from its creation on, with an empty cache: only running servers answer.

    Parameters
    ----------
    addresses
        Addresses of this machine on the networks to look on.

    Raises
    ------
    ServerError
        If none of these networks can be used.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        from zeroconf import ServiceBrowser  # noqa: PLC0415 - most commands need no network

        self._own = list(addresses)
        self._zeroconf = open_zeroconf(self._own)
        self._names: set[str] = set()
        self._fresh = threading.Condition()
        self._n_events = 0
        ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._on_change])

    def servers(self, seconds: float, is_over: threading.Event | None = None) -> Iterator[DiscoveredServer]:
        """Yield servers as they are seen or changed, for some seconds or until it is over."""
        deadline = time.monotonic() + seconds
        told: dict[str, DiscoveredServer] = {}
        n_seen = -1
        while (left := deadline - time.monotonic()) > 0 and not (is_over and is_over.is_set()):
            with self._fresh:
                if self._n_events == n_seen:
                    self._fresh.wait(min(left, _POLL_S))
                n_seen, names = self._n_events, sorted(self._names)
            for name in names:
                seen = self._resolve(name)
                if seen is not None and told.get(name) != seen:
                    told[name] = seen
                    yield seen

    def close(self) -> None:
        """Stop looking."""
        self._zeroconf.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_change(self, zeroconf: object, service_type: str, name: str, state_change: object) -> None:
        del zeroconf, service_type, state_change  # a change of any kind is a reason to resolve the name again
        with self._fresh:
            self._names.add(name)
            self._n_events += 1
            self._fresh.notify_all()

    def _resolve(self, name: str) -> DiscoveredServer | None:
        from zeroconf import Error, ServiceInfo  # noqa: PLC0415

        try:
            info = ServiceInfo(SERVICE, name)
            is_known = info.load_from_cache(self._zeroconf) or info.request(self._zeroconf, _ASK_MS)
        except Error as error:  # no valid name, or the network has gone
            log.debug("announcement name=%s %r", name, error)
            return None
        return _parse_announcement(info, self._own) if is_known else None


class Advertiser:
    """The announcement of a server; making it takes about two seconds, since names are probed for.

    Parameters
    ----------
    addresses, port
        Addresses of this machine on the networks to announce the server on, and port of the server.
    cluster, server, keys
        Name of the cluster and of the server, and keys of the cluster.

    Raises
    ------
    ServerError
        If none of these networks can be used.
    """

    def __init__(self, addresses: Sequence[str], port: int, cluster: str, server: str, keys: ClusterKeys) -> None:
        from zeroconf import Error, ServiceInfo  # noqa: PLC0415

        self._zeroconf = open_zeroconf(addresses)
        host = socket.gethostname()[:_MAX_TEXT]
        info = ServiceInfo(
            SERVICE,
            f"{server}.{SERVICE}",
            port=port,
            properties={
                "cluster": cluster,
                "server": server,
                "host": host,
                "version": str(PROTOCOL_VERSION),
                "key": fingerprint(keys),
            },
            # A host of its own for each server: others on this machine may be announced with other addresses.
            server=f"{server}.local.",
            parsed_addresses=list(addresses),
        )
        try:
            self._zeroconf.register_service(info)
        except (Error, OSError) as error:
            self.close()
            raise ServerError("network", f"the server cannot be announced ({error!r})", "use --server there") from error

    def close(self) -> None:
        """Withdraw the announcement."""
        self._zeroconf.close()


def browsing_addresses(addresses: Iterable[str] = ()) -> list[str]:
    """Return the networks of this machine to look on: the given ones, else all but the loopback."""
    own = [address for found in adapter_addresses().values() for address in found if ":" not in address]
    return list(addresses) or [address for address in own if address != LOOPBACK] or [LOOPBACK]


def open_zeroconf(addresses: Sequence[str]) -> Zeroconf:
    """Open zeroconf on the networks of this machine that have these addresses.

    Raises
    ------
    ServerError
        If none of them can be used.
    """
    from zeroconf import Zeroconf  # noqa: PLC0415

    try:
        return Zeroconf(interfaces=list(addresses))
    except (OSError, ValueError, RuntimeError) as error:
        shown = ", ".join(addresses)
        raise ServerError(shown, f"no network for discovery ({error})", "name the server with --server") from error


def _parse_announcement(info: ServiceInfo, own: Sequence[str]) -> DiscoveredServer | None:
    address = nearest(info.parsed_addresses(), own)
    said: dict[str, str] = {}
    for key, value in info.properties.items():
        with contextlib.suppress(UnicodeDecodeError):
            said[key.decode("ascii")] = (value or b"").decode("utf-8")
    if address is None or not info.port or not all(text.isprintable() for text in said.values()):
        return None
    try:
        return DiscoveredServer(
            address=endpoint(address, info.port),
            cluster=said["cluster"],
            server=said["server"],
            host=said["host"],
            version=int(said["version"]),
            fingerprint=said["key"],
        )
    except (KeyError, ValueError):
        log.debug("announcement without meaning name=%s", info.name)
        return None
