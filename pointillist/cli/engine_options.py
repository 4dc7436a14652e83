"""The options that say what does the work of a command."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, get_args

import click

from pointillist.cli.engine import EngineChoice, EngineName
from pointillist.cli.server_options import server_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointillist.pipeline_protocol.discovery import ServerLocation

_OPTIONS = (
    click.option("--workers", type=click.IntRange(min=1), help="Processes of our own; without it one per core."),
    click.option(
        "--engine",
        type=click.Choice(get_args(EngineName)),
        default="auto",
        show_default=True,
        help="What works: cluster is launch-workers', local are processes of our own, auto the cluster if there is "
        "one, dask an existing Dask cluster.",
    ),
    click.option(
        "--mixed-workers",
        is_flag=True,
        help="Also use workers whose results differ in the last digits (another kind of processor).",
    ),
    click.option("--dask-scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://head-node:8786."),
)


def engine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as ``engine``."""

    @functools.wraps(command)
    def with_engine(
        *,
        place: ServerLocation,
        engine: EngineName,
        dask_scheduler: str | None,
        workers: int | None,
        mixed_workers: bool,
        **others: object,
    ) -> None:
        if (engine == "dask") != (dask_scheduler is not None):
            raise click.UsageError("--engine dask and --dask-scheduler ADDRESS belong together")
        if engine == "dask" and workers:
            raise click.UsageError("--workers are not Dask's: its own are used")
        choice = EngineChoice(
            name=engine, place=place, scheduler=dask_scheduler, n_workers=workers, is_mixed=mixed_workers
        )
        command(engine=choice, **others)

    with_options = server_options(with_engine)
    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options
