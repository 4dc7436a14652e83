"""``pointillist info``: what is in a movie, a results file or a truth file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointillist.cli.console import facts, notices, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import FilePath

if TYPE_CHECKING:
    from pointillist.pipeline_files.movies import MovieFile
    from pointillist.plugins import Setting
    from pointillist.settings import Metadata


@click.command(cls=PlainErrorsCommand)
@click.argument("file", type=FilePath())
def command(file: Path) -> None:
    """Show the contents of a movie or results file.

    FILE is a movie (.h5, .tif, .npy), a results file (.h5r), a background file, or the truth of a simulated movie. If a
    movie's metadata are incomplete, the missing settings are listed.

    \b
    Example:
        pointillist info movie.h5
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.cli.kernels import ensure_cache_folders

    ensure_cache_folders()
    describe = {
        "results": _describe_results,
        "truth": _describe_truth,
        "background": _describe_background,
        "movie": _describe_movie,
    }
    describe[_kind(file)](file)


def _kind(file: Path) -> str:
    import h5py

    from pointillist.pipeline_files import open_hdf5

    if file.suffix == ".h5r":
        return "results"
    if file.is_file() and h5py.is_hdf5(file):
        with open_hdf5(file) as opened:
            marks = {"FitResults": "results", "Truth": "truth", "Pointillist/Frames": "background"}
            return next((kind for node, kind in marks.items() if node in opened), "movie")
    return "movie"


def _describe_movie(file: Path) -> None:
    from pointillist.pipeline_files.movies import open_movie

    with open_movie(file) as movie:
        console = output()
        console.print(facts(_movie_facts(movie)))
        _print_metadata(movie.metadata)
        for remark in movie.remarks:
            notices().print(f"note: {remark}", markup=False)
        _print_missing(movie)


def _movie_facts(movie: MovieFile) -> dict[str, str]:
    height, width = movie.frame_shape
    um = movie.metadata.get("voxelsize.x")
    seconds = movie.metadata.get("Camera.CycleTime")
    size = f", {width * um:g} x {height * um:g} µm" if isinstance(um, int | float) else ""
    duration = f", {movie.n_frames * seconds:.1f} s" if isinstance(seconds, int | float) and seconds > 0 else ""
    return {
        "movie": str(movie.path),
        "frames": f"{movie.n_frames}{duration}",
        "frame size": f"{width} x {height} px (width x height){size}",
        "pixels": f"{movie.dtype}, {movie.n_frames * width * height * movie.dtype.itemsize / 1e6:.1f} MB in memory",
        "events": str(len(movie.events)),
        "identity": movie.identity,
    }


def _print_missing(movie: MovieFile) -> None:
    from pointillist.errors import SettingError
    from pointillist.pipeline_files import prepare
    from pointillist.settings import missing_settings, resolve

    console = output()
    console.print()
    missing: list[Setting] = []
    try:
        prepare(movie)
    except SettingError as error:
        with suppress(SettingError):
            missing = missing_settings(resolve(movie.metadata))
        if not missing:
            console.print(str(error), markup=False, soft_wrap=True)
            return
        console.print(
            "[yellow]settings to add for an analysis[/yellow] (as options, or in a .json file beside the movie)"
        )
        console.print(facts({f"-s {key.name}=...": f"{key.unit or 'number'}: {key.help}" for key in missing}))
    else:
        console.print("[green]ready to be analysed[/green]")


def _describe_results(file: Path) -> None:
    from pointillist.api import summarise_results
    from pointillist.pipeline_files.results import read_results

    results = read_results(file, 0, 0)
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    summary = summarise_results(file)
    summary["complete"] = "yes" if results.is_complete else "no; give the command that started it again to resume"
    summary["movie"] = results.movie_path or "not recorded"
    summary["written by"] = versions or str(results.metadata.get("PYME.Version", "unknown"))
    output().print(facts(summary))
    _print_metadata(results.metadata)
    for remark in results.remarks:
        notices().print(f"note: {remark}", markup=False)


def _describe_background(file: Path) -> None:
    from pointillist.api import summarise_background
    from pointillist.pipeline_files.movies import open_movie

    output().print(facts(summarise_background(file)))
    with open_movie(file) as images:
        _print_metadata(images.metadata)


def _describe_truth(file: Path) -> None:
    from pointillist.pipeline_files.movies import read_truth

    truth = read_truth(file)
    conditions = truth.conditions
    height, width = conditions.frame_shape
    per_frame = len(truth.rows) / conditions.n_frames
    output().print(
        facts(
            {
                "truth": str(file),
                "emitters": f"{len(truth.rows)}, {per_frame:.1f} per frame",
                "frames": f"{conditions.n_frames} of {width} x {height} px of {conditions.pixel_size_nm:g} nm",
                "seed": str(conditions.seed),
            }
        )
    )


def _print_metadata(metadata: Metadata) -> None:
    console = output()
    console.print()
    if not metadata:
        console.print("no metadata")
        return
    console.print("metadata", style="bold")
    console.print(facts({name: str(value) for name, value in sorted(metadata.items())}))
