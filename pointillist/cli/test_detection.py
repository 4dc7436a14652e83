"""``pointillist test-detection``: whether the detection finds what a person would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import notices, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.cli.parameter_types import Thresholds
from pointillist.cli.settings_options import settings_options

if TYPE_CHECKING:
    from rich.table import Table

    from pointillist.cli.detection_samples import DetectionTest, ThresholdTest
    from pointillist.fitting.diagnosis import Finding
    from pointillist.pipeline_files import Destination
    from pointillist.pipeline_files.movies import Movie
    from pointillist.settings import Metadata

DEFAULT_FRAMES = 5
PICTURE_ENDINGS = (".png",)


@dataclass(frozen=True, kw_only=True)
class DetectionTestOptions:
    """Options of a detection test.

    Parameters
    ----------
    movie
        File of the movie.
    settings_file, overrides
        Settings beside those of the movie.
    n_frames
        Number of frames to analyse, spread over the movie.
    thresholds
        Thresholds to compare, in rising order; None for that of the settings.
    picture
        Path of the picture; None for ``<stem>_detection.png`` in the working directory.
    """

    movie: Path
    settings_file: Path | None
    overrides: Sequence[str]
    n_frames: int
    thresholds: tuple[float, ...] | None
    picture: Path | None


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
        DetectionTestOptions(
            movie=movie,
            settings_file=settings_file,
            overrides=overrides,
            n_frames=frames,
            thresholds=threshold,
            picture=output.file(picture_name(movie), *PICTURE_ENDINGS) if output else None,
        )
    )


def picture_name(movie: Path) -> str:
    """Return the usual name of the picture of a movie."""
    return f"{movie.stem}_detection.png"


def run_test(options: DetectionTestOptions) -> None:
    """Test the detection and show what came out.

    Raises
    ------
    MovieError, SettingError, ResultsError
        If the movie cannot be read, the settings do not suit, or the picture cannot be written.
    """
    from pointillist.cli.kernels import ensure_cache_folders, use_kernel_cache
    from pointillist.cli.montage import draw_montage

    use_kernel_cache()
    ensure_cache_folders()
    test = _examine(options)
    for remark in test.remarks:
        notices().print(f"note: {remark}", markup=False)
    console = output()
    console.print(_table(test))
    for line in test.on_maps:
        console.print(f"camera maps: {line}", markup=False, soft_wrap=True)
    for frame, reason in test.failures.items():
        console.print(f"frame {frame} could not be analysed: {reason}", markup=False)
    _print_findings(test)
    if test.by_threshold[0].diagnostics:
        picture = options.picture or Path(picture_name(options.movie))
        draw_montage(test, picture)
        console.print(f"picture  {picture}", markup=False, soft_wrap=True)


def _examine(options: DetectionTestOptions) -> DetectionTest:
    from pointillist.cli.detection_samples import DetectionTest, examine_frames, spread_frames
    from pointillist.fitting import BlockReader
    from pointillist.fitting.detection import THRESHOLD_SETTINGS
    from pointillist.pipeline_files import prepare
    from pointillist.pipeline_files.backgrounds import copied_images
    from pointillist.pipeline_files.maps import camera_model
    from pointillist.pipeline_files.movies import gap_reader, open_movie
    from pointillist.settings import fit_settings

    with open_movie(options.movie) as movie:
        settings, remarks = prepare(movie, options.settings_file, options.overrides)
        threshold, _ = THRESHOLD_SETTINGS[str(settings["Analysis.Detector"])]
        if options.thresholds:
            settings[threshold] = options.thresholds[0]
        fit = fit_settings(settings)
        camera = camera_model(settings, movie.frame_shape, options.movie.absolute().parent)
        thresholds = options.thresholds or (float(str(settings[threshold])),)
        frames = spread_frames(options.n_frames, fit.start_at, movie.n_frames)
        with copied_images(settings) as images:
            lost: dict[int, str] = {}
            blocks = BlockReader(gap_reader(movie, lost), movie.n_frames, fit, images, lost)
            tests, failures = examine_frames(blocks, frames, camera, fit, thresholds)
        return DetectionTest(
            movie=options.movie,
            n_movie_frames=movie.n_frames,
            pixel_size_nm=1000 * float(str(settings["voxelsize.x"])),
            settings=fit,
            by_threshold=tests,
            failures=failures,
            remarks=[*movie.remarks, *remarks],
            on_maps=_on_maps(movie, settings),
        )


def _on_maps(movie: Movie, settings: Metadata) -> list[str]:
    from pointillist.pipeline_files.maps import examine_maps

    return [*examine_maps(movie, settings).proofs]


def _table(test: DetectionTest) -> Table:
    from rich.table import Table
    from rich.text import Text

    several = len(test.by_threshold) > 1
    columns = _columns(test)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    headings = ["frame", "candidates", "fits", *(column.heading for column in columns)]
    for heading in ["threshold", *headings] if several else headings:
        table.add_column(heading, justify="right")
    for at_threshold in test.by_threshold:
        table.add_section()
        for cells in _cells(at_threshold, columns):
            first = [f"{at_threshold.threshold:g}"] if several else []
            table.add_row(*map(Text, [*first, *cells]))
    return table


@dataclass(frozen=True)
class _Column:
    heading: str
    attribute: str
    form: str
    factor: float = 1.0


def _columns(test: DetectionTest) -> list[_Column]:
    """Return the medians that the fit gives."""
    from pointillist.fitting.estimation import MODULES

    nm = test.pixel_size_nm
    columns = (
        ({"amplitude", "sigma"}, _Column("photons", "photons", "{:.0f}")),
        ({"sigma"}, _Column("sigma (nm)", "sigma_px", "{:.0f}", nm)),
        ({"sigma"}, _Column("sigma (px)", "sigma_px", "{:.2f}")),
        ({"sigma_y"}, _Column("along y (nm)", "sigma_y_px", "{:.0f}", nm)),
        ({"nchi2"}, _Column("nchi2", "nchi2", "{:.2f}")),
        ({"amplitude"}, _Column("SNR", "snr", "{:.1f}")),
    )
    given = set(MODULES[test.settings.fit_module].dtype.names or ())
    return [column for needed, column in columns if needed <= given]


def _cells(test: ThresholdTest, columns: Sequence[_Column]) -> list[list[str]]:
    from pointillist.fitting.diagnosis import median, report

    reports = [report(frame_diagnostics) for frame_diagnostics in test.diagnostics]
    lines = [
        (str(each.frame), each.n_candidates, each.n_fits, [getattr(each, column.attribute) for column in columns])
        for each in reports
    ]
    if len(reports) > 1:
        medians = [median([getattr(each, column.attribute) for each in reports]) for column in columns]
        n_candidates, n_fits = sum(each.n_candidates for each in reports), sum(each.n_fits for each in reports)
        lines.append(("all", n_candidates, n_fits, medians))
    return [
        [
            frame,
            str(n_candidates),
            str(n_fits),
            *(_number(value * column.factor, column.form) for value, column in zip(values, columns, strict=True)),
        ]
        for frame, n_candidates, n_fits, values in lines
    ]


def _number(value: float, form: str) -> str:
    return form.format(value) if value == value else "-"  # noqa: PLR0124  # NaN


def _print_findings(test: DetectionTest) -> None:
    from rich.table import Table
    from rich.text import Text

    from pointillist.fitting.detection import THRESHOLD_SETTINGS

    console = output()
    findings: dict[object, Finding] = {}
    for at_threshold in test.by_threshold:
        for finding in at_threshold.findings:
            is_of_threshold = finding.settings in [(key,) for key, _ in THRESHOLD_SETTINGS.values()]
            findings.setdefault(finding.problem if is_of_threshold else finding.settings, finding)
    console.print()
    warnings = Table.grid(padding=(0, 2, 0, 0))
    for finding in findings.values():
        warnings.add_row(Text("warning", style="yellow"), Text(f"{finding.problem}; {finding.remedy}"))
        if finding.settings:
            warnings.add_row("", Text(f"settings: {', '.join(finding.settings)}", style="dim"))
    console.print(warnings)
    if not findings and test.by_threshold[0].diagnostics:
        console.print("[green]no warnings[/green]: detection, camera settings and spot size fit together")
