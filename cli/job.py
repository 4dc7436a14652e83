"""A job, from the command that asks for it to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_files.metadata import Value
    from pipeline_protocol.client import Client
    from pipeline_protocol.reports import Progress
    from pipeline_protocol.search import Search

_SEARCH_S = 0.3
"""What a run may lose by looking for a server where there is none."""

_ABSENCE_S = 45.0
"""How long a server may be away, to come back or to be replaced by another machine's."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a server is asked for.

    Parameters
    ----------
    movie, identity, settings
        What it is about.
    output
        Where its file is to go; None for the usual place.
    n_workers
        Processes, if no server runs.
    is_resuming
        Whether it has to go on with one that was stopped.
    search
        For the server; begun while the movie was being looked at.
    kind
        What is to be made of the movie.
    items
        What that is called.
    """

    movie: Path
    identity: str
    settings: dict[str, Value]
    output: Path | None
    n_workers: int | None
    is_resuming: bool
    search: Search
    kind: str = "fit"
    items: str = "localizations"


def run_job(job: Job) -> Progress:
    """Have a job done, and show how far it is.

    Returns
    -------
    Progress
        Of the finished job.

    Raises
    ------
    PointillistError
        If it cannot be done, or needs the user.
    """
    from cli.following import follow

    with _server(job.search, job.n_workers) as (client, is_ours):
        number = client.submit(
            str(job.movie.absolute()),
            job.identity,
            job.settings,
            output=str(job.output.absolute()) if job.output else None,
            resume="required" if job.is_resuming else "allowed",
            kind=job.kind,
        )
        try:
            return follow(client, number, job.items)
        except (KeyboardInterrupt, SystemExit):
            if not is_ours:
                client.stop(number)
            raise


@contextmanager
def _server(search: Search, n_workers: int | None) -> Iterator[tuple[Client, bool]]:
    """Yield a client of the cluster's server, else of one of our own; and whether it is our own."""
    from cli.console import notices
    from pipeline_protocol.client import Client
    from pipeline_protocol.keys import existing_keys
    from pipeline_worker.launch import default_workers, embedded, terminable

    console = notices()
    address = search.wait(_SEARCH_S)
    search.close()
    if address is None:
        news = partial(console.print, markup=False, soft_wrap=True)
        with embedded(n_workers or default_workers(), news) as client:
            yield client, True
        return
    with terminable(), Client(address, existing_keys(), locate=search.place.find) as client:
        pong = client.ping()
        console.print(f"using the server at {address}, with {pong.n_workers} workers", markup=False, soft_wrap=True)
        if n_workers:
            console.print("note: --workers has no effect: the workers of launch-workers are used")
        client.timeout_s = _ABSENCE_S
        yield client, False
