"""``pointillist simulate``: a movie of blinking emitters, and the truth beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pointillist.cli.console import facts, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import DestinationPath
from pointillist.cli.progress_display import progress_display
from pointillist.cli.recording import Recording, calibration_movies, files_of, write_movie
from pointillist.cli.scene_options import SceneOptions, scene_options
from pointillist.errors import ResultsError

if TYPE_CHECKING:
    from pointillist.fitting.simulation import Simulation
    from pointillist.pipeline_files import Destination
    from pointillist.pipeline_files.movies import Frames

SUFFIXES = (".h5", ".tif", ".tiff", ".npy")
MAP_SETTINGS = {
    "offset_adu": ("dark", "Camera.DarkMapID"),
    "read_variance_e2": ("variance", "Camera.VarianceMapID"),
    "flat_field": ("flatfield", "Camera.FlatfieldMapID"),
}


@click.command(cls=PlainErrorsCommand, interrupted="stopped; the unfinished files were removed")
@click.argument("out", type=DestinationPath())
@scene_options
@click.option(
    "--maps",
    is_flag=True,
    help="Write the camera's dark, variance and flat-field maps, and name them in the movie's metadata.",
)
@click.option(
    "--calibration",
    type=click.IntRange(min=2),
    metavar="N",
    help="Also write calibration movies of N frames each for 'maps make': dark, flat field, and six light levels.",
)
@click.option("--compress", is_flag=True, help="Compress .h5 like PYME: half the size at a third of the speed.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def command(  # one for each option
    out: Destination,
    *,
    maps: bool,
    calibration: int | None,
    compress: bool,
    overwrite: bool,
    **scene: Any,  # noqa: ANN401  # checked by click
) -> None:
    """Simulate a movie of blinking molecules with known truth.

    OUT is an .h5 file in PYME's format, or a .tif or .npy file with its metadata in a .json file beside it. The true
    positions are written to <stem>.truth.h5.

    \b
    Examples:
        pointillist simulate movie.h5
        pointillist simulate pores.tif --structure pores --on-time 2 --photon-spread 0.4
        pointillist simulate scmos.h5 --camera scmos --maps --frames 5000
        pointillist simulate scmos.h5 --camera scmos --calibration 500
    """  # noqa: D301  # click's marker for lines that stay
    output_options = _OutputOptions(
        out.file("movie.h5", *SUFFIXES),
        has_maps=maps,
        n_calibration_frames=calibration,
        is_compressed=compress,
        is_overwriting=overwrite,
    )
    _simulate(output_options, SceneOptions(**scene))


@dataclass(frozen=True)
class _OutputOptions:
    path: Path
    has_maps: bool
    n_calibration_frames: int | None
    is_compressed: bool
    is_overwriting: bool


def _simulate(output_options: _OutputOptions, options: SceneOptions) -> None:
    from pointillist.cli.kernels import ensure_cache_folders

    ensure_cache_folders()
    from pointillist.fitting.simulation import Simulation
    from pointillist.pipeline_files.movies import create_truth, truth_path

    out = output_options.path
    files = [*files_of(out), truth_path(out)]
    simulation = Simulation(options.scene(), options.camera_model(), options.seed)
    maps = _maps_of(out, simulation) if output_options.has_maps else {}
    files += maps
    calibration = calibration_movies(out, simulation, output_options.n_calibration_frames)
    files += [file for path in calibration for file in files_of(path)]
    _check_outputs(files, is_overwriting=output_options.is_overwriting)
    plain = _metadata(options, simulation)
    metadata = {**plain, **{key: path.name for path, (key, _) in maps.items()}}
    begun = time.monotonic()
    try:
        _write_maps(maps)
        with (
            create_truth(truth_path(out), _conditions(options, simulation)) as truth,
            progress_display(f"simulating {out.name}", options.frames) as progress,
        ):
            recording = Recording(simulation, options.frames, truth, progress)
            write_movie(out, metadata, recording, is_compressed=output_options.is_compressed)
        for path, (still, n_frames) in calibration.items():
            with progress_display(f"simulating {path.name}", n_frames) as progress:
                in_even_light = Recording(still, n_frames, None, progress)
                write_movie(path, plain, in_even_light, is_compressed=output_options.is_compressed)
    except BaseException:
        _remove(files)
        raise
    _summarise(out, options, recording.n_emitters, time.monotonic() - begun)


def _metadata(options: SceneOptions, simulation: Simulation) -> dict[str, Any]:
    import numpy as np

    camera = simulation.camera
    height, width = options.size
    return {
        "voxelsize.x": options.pixel_size / 1000,
        "voxelsize.y": options.pixel_size / 1000,
        "voxelsize.units": "um",
        "Camera.Name": f"simulated {options.camera}",
        "Camera.SerialNumber": f"simulated-{options.camera}-{options.seed}",
        "Camera.SensorWidth": width,
        "Camera.SensorHeight": height,
        "Camera.ADOffset": round(float(np.mean(camera.offset_adu)), 3),
        "Camera.ElectronsPerCount": camera.electrons_per_adu,
        "Camera.TrueEMGain": camera.em_gain,
        "Camera.NoiseFactor": camera.noise_factor,
        "Camera.ReadNoise": round(float(np.sqrt(np.median(camera.read_variance_e2))), 4),
        "Camera.ROIOriginX": 0,
        "Camera.ROIOriginY": 0,
        "Camera.ROIWidth": width,
        "Camera.ROIHeight": height,
        "Camera.CycleTime": 0.02,
        "Camera.IntegrationTime": 0.02,
        "EstimatedLaserOnFrameNo": 0,
        "Simulation.Seed": options.seed,
        "Simulation.Structure": options.structure,
        "Simulation.Emitters": float(options.emitters),
        "Simulation.OnTime": float(options.on_time),
        "Simulation.Photons": float(options.photons),
        "Simulation.Background": float(options.background),
        "Simulation.PSFSigma": float(options.sigma),
    }


def _conditions(options: SceneOptions, simulation: Simulation) -> Any:  # noqa: ANN401  # its class is imported late
    import numpy as np

    from pointillist.pipeline_files.movies import Conditions

    camera = simulation.camera
    variance = camera.maps(options.size).read_variance_e2
    return Conditions(
        n_frames=options.frames,
        frame_shape=options.size,
        pixel_size_nm=options.pixel_size,
        noise_factor=camera.noise_factor,
        read_variance=variance if np.ndim(camera.read_variance_e2) else float(variance[0, 0]),
        seed=options.seed,
    )


def _maps_of(out: Path, simulation: Simulation) -> dict[Path, tuple[str, Frames]]:
    """Return for each map its file, its key and its values."""
    import numpy as np

    shape = simulation.scene.frame_shape
    return {
        out.with_name(f"{out.stem}.{name}.tif"): (
            key,
            np.broadcast_to(np.float32(getattr(simulation.camera, field)), shape),
        )
        for field, (name, key) in MAP_SETTINGS.items()
    }


def _write_maps(maps: dict[Path, tuple[str, Frames]]) -> None:
    from pointillist.pipeline_files.movies import write_map

    for path, (_, values) in maps.items():
        write_map(path, values)


def _check_outputs(files: list[Path], *, is_overwriting: bool) -> None:
    from pointillist.pipeline_files import translated_write_errors

    with translated_write_errors(files[0]):
        files[0].parent.mkdir(parents=True, exist_ok=True)
    if is_overwriting:
        _remove(files)
    for path in files:
        if path.exists():
            raise ResultsError(path, "exists already", "choose another name, or add --overwrite")


def _remove(files: list[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def _summarise(out: Path, options: SceneOptions, n_emitters: int, seconds: float) -> None:
    from pointillist.pipeline_files.movies import truth_path

    height, width = options.size
    um = options.pixel_size / 1000
    output().print(
        facts(
            {
                "movie": str(out),
                "truth": str(truth_path(out)),
                "frames": f"{options.frames} of {width} x {height} px, {width * um:g} x {height * um:g} µm",
                "emitters": f"{n_emitters}, {n_emitters / options.frames:.1f} per frame",
                "took": f"{seconds:.1f} s, {options.frames / seconds:.0f} frames/s",
            }
        )
    )
