"""``pointillist score``: localizations against the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import facts, notices, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import FilePath

if TYPE_CHECKING:
    from rich.table import Table

    from pointillist.fitting.scoring import Errors, Score, Truth
    from pointillist.pipeline_files.movies import Conditions
    from pointillist.pipeline_files.results import Results

NOT_NEGATIVE = click.FloatRange(min=0)
POSITIVE = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True, kw_only=True)
class _ScoreOptions:
    radius_nm: float
    isolation_nm: float
    border_px: float
    min_photons: float


@click.command(cls=PlainErrorsCommand)
@click.argument("result", type=FilePath())
@click.argument("truth", type=FilePath())
@click.option(
    "--radius", type=POSITIVE, default=150, help="Maximum distance between a localization and its emitter, nm."
)
@click.option(
    "--isolation",
    type=POSITIVE,
    default=1200,
    help="Minimum distance to the next emitter for an emitter to count as isolated, nm.",
)
@click.option(
    "--border", type=NOT_NEGATIVE, default=0, help="Ignore emitters within this distance of the frame's edge, px."
)
@click.option(
    "--min-photons", type=NOT_NEGATIVE, default=0, help="Ignore emitters with fewer photoelectrons in the frame."
)
def command(  # noqa: PLR0913  # one for each option
    *, result: Path, truth: Path, radius: float, isolation: float, border: float, min_photons: float
) -> None:
    """Compare results with the truth of a simulated movie.

    RESULT is a .h5r file, TRUTH the .truth.h5 file beside the simulated movie. In each frame, localizations and
    emitters are paired one to one. Recall is the share of emitters that were found, precision the share of
    localizations that belong to an emitter, and the Jaccard index combines both. Position errors are compared with the
    Cramér-Rao bound, the smallest error that an unbiased fit can have.

    \b
    Example:
        pointillist score movie.h5r movie.truth.h5
    """  # noqa: D301  # click's marker for lines that stay
    options = _ScoreOptions(radius_nm=radius, isolation_nm=isolation, border_px=border, min_photons=min_photons)
    _score(result, truth, options)


def _score(result: Path, truth: Path, options: _ScoreOptions) -> None:
    from pointillist.cli.kernels import ensure_cache_folders
    from pointillist.fitting.scoring import BoundParameters, MatchingRules, score
    from pointillist.pipeline_files.movies import read_truth
    from pointillist.pipeline_files.results import read_results

    ensure_cache_folders()
    known = read_truth(truth)
    conditions = known.conditions
    results = read_results(result)
    if not results.is_complete:
        notices().print("note: the analysis is not finished; only analysed frames are scored")
    pixel_nm = conditions.pixel_size_nm
    roi_size = results.metadata.get("Analysis.ROISize", 5)
    outcome = score(
        results.rows,
        _analysed(known.rows, results, conditions),
        MatchingRules(
            radius_px=options.radius_nm / pixel_nm,
            isolation_px=options.isolation_nm / pixel_nm,
            border_px=options.border_px,
            min_photons=options.min_photons,
            frame_shape=conditions.frame_shape,
        ),
        BoundParameters(
            roi_half_size=int(roi_size) if isinstance(roi_size, int | float) else 5,
            read_variance=conditions.read_variance,
            noise_factor=conditions.noise_factor,
        ),
    )
    _print_score(outcome, pixel_nm, options)


def _analysed(truth: Truth, results: Results, conditions: Conditions) -> Truth:
    """Return the emitters of the frames that were analysed."""
    import numpy as np

    is_analysed = np.zeros(conditions.n_frames, dtype=bool)
    for row in results.ranges:
        is_analysed[row["start"] : row["stop"]] = True
    if not len(results.ranges):
        start_at = results.metadata.get("Analysis.StartAt", 0)
        is_analysed[int(start_at) if isinstance(start_at, int | float) else 0 :] = True
    return np.asarray(truth[is_analysed[truth["frame"]]])


def _print_score(outcome: Score, pixel_nm: float, options: _ScoreOptions) -> None:
    console = output()
    console.print(
        facts(
            {
                "emitters": f"{outcome.n_truth}",
                "localizations": f"{outcome.n_localizations}",
                "matched": f"{outcome.n_matched}, within {options.radius_nm:g} nm",
                "recall": f"{outcome.recall:.4f}",
                "precision": f"{outcome.precision:.4f}",
                "Jaccard": f"{outcome.jaccard:.4f}",
            }
        )
    )
    if outcome.n_matched:
        console.print()
        console.print(_errors_table(outcome, pixel_nm, options))


def _errors_table(outcome: Score, pixel_nm: float, options: _ScoreOptions) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("all", justify="right")
    table.add_column(f"isolated by {options.isolation_nm:g} nm", justify="right")
    for name, show in _ERROR_LINES:
        texts = [show(errors, pixel_nm) for errors in (outcome.overall, outcome.isolated)]
        if any(map(str.isdigit, "".join(texts))):
            table.add_row(name, *map(Text, texts))
    return table


def _pair(name: str, form: str, *, is_length: bool) -> Callable[[Errors, float], str]:
    """Return a function that shows the x and the y of an error."""

    def show(errors: Errors, pixel_nm: float) -> str:
        factor = pixel_nm if is_length else 1.0
        return ", ".join(format(factor * getattr(errors, f"{name}_{axis}"), form) for axis in "xy")

    return show


def _bound_ratio(errors: Errors, _: float) -> str:
    return f"{errors.rmse_x / errors.bound_x:.3f}, {errors.rmse_y / errors.bound_y:.3f}"


_ERROR_LINES: tuple[tuple[str, Callable[[Errors, float], str]], ...] = (
    ("pairs", lambda errors, _: str(errors.n)),
    ("root mean square error x, y (nm)", _pair("rmse", ".2f", is_length=True)),
    ("Cramér-Rao bound x, y (nm)", _pair("bound", ".2f", is_length=True)),
    ("error over bound x, y", _bound_ratio),
    ("mean error x, y (nm)", _pair("bias", "+.2f", is_length=True)),
    ("error over reported error x, y", _pair("pull", ".2f", is_length=False)),
    ("photons over true photons (median)", lambda errors, _: f"{errors.photon_ratio:.3f}"),
    ("sigma (nm, median)", lambda errors, pixel_nm: f"{errors.sigma_px * pixel_nm:.1f}"),
    ("sigma along y (nm, median)", lambda errors, pixel_nm: f"{errors.sigma_y_px * pixel_nm:.1f}"),
)
