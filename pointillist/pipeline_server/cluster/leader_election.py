"""How a server is found on its network, and how the servers of one cluster become one.

Two machines that start at the same time, or a network that is joined again, can have two servers. Each looks for
others now and then; of two that prove to each other that they have the key, the one that has been there longer
leads. The other one takes no more jobs, finishes those that it has, and ends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery import (
    Advertiser,
    Browser,
    DiscoveredServer,
    Interface,
    ServerLocation,
    is_worthwhile,
    probe,
)
from pointillist.pipeline_protocol.messages import Pong
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.system import note

log = logging.getLogger("pointillist.server")

_SEARCH_S = 1.5
_GOODBYE_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_N_SILENCES = 3
"""A leader that stays silent so often in a row leads no longer."""


@dataclass(frozen=True, kw_only=True)
class Priority:
    """The order in which the servers of a cluster lead: the least one leads.

    Parameters
    ----------
    is_hidden
        Whether it listens on its own machine alone, where others do not see it.
    epoch
        Starting time, µs since 1970.
    server
        Unique name; decides between two that started in the same microsecond.
    """

    is_hidden: bool
    epoch: int
    server: str

    def yields_to(self, other: Pong) -> bool:
        """Whether a server of this priority ends in favour of one that was seen on the network."""
        theirs = Priority(is_hidden=False, epoch=other.epoch, server=other.server)
        return (theirs.is_hidden, theirs.epoch, theirs.server) < (self.is_hidden, self.epoch, self.server)


class LeaderElection:
    """Announces a server and watches for others, in a thread.

    Parameters
    ----------
    cluster, keys
        Name and keys of the cluster.
    interface
        The network that it listens on; None for this machine alone, and then it is not announced.
    port
        TCP port of the server.
    priority
        Priority of this server.
    wake
        Called, by the thread, once there is a leader.

    Attributes
    ----------
    leader
        The address of the server that leads the cluster; None if it is this one.
    """

    def __init__(  # noqa: PLR0913 - they are what a server is
        self,
        *,
        cluster: str,
        keys: ClusterKeys,
        interface: Interface | None,
        port: int,
        priority: Priority,
        wake: Callable[[], None],
    ) -> None:
        self.leader: str | None = None
        self._location = ServerLocation(cluster=cluster, interface=interface)
        self._keys = keys
        self._port = port
        self._priority = priority
        self._wake = wake
        self._advertiser: Advertiser | None = None
        self._followed: DiscoveredServer | None = None
        self._n_silences = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the announcement."""
        self._is_over.set()
        self._thread.join(_GOODBYE_S)
        if self._advertiser is not None:
            self._advertiser.close()

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._is_over.is_set():
            try:
                self._announce()
                if self._followed is None:
                    self._watch()
                else:
                    self._follow(self._followed)
            except ServerError as error:  # the network may come later
                note(log, logging.WARNING, "network", error=error)
            except Exception:
                log.exception("network")
            self._is_over.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _announce(self) -> None:
        interface = self._location.interface
        if interface is None or self._advertiser is not None:
            return
        self._advertiser = Advertiser(
            interface.addresses, self._port, self._location.cluster, self._priority.server, self._keys
        )
        note(
            log,
            logging.INFO,
            "announced",
            cluster=self._location.cluster,
            addresses=interface.addresses,
            port=self._port,
        )

    def _watch(self) -> None:
        """Search for a server that this one yields to."""
        if not is_worthwhile():
            return
        with Browser(self._location.networks) as browser:
            for server in browser.servers(_SEARCH_S, self._is_over):
                if server.server == self._priority.server:
                    continue
                other = probe(server, self._location.cluster, self._keys)
                if other is not None and other.leader is None and self._priority.yields_to(other):
                    note(log, logging.WARNING, "led", address=server.address, server=other.server)
                    self._followed, self._n_silences, self.leader = server, 0, server.address
                    self._wake()
                    return

    def _follow(self, server: DiscoveredServer) -> None:
        """Check that the leader still leads; it may die before this server has done its last job."""
        is_there = probe(server, self._location.cluster, self._keys) is not None
        self._n_silences = 0 if is_there else self._n_silences + 1
        if self._n_silences >= _N_SILENCES:
            note(log, logging.WARNING, "leader gone", address=server.address)
            self._followed = self.leader = None
