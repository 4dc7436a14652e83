"""The log of a job, from its server or from the files of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from pointillist.api.job_names import NamedJob, find_job, named
from pointillist.errors import ServerError
from pointillist.pipeline_protocol.messages import LogPosition
from pointillist.supervision import log_folder, parse_event, read_log

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client

_Reader = Callable[[LogPosition], tuple[list[str], LogPosition]]

FOLLOW_S = 0.5
"""Interval at which a log is read, s."""

_ENDS = ("finished", "stopped")


def log_lines(client: Client | None, job: str, *, is_following: bool = False) -> Iterator[str]:
    """Yield the lines of a job's log that hold events, each a JSON object.

    Parameters
    ----------
    client
        Client of the server; None for the logs of this machine, which are read as well if the server does not know the
        job.
    job
        Beginning of the job's id, or the name of its movie.
    is_following
        Whether to wait for more until the job ends.

    Raises
    ------
    ServerError
        If there is no such job.
    """
    read = _reader(client, job)
    position, is_over = LogPosition(), False
    while True:
        lines, position = read(position)
        for line in lines:
            event = parse_event(line)
            if event is not None:
                is_over = event.get("event") in _ENDS
                yield line
        if not lines:
            if is_over or not is_following:
                return
            time.sleep(FOLLOW_S)


def _reader(client: Client | None, job: str) -> _Reader:
    if client is not None:
        with suppress(ServerError):
            return partial(_at_server, client, find_job(job, named(client.jobs(ended=True))))
    return _local_reader(job)


def _at_server(client: Client, job: str, position: LogPosition) -> tuple[list[str], LogPosition]:
    reply = client.read_log(job, position)
    return reply.lines, reply.place


def _local_reader(job: str) -> _Reader:
    logs = {path.stem: path for path in sorted((log_folder() / "jobs").glob("*.log"))}
    names = []
    for number, path in logs.items():
        lines, _ = read_log(path)
        first = parse_event(lines[0]) if lines else None
        names.append(NamedJob(job=number, movie=str((first or {}).get("movie", "")), is_over=True))
    return partial(read_log, logs[find_job(job, names)])
