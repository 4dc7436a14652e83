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
    from pointillist.pipeline_protocol.messages import Progress


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
    from pointillist.api import find_job, named
    from pointillist.cli.connection import connected
    from pointillist.cli.console import output, printable
    from pointillist.cli.job_table import job_facts

    with connected(location) as client:
        number = find_job(job, named(client.jobs(ended=True)))
        before = client.progress(number)
        _refuse_if_useless(before)
        client.retry(number)
        after = client.progress(number)
    if is_json:
        click.echo(json.dumps(job_facts(after)))
        return
    movie = printable(Path(before.movie).name)
    retried = f"{before.n_retriable} failed frames are retried" if before.n_retriable else "no frame had failed"
    resumed = "" if before.state in {"running", "finishing"} else ", the job is resumed"
    output().print(
        f"{movie}: {retried}{resumed}; 'pointillist log {number}' shows details", markup=False, soft_wrap=True
    )


def _refuse_if_useless(progress: Progress) -> None:
    """Raise an error if there is nothing to retry.

    Raises
    ------
    ServerError
        If no frame would be analysed again.
    """
    from pointillist.errors import ServerError

    if progress.n_retriable or progress.state in {"paused", "stopped"}:
        return
    if progress.n_failed:
        problem = f"{progress.n_failed} frames failed because of their content, and would fail again"
        raise ServerError(f"job {progress.job}", problem, "see 'pointillist log'")
    raise ServerError(f"job {progress.job}", "none of its frames has failed", "there is nothing to retry")
