"""``launch-workers``: a server and workers that stay, for every ``analyse`` on this machine."""

from __future__ import annotations

import click

from cli.courteous import CourteousCommand


@click.command(cls=CourteousCommand)
@click.argument("n", type=click.IntRange(min=1), required=False)
def command(n: int | None) -> None:
    """Start a server and N workers on this machine, until Ctrl-C.

    Without N, one worker per core. Whatever is analysed on this machine meanwhile uses them. If a server runs already,
    the workers join it. The server listens on this machine only.

    \b
    Example:
        launch-workers 4
    """  # noqa: D301  # click's marker for lines that stay
    from cli.console import output
    from pipeline_worker.launch import default_workers, launch_workers

    console = output()
    launch_workers(n or default_workers(), lambda line: console.print(line, markup=False, soft_wrap=True))
