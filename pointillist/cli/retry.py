"""``pointillist retry``: try again what failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from pointillist.pipeline_protocol.discovery import ServerLocation


@click.command(
    cls=PlainErrorsCommand, interrupted="stopped waiting; 'pointillist jobs' shows whether the job continues"
)
@click.argument("job")
@server_options
@click.option("--json", "is_json", is_flag=True, help="Print the job's progress as one JSON object.")
def command(*, location: ServerLocation, job: str, is_json: bool) -> None:
    """Retry the failed frames of a job, or resume it.

    JOB is the beginning of the job's id, or the name of its movie. A paused or cancelled job is resumed. If the job has
    finished, its results are written to a second file, which includes the retried frames.

    \b
    Examples:
        pointillist retry movie.h5
        pointillist retry 3fa97c
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected
    from pointillist.cli.console import output, printable
    from pointillist.cli.job_table import job_facts

    with connected(location) as cluster:
        before = cluster.job(job)
        after = cluster.retry(before.job)
    if is_json:
        click.echo(json.dumps(job_facts(after)))
        return
    movie = printable(Path(before.movie).name)
    retried = f"{before.n_retriable} failed frames are retried" if before.n_retriable else "no frame had failed"
    resumed = "" if before.state in {"running", "finishing"} else ", the job is resumed"
    output().print(
        f"{movie}: {retried}{resumed}; 'pointillist log {after.job}' shows details", markup=False, soft_wrap=True
    )
