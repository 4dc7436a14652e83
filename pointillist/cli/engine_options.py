"""The options that say what does the work of a command."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, get_args

import click

from pointillist.api import EngineChoice, EngineName
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointillist.pipeline_protocol.discovery import ServerLocation

_OPTIONS = (
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        show_default="one per core",
        help="Number of worker processes that this run starts.",
    ),
    click.option(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="auto",
        help="Workers that do the job. cluster: those of launch-workers; local: processes that this run starts; auto: "
        "cluster if there is one, otherwise local; dask: those of an existing Dask cluster.",
    ),
    click.option(
        "--mixed-workers",
        is_flag=True,
        help="Allow workers whose results differ in the last digits, such as those on another kind of processor.",
    ),
    click.option(
        "--dask-scheduler", metavar="ADDRESS", help="Address of the Dask scheduler, such as tcp://head-node:8786."
    ),
)


def engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as ``engine``."""

    @functools.wraps(command)
    def with_engine(
        *,
        location: ServerLocation,
        engine: EngineName,
        dask_scheduler: str | None,
        workers: int | None,
        mixed_workers: bool,
        **others: object,
    ) -> None:
        if (engine == "dask") != (dask_scheduler is not None):
            raise click.UsageError("--engine dask and --dask-scheduler ADDRESS must be given together")
        if engine == "dask" and workers:
            raise click.UsageError(
                "--workers has no effect with --engine dask; leave it out: Dask's own workers are used"
            )
        if workers:
            from pointillist.supervision import checked_workers

            checked_workers(workers)
        choice = EngineChoice(
            name=engine, location=location, scheduler=dask_scheduler, n_workers=workers, is_mixed=mixed_workers
        )
        command(engine=choice, **others)

    with_options = server_options(with_engine)
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
