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

_LOOK_S = 1.5
_GOODBYE_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_N_SILENCES = 3
"""A leader that stays silent so often in a row leads no longer."""


@dataclass(frozen=True, kw_only=True)
class Priority:
    """What decides which server of a cluster leads: the least.

    Parameters
    ----------
    is_hidden
        Whether it listens on its own machine alone, where others do not see it.
    epoch
        When it started, µs.
    server
        Its name; of two that started in the same microsecond.
    """

    is_hidden: bool
    epoch: int
    server: str

    def yields_to(self, rival: Pong) -> bool:
        """Say whether a server of this rank ends for one that was seen on the network."""
        other = Priority(is_hidden=False, epoch=rival.epoch, server=rival.server)
        return (other.is_hidden, other.epoch, other.server) < (self.is_hidden, self.epoch, self.server)


class LeaderElection:
    """Announces a server and watches for others, in a thread.

    Parameters
    ----------
    cluster, keys
        Of the server.
    interface
        The network that it listens on; None for this machine alone, and then it is not announced.
    port
        Where it listens.
    rank
        Of the server.
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
        rank: Priority,
        wake: Callable[[], None],
    ) -> None:
        self.leader: str | None = None
        self._place = ServerLocation(cluster=cluster, interface=interface)
        self._keys = keys
        self._port = port
        self._rank = rank
        self._wake = wake
        self._beacon: Advertiser | None = None
        self._followed: DiscoveredServer | None = None
        self._n_silences = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the announcement back."""
        self._is_over.set()
        self._thread.join(_GOODBYE_S)
        if self._beacon is not None:
            self._beacon.close()

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
        interface = self._place.interface
        if interface is None or self._beacon is not None:
            return
        self._beacon = Advertiser(interface.addresses, self._port, self._place.cluster, self._rank.server, self._keys)
        note(
            log, logging.INFO, "announced", cluster=self._place.cluster, addresses=interface.addresses, port=self._port
        )

    def _watch(self) -> None:
        """Look for a server that this one yields to."""
        if not is_worthwhile():
            return
        with Browser(self._place.networks) as browser:
            for server in browser.servers(_LOOK_S, self._is_over):
                if server.server == self._rank.server:
                    continue
                rival = probe(server, self._place.cluster, self._keys)
                if rival is not None and rival.leader is None and self._rank.yields_to(rival):
                    note(log, logging.WARNING, "led", address=server.address, server=rival.server)
                    self._followed, self._n_silences, self.leader = server, 0, server.address
                    self._wake()
                    return

    def _follow(self, server: DiscoveredServer) -> None:
        """Make sure that the leader still leads; it may die before this server has done its last job."""
        is_there = probe(server, self._place.cluster, self._keys) is not None
        self._n_silences = 0 if is_there else self._n_silences + 1
        if self._n_silences >= _N_SILENCES:
            note(log, logging.WARNING, "leader gone", address=server.address)
            self._followed = self.leader = None
