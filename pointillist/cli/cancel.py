"""``pointillist cancel``: end a job."""

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
    cls=PlainErrorsCommand, interrupted="stopped waiting; 'pointillist jobs' shows whether the job is stopped"
)
@click.argument("job")
@server_options
@click.option("--json", "is_json", is_flag=True, help="Print the job's progress as one JSON object.")
def command(*, location: ServerLocation, job: str, is_json: bool) -> None:
    """Stop a job; it can be resumed later.

    JOB is the beginning of the job's id, or the name of its movie. Finished frames are kept: the command that started
    the job, or 'pointillist retry', resumes it.

    \b
    Examples:
        pointillist cancel movie.h5
        pointillist cancel 3fa97c
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected
    from pointillist.cli.console import output, printable
    from pointillist.cli.job_table import job_facts

    with connected(location) as cluster:
        before = cluster.job(job)
        progress = cluster.cancel(before.job)
    if is_json:
        click.echo(json.dumps(job_facts(progress)))
        return
    movie, done = printable(Path(progress.movie).name), f"{progress.n_done} of {progress.n_frames} frames"
    already = " already" if before.is_over else ""
    lines = {
        "stopped": f"{movie} is{already} stopped, {done} done; 'pointillist retry {progress.job}' resumes it",
        "finishing": f"{movie} is already done: {printable(progress.output)} is being written",
        "finished": f"{movie} is already done: see {printable(progress.output)}",
    }
    line = lines.get(progress.state, f"{movie} continues, since it was requested again at the same moment")
    output().print(line, markup=False, soft_wrap=True)
