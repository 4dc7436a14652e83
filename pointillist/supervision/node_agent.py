"""The workers of one machine in their cluster: finding their server, and another one when it is lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pointillist.errors import KeyRefusedError, ServerError
from pointillist.pipeline_protocol import Client
from pointillist.pipeline_protocol.discovery import (
    ANY_PORT,
    LOOPBACK,
    Announcement,
    ServerLocation,
    endpoint,
    server_file,
)
from pointillist.pipeline_protocol.messages import Pong
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.supervision.process_supervisor import WORKER_COMMAND, ProcessSupervisor

_PAUSE_S = 0.5
_ANSWER_S = 1.5
_LOST_S = 3.0
"""A server that is silent for this time, s, is looked for elsewhere."""

_FAILOVER_S = 15.0
"""A server that is not found for this time, s, is replaced; one that is started again is back much earlier."""


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """Options of ``launch-workers``.

    Parameters
    ----------
    n_workers
        Number of workers, from 0.
    location
        Places where the server is looked for.
    may_serve
        Whether to start a server if there is none.
    allowed
        Folders that the cluster may read, and the server write to, besides PYME's data directory.
    worker_command
        Arguments of the interpreter for a worker, before the server's address.
    """

    n_workers: int
    location: ServerLocation
    may_serve: bool = True
    allowed: tuple[Path, ...] = ()
    worker_command: tuple[str, ...] = WORKER_COMMAND


class NodeAgent:
    """The connection of a supervisor with the server of its cluster.

    Parameters
    ----------
    plan
        Number of workers, and where they find or start their server.
    keys
        Keys of the cluster.
    supervisor
        Supervisor of the processes of this machine.
    on_message
        Function that shows a line to the user.
    """

    def __init__(
        self, plan: LaunchPlan, keys: ClusterKeys, supervisor: ProcessSupervisor, on_message: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._location = plan.location
        self._keys = keys
        self._supervisor = supervisor
        self._on_message = on_message
        self._client: Client | None = None
        self._announcement: Announcement | None = None
        self._answered_at = self._tried_at = time.monotonic()
        self._is_lost = False

    def join(self) -> str:
        """Find the server, start it, or wait for it; return its address.

        Raises
        ------
        ServerError
            If it cannot be started.
        """
        address = self._location.find()
        if address is None and self._may_serve:
            address = self._start_server()
        if address is None:
            self._on_message("waiting for a server")
        while address is None:
            time.sleep(_PAUSE_S)
            address = self._location.find()
        self._use_server(address)
        return address

    def check_server(self) -> None:
        """Report to the server; if it does not answer, find it again or replace it.

        Raises
        ------
        KeyRefusedError
            If it has another key.
        PointillistError
            If the processes cannot be kept alive.
        """
        if self._client is None:
            return
        self._supervisor.check()
        try:
            pong = self._client.report(
                socket.gethostname(), os.getpid(), self._plan.n_workers, self._supervisor.troubles
            )
        except KeyRefusedError:
            raise
        except ServerError:
            self._supervisor.check()
            self._find_again(time.monotonic())
            return
        self._on_pong(pong)

    def close(self) -> None:
        """Close the connection."""
        self._withdraw()
        if self._client is not None:
            self._client.close()

    @property
    def _may_serve(self) -> bool:
        return self._plan.may_serve and self._location.server is None

    def _start_server(self) -> str:
        """Start a server here; of two that are started on one machine at once, use the first."""
        self._withdraw()
        interface, cluster = self._location.interface, self._location.cluster
        file = server_file(cluster)
        options = ["--announce", str(file), "--state", str(file.with_suffix(".journals")), "--cluster", cluster]
        if interface is not None:
            options += ["--on", ",".join(interface.addresses)]
        first, *others = interface.endpoints if interface else [endpoint(LOOPBACK, ANY_PORT)]
        try:
            return self._supervisor.start_server(first, options, others)
        except ServerError:
            address = self._location.local
            if address is None:
                raise
            return address

    def _on_pong(self, pong: Pong) -> None:
        """Record that the server lives; follow it to the leader that it names, once it has no jobs left."""
        self._answered_at = time.monotonic()
        if self._is_lost:
            self._is_lost = False
            self._on_message(f"the server at {self._address} is back")
        if pong.leader is not None and not pong.n_jobs:
            self._use_server(pong.leader)
        elif not self._supervisor.has_server and self._announcement is None:
            self._publish()

    def _find_again(self, now: float) -> None:
        """Look for a server that is silent."""
        silence_s = now - self._answered_at
        if silence_s < _LOST_S:
            return
        if not self._is_lost:
            self._is_lost = True
            self._on_message(f"the server at {self._address} does not answer; the workers are waiting for it")
        self._withdraw()
        address = self._location.local if self._supervisor.has_server else self._location.find()
        if address is None and silence_s > _FAILOVER_S and self._may_serve and now - self._tried_at > _FAILOVER_S:
            self._tried_at = now
            try:
                address = self._start_server()
            except ServerError as error:
                self._on_message(str(error))
        if address is not None:
            self._use_server(address)

    def _use_server(self, address: str) -> None:
        """Have the workers, and this agent, use the server at an address."""
        if self._client is None:
            self._client = Client(address, self._keys, timeout_s=_ANSWER_S, check=self._supervisor.check)
        elif address == self._address:
            return
        else:
            self._withdraw()
            self._client.move(address)
            self._supervisor.move(address)
            self._is_lost = False
        self._answered_at = time.monotonic()
        self._on_message(f"server at {address}")

    @property
    def _address(self) -> str:
        return self._client.address if self._client is not None else ""

    def _publish(self) -> None:
        """Write the address where commands of this machine find the server at once."""
        try:
            self._announcement = Announcement(server_file(self._location.cluster))
        except ServerError:
            return  # another process does that
        self._announcement.publish(self._address)

    def _withdraw(self) -> None:
        if self._announcement is not None:
            self._announcement.close()
            self._announcement = None
