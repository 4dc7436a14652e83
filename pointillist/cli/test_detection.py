"""``pointillist test-detection``: whether the detection finds what a person would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import output as output_console
from pointillist.cli.detection_report import show_detection
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.cli.parameter_types import Thresholds
from pointillist.cli.settings_options import settings_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointillist.pipeline_files import Destination

DEFAULT_FRAMES = 5
PICTURE_ENDINGS = (".png",)


@click.command(cls=PlainErrorsCommand)
@click.argument("movie", type=FilePath())
@settings_options
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    default=DEFAULT_FRAMES,
    help="Number of frames, spread over the movie.",
)
@click.option(
    "--threshold",
    type=Thresholds(),
    show_default="Analysis.DetectionThreshold",
    help="Detection threshold, or several to compare, such as 0.8,1,1.5.",
)
@click.option(
    "-o",
    "--output",
    type=DestinationPath(),
    show_default="<movie>_detection.png",
    help="Picture (.png), or folder for it.",
)
def command(  # noqa: PLR0913  # one for each option
    *,
    movie: Path,
    overrides: tuple[str, ...],
    settings_file: Path | None,
    frames: int,
    threshold: tuple[float, ...] | None,
    output: Destination | None,
) -> None:
    """Test the detection on a few frames before the analysis.

    Shows the candidates and fits in a picture and a table, and warns about doubtful settings. No results are written.

    \b
    Examples:
        pointillist test-detection movie.h5
        pointillist test-detection movie.h5 --threshold 0.8,1,1.5
        pointillist test-detection movie.tif -s Camera.ADOffset=100 --frames 8
    """  # noqa: D301  # click's marker for lines that stay
    run_test(
        movie,
        overrides,
        settings_file,
        (frames, threshold),
        output.file(picture_name(movie), *PICTURE_ENDINGS) if output else None,
    )


def picture_name(movie: Path) -> str:
    """Return the usual name of the picture of a movie."""
    return f"{movie.stem}_detection.png"


def run_test(
    movie: Path,
    overrides: Sequence[str],
    settings_file: Path | None,
    sampling: tuple[int, tuple[float, ...] | None],
    picture: Path | None,
) -> None:
    """Test the detection and show what came out; ``sampling`` are the number of frames and the thresholds."""
    from pointillist.cli.kernels import ensure_cache_folders, use_kernel_cache

    use_kernel_cache()
    ensure_cache_folders()
    from pointillist.api import test_detection  # numba

    n_frames, thresholds = sampling
    test = test_detection(movie, overrides, settings_file=settings_file, n_frames=n_frames, thresholds=thresholds)
    show_detection(test)
    if test.samples.has_frames:
        path = test.save(picture or picture_name(movie))
        output_console().print(f"picture  {path}", markup=False, soft_wrap=True)
