"""``pointillist render``: a picture of the localizations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import facts, notices, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.errors import SettingError

if TYPE_CHECKING:
    from pointillist.fitting import Rows
    from pointillist.localizations import Canvas, Image
    from pointillist.pipeline_files import Destination
    from pointillist.pipeline_files.results import Results

MOST_PIXELS = 400_000_000
POSITIVE = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True, kw_only=True)
class _RenderOptions:
    result: Path
    picture: Path
    pixel_size_nm: float
    method: str
    max_error_nm: float | None


@click.command(cls=PlainErrorsCommand)
@click.argument("result", type=FilePath())
@click.option(
    "-o",
    "--output",
    type=DestinationPath(),
    show_default="<result>.png",
    help="Picture (.png), or numbers for measurements (.tif).",
)
@click.option("--pixel-size", type=POSITIVE, default=20, help="Pixel size of the picture, nm.")
@click.option(
    "--method",
    type=click.Choice(["gaussian", "histogram"]),
    default="gaussian",
    help="gaussian: each localization is drawn as wide as its error; histogram: it is counted in one pixel.",
)
@click.option("--max-error", type=POSITIVE, help="Maximum position error of the drawn localizations, nm.")
def command(  # one for each option
    *, result: Path, output: Destination | None, pixel_size: float, method: str, max_error: float | None
) -> None:
    """Draw the localizations of a results file.

    A PNG has a scale bar. A TIFF holds the number of localizations per pixel as 32-bit floats, and the pixel size.

    \b
    Examples:
        pointillist render movie.h5r
        pointillist render movie.h5r -o fine.png --pixel-size 5 --max-error 15
        pointillist render movie.h5r -o counts.tif --method histogram
    """  # noqa: D301  # click's marker for lines that stay
    usual = f"{result.stem}.png"
    picture = output.file(usual, ".png", ".tif", ".tiff") if output else Path(usual)
    _render(
        _RenderOptions(result=result, picture=picture, pixel_size_nm=pixel_size, method=method, max_error_nm=max_error)
    )


def _render(options: _RenderOptions) -> None:
    from pointillist.api import portions
    from pointillist.cli.kernels import ensure_cache_folders
    from pointillist.cli.picture import write_png, write_tiff
    from pointillist.localizations import add_gaussians, add_histogram
    from pointillist.pipeline_files.results import read_results

    ensure_cache_folders()
    results = read_results(options.result, 0, 0)
    if not results.is_complete:
        notices().print("note: the analysis is not finished; the picture shows the localizations found so far")
    camera_nm = 1000 * float(str(results.metadata.get("voxelsize.x")))
    canvas = _canvas(options, results, camera_nm)
    add = add_histogram if options.method == "histogram" else add_gaussians
    image, n_drawn = canvas.blank(), 0
    for rows in portions(options.result, results.n_localizations):
        n_drawn += add(image, canvas, _precise(rows, options.max_error_nm, camera_nm))
    write = write_png if options.picture.suffix.lower() == ".png" else write_tiff
    write(options.picture, image, options.pixel_size_nm)
    _summarise(options, image, n_drawn, results.n_localizations)


def _canvas(options: _RenderOptions, results: Results, camera_nm: float) -> Canvas:
    from pointillist.api import frame_shape
    from pointillist.localizations import Canvas
    from pointillist.pipeline_files.results import read_results

    rows = results.rows if "Camera.ROIWidth" in results.metadata else read_results(options.result).rows
    canvas = Canvas(frame_shape=frame_shape(results.metadata, rows), magnification=camera_nm / options.pixel_size_nm)
    height, width = canvas.shape
    if height * width > MOST_PIXELS:
        problem = f"a picture of {width} x {height} px is too large"
        raise SettingError("--pixel-size", problem, f"give more than {options.pixel_size_nm:g} nm")
    return canvas


def _precise(rows: Rows, max_error_nm: float | None, camera_nm: float) -> Rows:
    import numpy as np

    from pointillist.fitting.estimation import precision_px

    if max_error_nm is None:
        return rows
    if "x_error" not in (rows.dtype.names or ()):
        raise SettingError("--max-error", "the fit of these results reports no position errors", "leave the option out")
    with np.errstate(invalid="ignore"):
        return np.asarray(rows[precision_px(rows) * camera_nm <= max_error_nm])


def _summarise(options: _RenderOptions, image: Image, n_drawn: int, n_localizations: int) -> None:
    height, width = image.shape
    um = options.pixel_size_nm / 1000
    output().print(
        facts(
            {
                "picture": str(options.picture),
                "size": f"{width} x {height} px of {1000 * um:g} nm, {width * um:.4g} x {height * um:.4g} µm",
                "drawn": f"{n_drawn} of {n_localizations} localizations, method {options.method}",
            }
        )
    )
