"""``pointillist maps make``: from movies of the dark and of light to the maps of a camera."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import facts, notices, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import FilePath
from pointillist.cli.settings_options import settings_options

if TYPE_CHECKING:
    from pointillist.fitting.camera import Image, PixelStatistics
    from pointillist.pipeline_files.maps import CameraCalibration, Destination
    from pointillist.pipeline_files.movies import MovieFile
    from pointillist.settings import Metadata, Value

GAIN_FILES = ("gain.tif", "gain_error.tif")
"""Gain of each pixel as measured, and its standard error, e-/ADU."""

FLAT_FIELD_ERROR_FILE = "flatfield_error.tif"

DRIFT_RATIO = 1.1
"""Variance over variance between neighbouring frames, from which on a movie drifts."""


@dataclass(frozen=True, kw_only=True)
class _MapOptions:
    dark: Path
    flat: Path | None
    lights: tuple[Path, ...]
    overrides: tuple[str, ...]
    settings_file: Path | None
    span: tuple[int, int | None]
    folder: Path | None
    may_be_part: bool
    is_overwriting: bool


@click.command(cls=PlainErrorsCommand, interrupted="stopped; no files were written")
@click.argument("dark_movie", type=FilePath())
@click.argument("light_movie", nargs=-1, type=FilePath())
@click.option("--flat", type=FilePath(), help="Movie of even illumination, for the flat field.")
@click.option(
    "--photon-transfer",
    multiple=True,
    type=FilePath(),
    help="Movies of steady illumination, each at another intensity, for the gain: --photon-transfer light*.h5.",
)
@settings_options
@click.option("--first", type=click.IntRange(min=0), default=0, help="First frame to read of each movie.")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    show_default="the movie's last",
    help="Last frame to read of each movie.",
)
@click.option(
    "-o",
    "--output",
    type=FilePath(),
    show_default="CALIBRATION/<serial number> in PYME's data directory",
    help="Folder for the maps.",
)
@click.option("--allow-part", is_flag=True, help="Allow maps of only a part of the camera chip in PYME's folder.")
@click.option("--overwrite", is_flag=True, help="Replace existing maps.")
def command(  # noqa: PLR0913  # one for each option
    *,
    dark_movie: Path,
    light_movie: tuple[Path, ...],
    flat: Path | None,
    photon_transfer: tuple[Path, ...],
    overrides: tuple[str, ...],
    settings_file: Path | None,
    first: int,
    last: int | None,
    output: Path | None,
    allow_part: bool,
    overwrite: bool,
) -> None:
    """Measure the maps of a camera from dark and light movies.

    DARK_MOVIE is recorded with the shutter closed. LIGHT_MOVIE are more movies for --photon-transfer. The maps are
    written as PYME's calibration TIFFs; analyses with -s Camera.Maps=default find them by the camera's serial number
    and the exposure time.

    \b
    Examples:
        pointillist maps make dark.h5
        pointillist maps make dark.h5 --flat flat.h5 --photon-transfer light*.h5
        pointillist maps make dark.tif -s Camera.ElectronsPerCount=0.46 -s Camera.IntegrationTime=0.02 -o maps
    """  # noqa: D301  # click's marker for lines that stay
    if light_movie and not photon_transfer:
        raise click.UsageError("there must be one dark movie; light movies follow --flat or --photon-transfer")
    _make(
        _MapOptions(
            dark=dark_movie,
            flat=flat,
            lights=(*photon_transfer, *light_movie),
            overrides=overrides,
            settings_file=settings_file,
            span=(first, None if last is None else last + 1),
            folder=output,
            may_be_part=allow_part,
            is_overwriting=overwrite,
        )
    )


def _make(options: _MapOptions) -> None:
    from pointillist.cli.kernels import ensure_cache_folders
    from pointillist.pipeline_files.maps import describe_calibration
    from pointillist.pipeline_files.movies import open_movie
    from pointillist.settings import PIXEL_SIZE_NAMES, PIXEL_UNITS_NAME, resolve, values_of_type

    ensure_cache_folders()
    with ExitStack() as stack:
        paths = [options.dark, *([options.flat] if options.flat else []), *options.lights]
        movies = [stack.enter_context(open_movie(path)) for path in paths]
        recorded = {
            key: value for key, value in movies[0].metadata.items() if key not in (*PIXEL_SIZE_NAMES, PIXEL_UNITS_NAME)
        }
        settings = resolve(
            recorded, options.settings_file, options.overrides
        )  # dark frames may have no size in a sample
        settings.update(values_of_type(settings))
        destination = _destination(options, settings, movies[0])
        calibration = _measure(options, movies, settings)
    about: dict[str, Value] = {
        "CameraMap.StartFrame": options.span[0],
        "CameraMap.EndFrame": options.span[0] + calibration.n_dark_frames,
        "CameraMap.SourceFilename": str(options.dark.absolute()),
        **describe_calibration(calibration),
    }
    written = destination.write(_maps(calibration), _extras(calibration), about)
    _report(calibration, written)


def _destination(options: _MapOptions, settings: Metadata, dark: MovieFile) -> Destination:
    from pointillist.pipeline_files import data_root_remark
    from pointillist.pipeline_files.maps import Destination, chip_of, default_folder
    from pointillist.settings import IS_STORED_X_FIRST

    if options.folder is None and (remark := data_root_remark()):
        notices().print(f"note: {remark}", markup=False, soft_wrap=True)
    chip = chip_of(settings, dark.frame_shape)
    destination = Destination(
        folder=options.folder or default_folder(settings, chip, may_be_part=options.may_be_part),
        settings=settings,
        chip=chip,
        is_row_x=bool(settings.get(IS_STORED_X_FIRST)),
        is_overwriting=options.is_overwriting,
    )
    destination.check(
        [
            "Camera.DarkMapID",
            "Camera.VarianceMapID",
            *(["Camera.FlatfieldMapID"] if options.flat or options.lights else []),
        ],
        [*(GAIN_FILES if options.lights else ()), *([FLAT_FIELD_ERROR_FILE] if options.flat else [])],
    )
    return destination


def _measure(options: _MapOptions, movies: list[MovieFile], settings: Metadata) -> CameraCalibration:
    from pointillist.errors import MovieError, SettingError
    from pointillist.pipeline_files.maps import calibrate
    from pointillist.settings import number

    if not options.lights and number(settings, "Camera.ElectronsPerCount") is None:
        raise SettingError(
            "Camera.ElectronsPerCount",
            "missing",
            "give -s Camera.ElectronsPerCount=<e-/ADU>, or measure it with --photon-transfer",
        )
    for movie in movies[1:]:
        if movie.frame_shape != movies[0].frame_shape:
            shape = " x ".join(map(str, movies[0].frame_shape[::-1]))
            raise MovieError(
                movie.path, f"has frames of another size than the dark movie ({shape} px)", "record the same region"
            )
    moments = [_pass_through(movie, options.span) for movie in movies]
    flat = moments[1] if options.flat else None
    try:
        return calibrate(moments[0], flat, moments[1 + bool(flat) :], settings)
    except ValueError as error:
        raise MovieError(movies[1].path, str(error), "check which movie is which") from error


def _pass_through(movie: MovieFile, span: tuple[int, int | None]) -> PixelStatistics:
    import numpy as np

    from pointillist.cli.progress_display import progress_display
    from pointillist.pipeline_files.maps import measure_pixels

    n_frames = min(span[1] or movie.n_frames, movie.n_frames) - span[0]
    with progress_display(f"reading {movie.path.name}", n_frames) as progress:
        pixels = measure_pixels(movie, span, progress.show)
    ratio = float(np.median(pixels.variance) / max(float(np.median(pixels.successive_variance)), 1e-12))
    if ratio > DRIFT_RATIO:
        notices().print(
            f"note: {movie.path.name} drifts: its variance is {ratio:.2f} times that between neighbouring frames",
            markup=False,
            soft_wrap=True,
        )
    return pixels


def _maps(calibration: CameraCalibration) -> dict[str, Image]:
    maps = {"Camera.DarkMapID": calibration.offset_adu, "Camera.VarianceMapID": calibration.variance_e2}
    if calibration.flat_field is not None:
        maps["Camera.FlatfieldMapID"] = calibration.flat_field
    return maps


def _extras(calibration: CameraCalibration) -> dict[str, Image]:
    extras: dict[str, Image] = {}
    if calibration.transfer is not None:
        extras |= dict(zip(GAIN_FILES, calibration.pixel_gains(), strict=True))
    if calibration.response is not None:
        extras[FLAT_FIELD_ERROR_FILE] = calibration.response.relative_error * calibration.response.factor
    return extras


def _report(calibration: CameraCalibration, written: list[Path]) -> None:
    import numpy as np

    offset = calibration.offset_adu[~calibration.is_blemished]
    n_blemished = int(calibration.is_blemished.sum())
    rows = {
        "dark frames": str(calibration.n_dark_frames),
        "offset": f"{np.median(offset):.2f} ADU (median), standard deviation between pixels {np.std(offset):.2f}",
        "read noise": f"{calibration.read_noise_e:.2f} e- (median pixel)",
        "blemished pixels": f"{n_blemished} ({100 * n_blemished / calibration.is_blemished.size:.3g} %)",
        "gain": f"{calibration.electrons_per_adu:.5g} e-/ADU, as given",
    }
    if (transfer := calibration.transfer) is not None:
        rows["gain"] = f"{calibration.electrons_per_adu:.5g} ± {calibration.electrons_per_adu_error:.2g} e-/ADU"
        spread = f"{100 * transfer.spread_adu / transfer.slope_adu:.2g} % between pixels"
        rows["variation of the gain"] = f"{spread} (standard deviation, without the measurement error)"
        for level, slope, is_used in zip(transfer.level_adu, transfer.level_slope_adu, transfer.is_used, strict=True):
            note = "" if is_used else " (not used: saturated or unsteady)"
            rows[f"light of {level:.0f} ADU"] = f"variance {slope:.4g} times the signal, ADU{note}"
    if (response := calibration.response) is not None:
        rows["flat field"] = (
            f"spread {100 * np.std(response.factor[~calibration.is_blemished]):.2g} %, "
            f"error {100 * np.median(response.relative_error):.2g} % per pixel, at {response.level_adu:.0f} ADU"
        )
    rows |= {("maps" if number == 0 else f" {' ' * number}"): str(path) for number, path in enumerate(written[:-1])}
    output().print(facts({**rows, "settings": str(written[-1])}))
