"""``pointillist log``: what happened to a job."""

from __future__ import annotations

from contextlib import closing, nullcontext, suppress
from typing import TYPE_CHECKING

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from pointillist.pipeline_protocol.discovery import ServerLocation


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
    from pointillist.api import find_client, log_lines
    from pointillist.cli.console import output, tell
    from pointillist.cli.event_lines import describe_event

    client = find_client(location, tell)
    with closing(client) if client else nullcontext(), suppress(KeyboardInterrupt):  # the way to end --follow
        console = output()
        for line in log_lines(client, job, is_following=follow):
            if is_json:
                click.echo(line)
            else:
                console.print(describe_event(line), soft_wrap=True)
