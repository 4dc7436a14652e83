"""``pointillist status``: the server, its workers and its jobs."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from pointillist.api import Cluster
    from pointillist.pipeline_protocol.discovery import ServerLocation
    from pointillist.pipeline_protocol.messages import Pong, Progress, WorkerReport

WATCH_S = 1.0
"""How often what is watched is looked at."""

Status = tuple["Pong", "Sequence[WorkerReport]", "Sequence[Progress]"]


@click.command(cls=PlainErrorsCommand)
@click.option("--watch", is_flag=True, help="Refresh every second, until Ctrl-C.")
@click.option("--all", "is_all", is_flag=True, help="Show every worker, even if there are many.")
@server_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object; with --watch, one per line.")
def command(*, location: ServerLocation, watch: bool, is_all: bool, is_json: bool) -> None:
    """Show the server, its workers and the running jobs.

    \b
    Examples:
        pointillist status
        pointillist status --watch
        pointillist status --json
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.connection import connected

    with connected(location) as cluster:
        if not watch:
            _show(_request_status(cluster), is_all=is_all, is_json=is_json)
            return
        with suppress(KeyboardInterrupt):  # the way to end it
            _watch(cluster, is_all=is_all, is_json=is_json)


def _request_status(cluster: Cluster) -> Status:
    return cluster.status(), cluster.workers(), cluster.jobs(ended=False)


def _show(status: Status, *, is_all: bool, is_json: bool) -> None:
    from pointillist.cli.console import output

    if is_json:
        click.echo(json.dumps(_json_facts(*status)))
    else:
        console = output()
        console.print(_render(*status, width=console.width, is_all=is_all))


def _watch(cluster: Cluster, *, is_all: bool, is_json: bool) -> None:
    from rich.live import Live

    from pointillist.cli.console import output
    from pointillist.errors import ServerError

    console = output()
    if is_json or not console.is_terminal:
        while True:
            _show(_request_status(cluster), is_all=is_all, is_json=is_json)
            time.sleep(WATCH_S)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            try:
                rendered = _render(*_request_status(cluster), width=console.width, is_all=is_all)
            except ServerError as error:  # it may come back
                from rich.text import Text

                rendered = Text(str(error), style="yellow")
            live.update(rendered, refresh=True)
            time.sleep(WATCH_S)


def _json_facts(server: Pong, workers: Sequence[WorkerReport], jobs: Sequence[Progress]) -> dict[str, Any]:
    from msgspec import to_builtins

    from pointillist.cli.job_table import job_facts

    return {
        "server": {name: value for name, value in to_builtins(server).items() if name not in {"request", "type"}},
        "workers": to_builtins(list(workers)),
        "jobs": [job_facts(job) for job in jobs],
    }


def _render(
    server: Pong, workers: Sequence[WorkerReport], jobs: Sequence[Progress], *, width: int, is_all: bool
) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from pointillist.cli.console import facts
    from pointillist.cli.durations import duration
    from pointillist.cli.job_table import job_table
    from pointillist.cli.worker_table import MAX_WORKER_ROWS, count_healths, machine_table, worker_table

    rate = sum(worker.rate for worker in workers)
    heading = {
        "server": f"{server.address} on {server.host} (pid {server.pid}), cluster {server.cluster}",
        "version": f"{server.version}, up {duration(server.uptime_s)}",
        "workers": f"{len(workers)}: {count_healths(workers)}; {rate:.0f} frames/s" if workers else "none",
        "jobs": f"{server.n_jobs} running, {server.n_ended} ended",
    }
    if len(builds := {worker.build for worker in workers if worker.build}) > 1:
        heading["kernels"] = f"of {len(builds)} kinds; their results differ in the last digits: {_by_build(workers)}"
    if server.n_refused:
        heading["refused"] = f"{server.n_refused} connections without the cluster key"
    if server.leader:
        heading["leader"] = f"{server.leader}; this server exits after its last job"
    if server.troubles:
        heading["trouble"] = "\n".join(server.troubles)
    parts: list[RenderableType] = [facts({name: _printable_lines(text) for name, text in heading.items()})]
    if len(workers) > MAX_WORKER_ROWS and not is_all:
        parts += [Text(), machine_table(workers)]
        silent = [worker for worker in workers if worker.health == "silent"][:MAX_WORKER_ROWS]
        parts += [Text(), worker_table(silent)] if silent else []
    elif workers:
        parts += [Text(), worker_table(workers)]
    if jobs:
        parts += [Text(), job_table(jobs, width)]
    return Group(*parts)


def _by_build(workers: Sequence[WorkerReport]) -> str:
    builds = sorted({(worker.build, worker.host) for worker in workers if worker.build})
    return ", ".join(f"{build[:4]} on {host}" for build, host in builds)


def _printable_lines(text: str) -> str:
    from pointillist.cli.console import printable

    return "\n".join(map(printable, text.splitlines()))
