"""``pointillist background``: what each pixel of a movie reads without a molecule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.engine_options import engine_options
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.cli.settings_options import settings_options

if TYPE_CHECKING:
    from pointillist.api import EngineChoice
    from pointillist.pipeline_files import Destination


@click.command(cls=PlainErrorsCommand, interrupted="stopped; give the same command again to resume")
@click.argument("movie", type=FilePath())
@click.option(
    "--method",
    metavar="ID",
    help="Method of the background, such as rollmed:k=100; short for -s Analysis.Background=ID.",
)
@settings_options
@click.option(
    "-o",
    "--output",
    type=DestinationPath(),
    help="Background file (.h5), or folder for it; by default beside the results.",
)
@click.option("--compress/--no-compress", default=True, help="Lossless compression of the images.")
@click.option(
    "--mapped", is_flag=True, help="Store equal images once, with a table that names the image of each frame."
)
@engine_options
@click.option("--resume", is_flag=True, help="Resume an interrupted run; fail if there is none.")
def command(  # noqa: PLR0913  # one for each option
    *,
    movie: Path,
    method: str | None,
    overrides: tuple[str, ...],
    settings_file: Path | None,
    output: Destination | None,
    compress: bool,
    mapped: bool,
    engine: EngineChoice,
    resume: bool,
) -> None:
    """Write the background of each frame of a movie to a file.

    Uses all cores of this machine, or the workers that launch-workers has started. To resume a run that was interrupted
    for any reason, give the same command again.

    \b
    Examples:
        pointillist background movie.h5
        pointillist background movie.tif -o background.h5 --method rollmed:k=100
        pointillist background movie.h5 --method sparsemed:i=500 --mapped
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.api import Engine, Job, Listener, run_job, summarise_background
    from pointillist.cli.console import facts, notices, output as stdout, tell
    from pointillist.cli.following import job_display, took
    from pointillist.pipeline_files import IMAGES_ENDING
    from pointillist.pipeline_files.backgrounds import prepare_background
    from pointillist.pipeline_files.movies import open_movie

    target = output.file(f"{movie.stem}.background{IMAGES_ENDING}", IMAGES_ENDING) if output else None
    runner = Engine(engine, tell)
    if method is not None:
        overrides = (*overrides, f"Analysis.Background={method}")
    with open_movie(movie) as opened:
        settings = prepare_background(opened, settings_file, overrides, is_compressed=compress, is_mapped=mapped)
        identity = opened.identity
        for remark in opened.remarks:
            notices().print(f"note: {remark}", markup=False, soft_wrap=True)
    job = Job(
        movie=movie,
        identity=identity,
        settings=settings,
        output=target,
        resume="required" if resume else "allowed",
        kind="background",
    )
    with job_display("images") as show:
        outcome = run_job(job, runner, Listener(on_progress=show, on_message=tell))
    stdout().print(facts({**summarise_background(Path(outcome.output)), "took": took(outcome)}))
