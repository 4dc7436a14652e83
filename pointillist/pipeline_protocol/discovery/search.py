"""Finding the server of a cluster: where the user says, on this machine, then on the network."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from typing import Self

from pointillist.errors import PointillistError
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.discovery.addresses import Interface
from pointillist.pipeline_protocol.discovery.local import DEFAULT_CLUSTER, find_server, server_file
from pointillist.pipeline_protocol.discovery.network import Browser, DiscoveredServer, browsing_addresses, fingerprint
from pointillist.pipeline_protocol.discovery.reachability import known_address
from pointillist.pipeline_protocol.messages import PROTOCOL_VERSION, Pong
from pointillist.pipeline_protocol.security import ClusterKeys, existing_keys, is_key_shared

_FIND_S = 1.5
"""Time for which a server is looked for, s; most answer within a tenth of it."""

_BACKGROUND_S = 10.0
PROBE_S = 1.0
"""Time for an announced server to show that it lives and has the key, s."""


@dataclass(frozen=True, kw_only=True)
class ServerLocation:
    """Where the server of a cluster is looked for.

    Parameters
    ----------
    cluster
        Name of the cluster.
    server
        Address that the user gave; then the server is looked for nowhere else.
    interface
        Network to look on; None for all of this machine's.
    """

    cluster: str = DEFAULT_CLUSTER
    server: str | None = None
    interface: Interface | None = None

    @property
    def networks(self) -> list[str]:
        """The addresses of this machine on the networks to look on."""
        return browsing_addresses(self.interface.addresses if self.interface else ())

    @property
    def local(self) -> str | None:
        """Address that the user gave, or that of a server on this machine; None if there is neither."""
        return self.server or find_server(server_file(self.cluster))

    def checked(self) -> Self:
        """Return the location, with an address that can be connected to.

        Raises
        ------
        ServerError
            If the user gave a host that nobody knows.
        """
        return self if self.server is None else replace(self, server=known_address(self.server))

    def find(self) -> str | None:
        """Return the address of the server, None if it is not found within a second or two."""
        with Search(self, _FIND_S) as search:
            return search.wait(_FIND_S)


def probe(server: DiscoveredServer, cluster: str, keys: ClusterKeys) -> Pong | None:
    """Return what a server that is announced answers; None if it is not of the cluster, or does not prove it.

    Parameters
    ----------
    server
        Announced server; it is not contacted if its cluster, key or version is another.
    cluster, keys
        Name and keys of the cluster that it has to belong to.
    """
    if (server.cluster, server.fingerprint) != (cluster, fingerprint(keys)) or server.version != PROTOCOL_VERSION:
        return None
    with contextlib.suppress(PointillistError), Client(server.address, keys, timeout_s=PROBE_S) as client:
        pong = client.ping()
        return pong if pong.cluster == cluster else None
    return None


class Search:
    """Looks for a server on the network, in the background, from its creation on.

    The network is left alone if the location is known, or if no other machine can have this user's key.

    Parameters
    ----------
    location
        Cluster and networks to look on.
    seconds
        Duration of the search, s.

    Attributes
    ----------
    is_on_network
        Whether the network is searched.
    """

    def __init__(self, location: ServerLocation, seconds: float = _BACKGROUND_S) -> None:
        self.location = location
        self.is_on_network = location.local is None and is_worthwhile()
        self._seconds = seconds
        self._found: str | None = None
        self._is_probing = False
        self._is_over = threading.Event()
        if self.is_on_network:
            threading.Thread(target=self._run, name="search", daemon=True).start()
        else:
            self._is_over.set()

    def wait(self, seconds: float) -> str | None:
        """Return the address of a server, None if none is found.

        Parameters
        ----------
        seconds
            Longest time to wait, s; :data:`PROBE_S` more while an announced server is checked.
        """
        if not self._is_over.wait(seconds) and self._is_probing:
            self._is_over.wait(PROBE_S)
        return self.location.local or self._found

    def close(self) -> None:
        """Stop looking."""
        self._is_over.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with contextlib.suppress(PointillistError):
            keys = existing_keys()
            with Browser(self.location.networks) as browser:
                for server in browser.servers(self._seconds, self._is_over):
                    self._is_probing = True
                    pong = probe(server, self.location.cluster, keys)
                    self._is_probing = False
                    if pong is not None:
                        self._found = pong.leader or server.address
                        break
        self._is_over.set()


def is_worthwhile() -> bool:
    """Say whether a server on another machine could have this user's key."""
    try:
        return is_key_shared()
    except PointillistError:
        return False
