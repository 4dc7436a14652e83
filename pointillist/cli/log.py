"""``pointillist log``: what happened to a job."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.discovery import ServerLocation
    from pointillist.pipeline_protocol.messages import LogPosition

    Reader = Callable[[LogPosition], tuple[list[str], LogPosition]]

FOLLOW_S = 0.5
"""How often a log is looked at."""

_ENDS = ("finished", "stopped")


@click.command(cls=PlainErrorsCommand)
@click.argument("job")
@click.option("--follow", is_flag=True, help="Keep printing events until the job ends.")
@server_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object per line.")
def command(*, location: ServerLocation, job: str, follow: bool, is_json: bool) -> None:
    """Show the log of a job.

    JOB is the beginning of the job's id, or the name of its movie. If there is no server, the logs of this machine are
    read; they include past jobs.

    \b
    Examples:
        pointillist log movie.h5
        pointillist log 3fa97c --follow
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected_if_any
    from pointillist.cli.console import output
    from pointillist.cli.event_lines import describe_event

    with connected_if_any(location) as client, suppress(KeyboardInterrupt):  # the way to end --follow
        console = output()
        for line in _lines(_reader(client, job), is_following=follow):
            if is_json:
                click.echo(line)
            else:
                console.print(describe_event(line), soft_wrap=True)


def _reader(client: Client | None, job: str) -> Reader:
    """Return what reads the log of a job: at the server if it knows the job, else on this machine."""
    from pointillist.api import find_job, named
    from pointillist.errors import ServerError

    if client is not None:
        with suppress(ServerError):
            number = find_job(job, named(client.jobs(ended=True)))
            return lambda place: _at_server(client, number, place)
    return _local_reader(job)


def _at_server(client: Client, job: str, place: LogPosition) -> tuple[list[str], LogPosition]:
    reply = client.read_log(job, place)
    return reply.lines, reply.place


def _local_reader(job: str) -> Reader:
    from functools import partial

    from pointillist.api import NamedJob, find_job
    from pointillist.supervision import log_folder, parse_event, read_log

    logs = {path.stem: path for path in sorted((log_folder() / "jobs").glob("*.log"))}
    names = []
    for number, path in logs.items():
        lines, _ = read_log(path)
        first = parse_event(lines[0]) if lines else None
        names.append(NamedJob(job=number, movie=str((first or {}).get("movie", "")), is_over=True))
    return partial(read_log, logs[find_job(job, names)])


def _lines(read: Reader, *, is_following: bool) -> Iterator[str]:
    """Yield the lines of a log that hold events; wait for more until the job is over."""
    from pointillist.pipeline_protocol.messages import LogPosition
    from pointillist.supervision import parse_event

    place, is_over = LogPosition(), False
    while True:
        lines, place = read(place)
        for line in lines:
            event = parse_event(line)
            if event is not None:
                is_over = event.get("event") in _ENDS
                yield line
        if not lines:
            if is_over or not is_following:
                return
            time.sleep(FOLLOW_S)
