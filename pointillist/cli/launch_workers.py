"""``launch-workers``: workers that stay, and a server for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from pointillist.pipeline_protocol.discovery import ServerLocation


@click.command(cls=PlainErrorsCommand)
@click.argument("n", type=click.IntRange(min=0), required=False)
@click.option(
    "--reserve",
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of cores to leave free, for example for camera control (default 0).",
)
@server_options
@click.option(
    "--interface",
    metavar="ADDRESS|NAME",
    envvar="POINTILLIST_INTERFACE",
    help="Network on which other machines can reach the server. By default only this machine can.",
)
@click.option(
    "--allow",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    metavar="FOLDER",
    help="Folder that the cluster may read from and write results to, besides PYME's data directory; may be repeated.",
)
@click.option("--no-server", is_flag=True, help="Start workers only; wait until a server is found.")
@click.option("--list", "is_list", is_flag=True, help="List the servers on this machine and on the network, then exit.")
@click.option("--kill", is_flag=True, help="End all launch-workers of yours on this machine.")
def command(  # noqa: PLR0913  # one for each option
    *,
    n: int | None,
    reserve: int | None,
    location: ServerLocation,
    interface: str | None,
    allow: tuple[Path, ...],
    no_server: bool,
    is_list: bool,
    kill: bool,
) -> None:
    """Run workers on this machine until Ctrl-C.

    N is the number of workers, by default one per core; 0 starts the server alone. A server is started too, unless the
    cluster has one. Every 'analyse' in the cluster uses these workers. Machines with the same key form one cluster: run
    'pointillist key show' on one and 'pointillist key import' on the others.

    \b
    Examples:
        launch-workers
        launch-workers --interface eth0
        launch-workers 4 --server imaging-pc
        launch-workers --reserve 2
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.console import output

    del interface  # is part of the location
    if is_list + kill > 1 or ((is_list or kill) and (n is not None or reserve or allow or no_server)):
        raise click.UsageError("--list and --kill cannot be combined with each other or with other options")
    if n is not None and reserve is not None:
        raise click.UsageError("N and --reserve cannot be given together")
    if n == 0 and (no_server or location.server):
        raise click.UsageError("with 0 workers and no server there is nothing to start")
    if is_list:
        from pointillist.cli.server_list import list_servers

        list_servers(location.checked())
    elif kill:
        _kill()
    else:
        from pointillist.supervision import LaunchPlan, checked_workers, launch_workers, workers_beside

        n_workers = workers_beside(reserve or 0) if n is None else checked_workers(n)
        plan = LaunchPlan(n_workers=n_workers, location=location.checked(), may_serve=not no_server, allowed=allow)
        console = output()
        launch_workers(plan, lambda line: console.print(line, markup=False, soft_wrap=True))


def _kill() -> None:
    from pointillist.errors import ServerError
    from pointillist.supervision import running

    explicit = click.get_current_context().get_parameter_source("cluster")
    cluster = click.get_current_context().params["cluster"]
    launchers = running(None if explicit is click.core.ParameterSource.DEFAULT else cluster)
    if not launchers:
        click.echo("you have no launch-workers running on this machine", err=True)
    for launcher in launchers:
        if not launcher.end():
            raise ServerError(f"process {launcher.pid}", "does not end", "end it with kill")
        click.echo(f"ended launch-workers {launcher.pid} of cluster {launcher.cluster}")
