"""Engines: what runs the workers of a job, which are processes of this run, of a cluster, or of Dask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.discovery import ServerLocation
    from pointillist.supervision import OnMessage

EngineName: TypeAlias = Literal["auto", "local", "cluster", "dask"]
"""Name of an engine."""

_SEARCH_S = 2.0
"""Time to search for a server, s; a run without a cluster loses it. Most networks answer within 0.13 s, but a run that
overlooks its cluster loses far more."""

_PATIENT_SEARCH_S = 10.0
"""Time to search for a server if one is required, s."""

_ABSENCE_S = 45.0
"""Longest absence of a server until it is back, or replaced by another machine's, s."""

_PATIENCE_S = 1800.0
"""Longest time for a server to check a movie and read the journal of an earlier run, which can be large, s."""


def _default_location() -> ServerLocation:
    from pointillist.api.locations import server_location

    return server_location()


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """The engine that a user chose.

    Parameters
    ----------
    name
        ``cluster`` for the workers of launch-workers, ``local`` for those of this run, ``auto`` for the former if
        there are any, ``dask`` an existing Dask cluster.
    location
        Location of the cluster's server; by default from the environment.
    scheduler
        Address of the Dask scheduler; None without Dask.
    n_workers
        Number of worker processes to start; None for one per core.
    is_mixed
        Whether workers whose last digits differ may share a job.

    Examples
    --------
    >>> from pointillist import EngineChoice
    >>> EngineChoice(name="dask", scheduler="tcp://head-node:8786").name
    'dask'
    """

    name: EngineName = "auto"
    location: ServerLocation = field(default_factory=_default_location)
    scheduler: str | None = None
    n_workers: int | None = None
    is_mixed: bool = False


class Engine:
    """An engine, whose server is searched for while the movie is prepared.

    Parameters
    ----------
    choice
        Engine that the user chose.
    on_message
        Function that shows a line to the user.

    Raises
    ------
    ServerError
        If the user named a server on an unknown host.
    """

    def __init__(self, choice: EngineChoice, on_message: OnMessage) -> None:
        from pointillist.pipeline_protocol.discovery import Search

        is_cluster = choice.name in {"auto", "cluster"}
        self._choice = replace(choice, location=choice.location.checked()) if is_cluster else choice
        self._on_message = on_message
        self._search = Search(self._choice.location) if is_cluster else None

    @property
    def is_mixed(self) -> bool:
        """Whether workers whose last digits differ may share a job."""
        return self._choice.is_mixed

    @contextmanager
    def running(self) -> Iterator[tuple[Client, bool]]:
        """Yield a client of the server, and whether it is one of this run's own.

        Raises
        ------
        ServerError
            If there is none.
        """
        address = self._address()
        if address is not None:
            with self._cluster(address) as client:
                yield client, False
            return
        if self._choice.scheduler is not None:
            from pointillist.pipeline_worker.dask import dask_engine

            own = dask_engine(self._choice.scheduler, self._on_message)
        else:
            from pointillist.supervision import default_workers, embedded

            own = embedded(self._choice.n_workers or default_workers(), self._on_message)
        with own as client:
            client.patience_s = _PATIENCE_S
            yield client, True

    def _address(self) -> str | None:
        """Return the address of the cluster's server; None if there is none, or if it is not to be used."""
        from pointillist.errors import ServerError

        if self._search is None:
            return None
        is_wanted = self._choice.name == "cluster"
        with self._search as search:
            address = search.wait(_PATIENT_SEARCH_S if is_wanted else _SEARCH_S)
        if address is None and is_wanted:
            raise ServerError("cluster", "no server was found", "start launch-workers, or give --server HOST")
        if address is None and search.is_on_network:
            self._on_message(
                "note: no server was found: the job runs on this machine alone; name a server with --server HOST"
            )
        return address

    @contextmanager
    def _cluster(self, address: str) -> Iterator[Client]:
        from pointillist.pipeline_protocol import Client
        from pointillist.pipeline_protocol.discovery import check_listening
        from pointillist.pipeline_protocol.security import existing_keys
        from pointillist.supervision import terminable

        if self._choice.location.server is not None:
            check_listening(address)
        with terminable(), Client(address, existing_keys(), locate=self._choice.location.find) as client:
            pong = client.ping()
            self._on_message(f"using the server at {address}, with {pong.n_workers} workers")
            if self._choice.n_workers:
                self._on_message("note: --workers has no effect: the workers of launch-workers are used")
            settle_patience(client)
            client.tell = self._on_message
            yield client


def settle_patience(client: Client) -> None:
    """Make a client wait for a server of a cluster as long as a whole analysis may need it to."""
    client.timeout_s, client.patience_s = _ABSENCE_S, _PATIENCE_S
