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


@click.command(cls=PlainErrorsCommand, interrupted="not waited for; 'pointillist jobs' shows whether it goes on")
@click.argument("job")
@server_options
@click.option("--json", "is_json", is_flag=True, help="How far the job is then, as one JSON object.")
def command(*, place: ServerLocation, job: str, is_json: bool) -> None:
    """Try the failed frames of JOB again: the beginning of its id, or the name of its movie.

    A job that is paused or was cancelled goes on. The results of a finished job are written once more, with what the
    second try has found, under a name of their own.

    \b
    Examples:
        pointillist retry movie.h5
        pointillist retry 3fa97c
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected
    from pointillist.cli.console import output, printable
    from pointillist.cli.job_names import find_job, named
    from pointillist.cli.job_table import job_facts

    with connected(place) as client:
        number = find_job(job, named(client.jobs(ended=True)))
        before = client.progress(number)
        _refuse_if_useless(before)
        client.retry(number)
        after = client.progress(number)
    if is_json:
        click.echo(json.dumps(job_facts(after)))
        return
    movie = printable(Path(before.movie).name)
    tried = f"{before.n_retriable} failed frames are tried again" if before.n_retriable else "no frame had failed"
    goes_on = "" if before.state in {"running", "finishing"} else ", and the job goes on"
    output().print(f"{movie}: {tried}{goes_on}; 'pointillist log {number}' tells more", markup=False, soft_wrap=True)


def _refuse_if_useless(progress: Progress) -> None:
    """Make sure that there is something to try again.

    Raises
    ------
    ServerError
        If there is not.
    """
    from pointillist.errors import ServerError

    if progress.n_retriable or progress.state in {"paused", "stopped"}:
        return
    if progress.n_failed:
        problem = f"{progress.n_failed} frames failed by what is in them, and would fail again"
        raise ServerError(f"job {progress.job}", problem, "see pointillist log")
    raise ServerError(f"job {progress.job}", "no frame of it has failed", "there is nothing to try again")
