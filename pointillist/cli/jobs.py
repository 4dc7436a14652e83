"""``pointillist jobs``: what the server does and did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from pointillist.pipeline_protocol.discovery import ServerLocation


@click.command(cls=PlainErrorsCommand)
@server_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
def command(*, location: ServerLocation, is_json: bool) -> None:
    """List the server's running and ended jobs.

    \b
    Example:
        pointillist jobs
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected
    from pointillist.cli.console import notices, output
    from pointillist.cli.job_table import job_facts, job_table

    with connected(location) as cluster:
        jobs = cluster.jobs()
    if is_json:
        click.echo(json.dumps({"jobs": [job_facts(job) for job in jobs]}))
    elif jobs:
        console = output()
        console.print(job_table(jobs, console.width))
    else:
        notices().print("there are no jobs")
