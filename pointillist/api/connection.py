"""``connect``: a running cluster, its workers and its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from msgspec import structs

from pointillist.api.analysis import Analysis, analysis_job, analysis_of
from pointillist.api.engine import settle_patience
from pointillist.api.following import Listener
from pointillist.api.job import complete
from pointillist.api.job_log import log_lines
from pointillist.api.job_names import find_job, named
from pointillist.api.locations import server_location
from pointillist.errors import ServerError
from pointillist.pipeline_protocol import Client
from pointillist.pipeline_protocol.discovery import ServerLocation, check_listening
from pointillist.pipeline_protocol.messages import Pong, Progress, ResumeRule, WorkerReport
from pointillist.pipeline_protocol.security import existing_keys
from pointillist.supervision import parse_event

if TYPE_CHECKING:
    from pointillist.api.movie_source import SettingValues
    from pointillist.pipeline_files.movies import Movie
    from pointillist.supervision import OnMessage


class Cluster:
    """A connection to the server of a cluster, for one thread; a context manager that closes it.

    A job is named by the beginning of its id, or by its movie.

    Parameters
    ----------
    client
        Client of the server, which is closed with the connection.

    Examples
    --------
    >>> import pointillist
    >>> with pointillist.connect() as cluster:  # doctest: +SKIP
    ...     job = cluster.submit("movie.h5")
    ...     print(cluster.job(job.job).n_done, [worker.host for worker in cluster.workers()])
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def address(self) -> str:
        """Address of the server."""
        return self._client.address

    def status(self) -> Pong:
        """Return the state of the server."""
        # Where it is reached from here: a server of all networks knows no such address.
        return structs.replace(self._client.ping(), address=self._client.address)

    def workers(self) -> list[WorkerReport]:
        """Return reports on all workers."""
        return self._client.workers()

    def jobs(self, *, ended: bool = True) -> list[Progress]:
        """Return the progress of all jobs; without those that have ended if not ``ended``."""
        return self._client.jobs(ended=ended)

    def job(self, job: str) -> Progress:
        """Return the progress of a job.

        Raises
        ------
        ServerError
            If there is no such job, or several.
        """
        return self._client.progress(find_job(job, named(self.jobs())))

    def submit(
        self,
        movie: str | Path | Movie,
        settings: SettingValues | Sequence[str] | None = None,
        *,
        output: str | Path | None = None,
        resume: ResumeRule = "allowed",
    ) -> Progress:
        """Submit the analysis of a movie and return its progress at once; parameters as for `pointillist.analyse`."""
        job, _ = analysis_job(movie, settings, output=output)
        return self._client.progress(job.submit(self._client, resume=resume))

    def analyse(
        self,
        movie: str | Path | Movie,
        settings: SettingValues | Sequence[str] | None = None,
        *,
        output: str | Path | None = None,
        resume: ResumeRule = "allowed",
        progress: Callable[[Progress], None] | None = None,
    ) -> Analysis:
        """Localize the molecules of a movie on this cluster; parameters as for `pointillist.analyse`."""
        job, remarks = analysis_job(movie, settings, output=output)
        settle_patience(self._client)
        outcome = complete(
            self._client,
            lambda client, rule: job.submit(client, resume=rule),
            resume,
            Listener(on_progress=progress or (lambda _: None)),
            stops=True,
        )
        return analysis_of(outcome, remarks)

    def cancel(self, job: str) -> Progress:
        """Stop a job, which can be resumed later, and return its progress."""
        number = self.job(job).job
        self._client.stop(number)
        return self._client.progress(number)

    def retry(self, job: str) -> Progress:
        """Retry the failed frames of a job, or resume it, and return its progress.

        Raises
        ------
        ServerError
            If no frame would be analysed again.
        """
        before = self.job(job)
        _refuse_if_useless(before)
        self._client.retry(before.job)
        return self._client.progress(before.job)

    def log(self, job: str, *, follow: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the events of a job's log; with ``follow`` until the job ends."""
        for line in log_lines(self._client, job, is_following=follow):
            yield parse_event(line) or {}

    def close(self) -> None:
        """Close the connection; jobs continue."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Cluster at {self.address}>"


def connect(
    server: str | None = None, cluster: str | None = None, *, on_message: OnMessage = lambda _: None
) -> Cluster:
    """Connect to a running cluster, as launch-workers starts it.

    Parameters
    ----------
    server
        Address of the server, ``host`` or ``host:port``; None for ``$POINTILLIST_SERVER``, else it is searched for.
    cluster
        Name of the cluster; None for ``$POINTILLIST_CLUSTER``, else ``default``.
    on_message
        Function that shows a line to the user.

    Returns
    -------
    Cluster
        Connection, to be closed or used in a ``with`` statement.

    Raises
    ------
    ServerError
        If there is no server, or it has another key.

    Examples
    --------
    >>> import pointillist
    >>> with pointillist.connect("lab-pc") as cluster:  # doctest: +SKIP
    ...     for job in cluster.jobs():
    ...         print(job.movie, job.state, f"{job.n_done} of {job.n_frames}")
    """
    return connect_to(server_location(server, cluster), on_message)


def connect_to(location: ServerLocation, on_message: OnMessage) -> Cluster:
    """Connect to the server at a location, as :func:`connect`."""
    client = find_client(location, on_message)
    if client is None:
        raise ServerError("server", "none was found", "start one with launch-workers")
    return Cluster(client)


def find_client(location: ServerLocation, on_message: OnMessage) -> Client | None:
    """Return a client of the server at a location; None if there is none.

    Parameters
    ----------
    location
        Where the server is looked for.
    on_message
        Function that shows a line to the user.

    Raises
    ------
    ServerError
        If the user named a server that does not listen, or that has another key.
    """
    location = location.checked()
    address = location.find()
    if address is None:
        return None
    if location.server is not None:
        check_listening(address)
    client = Client(address, existing_keys(), locate=location.find)
    client.tell = on_message
    return client


def _refuse_if_useless(progress: Progress) -> None:
    """Raise an error if there is nothing to retry."""
    if progress.n_retriable or progress.state in {"paused", "stopped"}:
        return
    if progress.n_failed:
        problem = f"{progress.n_failed} frames failed because of their content, and would fail again"
        raise ServerError(f"job {progress.job}", problem, "see 'pointillist log'")
    raise ServerError(f"job {progress.job}", "none of its frames has failed", "there is nothing to retry")
