"""``analyse``: from a movie to its localizations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.engine_options import engine_options
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.cli.parameter_types import Thresholds
from pointillist.cli.settings_options import settings_options
from pointillist.cli.test_detection import DEFAULT_FRAMES, PICTURE_ENDINGS, picture_name, run_test

if TYPE_CHECKING:
    from pointillist.api import EngineChoice
    from pointillist.pipeline_files import Destination


@dataclass(frozen=True, kw_only=True)
class _AnalysisOptions:
    movie: Path
    overrides: tuple[str, ...]
    settings_file: Path | None
    output: Destination | None
    is_resuming: bool
    engine: EngineChoice


@click.command(cls=PlainErrorsCommand, interrupted="stopped; give the same command again to resume")
@click.argument("movie", type=FilePath())
@settings_options
@click.option(
    "-o",
    "--output",
    type=DestinationPath(),
    help="Results file (.h5r), or folder for it; by default in PYME's data directory. With --test: the picture (.png).",
)
@engine_options
@click.option("--resume", is_flag=True, help="Resume an interrupted analysis; fail if there is none.")
@click.option("--test", is_flag=True, help="Test the detection on a few frames: write a picture, but no results.")
@click.option("--frames", type=click.IntRange(min=1), help=f"With --test: number of frames (default {DEFAULT_FRAMES}).")
@click.option(
    "--threshold",
    type=Thresholds(),
    show_default="Analysis.DetectionThreshold",
    help="With --test: detection threshold, or several to compare, such as 0.8,1,1.5.",
)
def command(  # noqa: PLR0913  # one for each option
    *,
    movie: Path,
    overrides: tuple[str, ...],
    settings_file: Path | None,
    output: Destination | None,
    engine: EngineChoice,
    resume: bool,
    test: bool,
    frames: int | None,
    threshold: tuple[float, ...] | None,
) -> None:
    """Localize the molecules of a movie.

    Uses all cores of this machine, or the workers that launch-workers has started. To resume an analysis that was
    interrupted for any reason, give the same command again.

    \b
    Examples:
        analyse movie.h5 --test
        analyse movie.h5
        analyse movie.tif -o results.h5r -s Analysis.DetectionThreshold=1.2 -s Analysis.BGRange=-30:0
    """  # noqa: D301  # click's marker for lines that stay
    if not test:
        if frames or threshold:
            raise click.UsageError("--frames and --threshold can only be given with --test")
        _analyse(
            _AnalysisOptions(
                movie=movie,
                overrides=overrides,
                settings_file=settings_file,
                output=output,
                is_resuming=resume,
                engine=engine,
            )
        )
        return
    picture = output.file(picture_name(movie), *PICTURE_ENDINGS) if output else None
    run_test(movie, overrides, settings_file, (frames or DEFAULT_FRAMES, threshold), picture)


def _analyse(options: _AnalysisOptions) -> None:
    from pointillist.api import analyse
    from pointillist.cli.console import tell
    from pointillist.cli.following import job_display, show_outcome

    with job_display() as show:
        analysis = analyse(
            options.movie,
            options.overrides,
            settings_file=options.settings_file,
            output=options.output,
            engine=options.engine,
            resume="required" if options.is_resuming else "allowed",
            progress=show,
            on_message=tell,
        )
    show_outcome(analysis.progress)
