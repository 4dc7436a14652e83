"""Engines: what runs the workers of a job, which are processes of this run, of a cluster, or of Dask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.discovery import ServerLocation

EngineName = Literal["auto", "local", "cluster", "dask"]

_SEARCH_S = 2.0
"""Time to search for a server, s; a run without a cluster loses it. Most networks answer within 0.13 s, but a run that
overlooks its cluster loses far more."""

_PATIENT_SEARCH_S = 10.0
"""Time to search for a server if one is required, s."""

_ABSENCE_S = 45.0
"""Longest absence of a server until it is back, or replaced by another machine's, s."""


_PATIENCE_S = 1800.0
"""Longest time for a server to check a movie and read the journal of an earlier run, which can be large, s."""


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """The engine that a user chose.

    Parameters
    ----------
    name
        ``cluster`` for the workers of launch-workers, ``local`` for those of this run, ``auto`` for the former if
        there are any, ``dask`` an existing Dask cluster.
    location
        Location of the cluster's server.
    scheduler
        Address of the Dask scheduler; None without Dask.
    n_workers
        Number of worker processes to start; None for one per core.
    is_mixed
        Whether workers whose last digits differ may share a job.
    """

    name: EngineName
    location: ServerLocation
    scheduler: str | None
    n_workers: int | None
    is_mixed: bool = False


class Engine:
    """An engine, whose server is searched for while the movie is prepared.

    Parameters
    ----------
    choice
        Engine that the user chose.

    Raises
    ------
    ServerError
        If the user named a server on an unknown host.
    """

    def __init__(self, choice: EngineChoice) -> None:
        from pointillist.pipeline_protocol.discovery import Search

        is_cluster = choice.name in {"auto", "cluster"}
        self._choice = replace(choice, location=choice.location.checked()) if is_cluster else choice
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
        from pointillist.cli.console import notices

        news = partial(notices().print, markup=False, soft_wrap=True)
        address = self._address()
        if address is not None:
            with self._cluster(address) as client:
                yield client, False
            return
        if self._choice.scheduler is not None:
            from pointillist.pipeline_worker.dask import dask_engine

            own = dask_engine(self._choice.scheduler, news)
        else:
            from pointillist.supervision import default_workers, embedded

            own = embedded(self._choice.n_workers or default_workers(), news)
        with own as client:
            client.patience_s = _PATIENCE_S
            yield client, True

    def _address(self) -> str | None:
        """Return the address of the cluster's server; None if there is none, or if it is not to be used."""
        from pointillist.cli.console import notices
        from pointillist.errors import ServerError

        if self._search is None:
            return None
        is_wanted = self._choice.name == "cluster"
        with self._search as search:
            address = search.wait(_PATIENT_SEARCH_S if is_wanted else _SEARCH_S)
        if address is None and is_wanted:
            raise ServerError("cluster", "no server was found", "start launch-workers, or give --server HOST")
        if address is None and search.is_on_network:
            alone = "note: no server was found: the job runs on this machine alone; name a server with --server HOST"
            notices().print(alone, markup=False, soft_wrap=True)
        return address

    @contextmanager
    def _cluster(self, address: str) -> Iterator[Client]:
        from pointillist.cli.console import notices, tell
        from pointillist.pipeline_protocol import Client
        from pointillist.pipeline_protocol.discovery import check_listening
        from pointillist.pipeline_protocol.security import existing_keys
        from pointillist.supervision import terminable

        if self._choice.location.server is not None:
            check_listening(address)
        with terminable(), Client(address, existing_keys(), locate=self._choice.location.find) as client:
            pong = client.ping()
            using = f"using the server at {address}, with {pong.n_workers} workers"
            notices().print(using, markup=False, soft_wrap=True)
            if self._choice.n_workers:
                notices().print("note: --workers has no effect: the workers of launch-workers are used")
            client.timeout_s, client.patience_s, client.tell = _ABSENCE_S, _PATIENCE_S, tell
            yield client
