"""Frames/s and fits/s on PYME's benchmark setting: the stages, bare loops, workers, and PYME beside them.

    python benchmarks/throughput.py [--frames N] [--large-frames N] [--runs N]

A movie of 256 x 256 px with 30 spots of 1000 e- per frame is simulated and written as PYME spools it (zlib), and
uncompressed; so is one of 2048 x 2048 px with 1900 spots, for the service alone. Every figure is the median of the
runs, which take turns. Where POINTILLIST_PYME_PYTHON names an
interpreter that has PYME, PYME's loop over the same file runs between ours.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from pointillist.fitting.backgrounds.background import window_span  # noqa: E402 - the cache's place is read as numba is imported
from pointillist.fitting.localizations import FrameBlock  # noqa: E402
from pointillist.fitting.localizer import FrameAnalysis, localize  # noqa: E402
from pointillist.fitting.simulation.blinking import Blinking  # noqa: E402
from pointillist.fitting.simulation.movie import Scene, Simulation  # noqa: E402
from pointillist.pipeline_files.maps.camera import camera_model  # noqa: E402
from pointillist.pipeline_files.movies.movie import Movie, open_movie  # noqa: E402
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5  # noqa: E402
from pointillist.settings.analysis import fit_settings, resolve  # noqa: E402
from pointillist.settings.encoding import job_settings  # noqa: E402
from pointillist.settings.typed_settings import camera_settings  # noqa: E402
from pointillist.supervision.launch import embedded  # noqa: E402

METADATA = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.1,
    "Camera.ADOffset": 100.0,
    "Camera.TrueEMGain": 1.0,
    "Camera.ElectronsPerCount": 0.46,
    "Camera.NoiseFactor": 1.0,
    "Camera.ReadNoise": 1.6,
}
PYME_LOOP = Path(__file__).with_name("pyme_loop.py")
BLOCK = 100  # frames that are read at a time
LARGE_PX, LARGE_SPOTS, LARGE_DISTINCT = 2048, 1900, 8
PYME, LOOP, SERVICE = "PYME, its loop, one process", "bare loop, threads: {}", "service to .h5r, workers: {}"


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start


def time_stages(movie: Movie, background: str) -> tuple[dict[str, float], int]:
    """Seconds per stage over the whole movie in one thread, and the number of fits."""
    values = resolve(movie.metadata, None, [f"Analysis.BGRange={background}"])
    settings, camera = fit_settings(values), camera_model(camera_settings(values), movie.frame_shape, movie.path.parent)
    seconds: dict[str, float] = {}
    n_fits = 0
    for start in range(0, movie.n_frames, BLOCK):
        stop = min(start + BLOCK, movie.n_frames)
        lo, hi = window_span(settings, start, stop, movie.n_frames)
        with timed(seconds, "read"):
            frames = movie.read(lo, hi)
        block = FrameBlock(frames=frames, first=lo, n_movie_frames=movie.n_frames)
        with timed(seconds, "other"):
            analysis = FrameAnalysis.of(block, camera, settings)
        for frame in range(start, stop):
            with timed(seconds, "background"):
                analysis.load(frame)
            with timed(seconds, "correction and detection"):
                points = analysis.candidates()
            with timed(seconds, "fit"):
                analysis.add_fits(frame, points)
            n_fits += len(points)
    return seconds, n_fits


def time_loop(path: Path, background: str, n_threads: int) -> float:
    """Seconds of a bare loop: read and localize, in threads that share the movie, a part each."""
    with open_movie(path) as movie:
        values = resolve(movie.metadata, None, [f"Analysis.BGRange={background}"])
        settings, camera = (
            fit_settings(values),
            camera_model(camera_settings(values), movie.frame_shape, movie.path.parent),
        )
        edges = [part * movie.n_frames // n_threads for part in range(n_threads + 1)]

    def run(part: int) -> None:
        with open_movie(path) as movie:
            for start in range(edges[part], edges[part + 1], 5 * BLOCK):
                stop = min(start + 5 * BLOCK, edges[part + 1])
                lo, hi = window_span(settings, start, stop, movie.n_frames)
                block = FrameBlock(frames=movie.read(lo, hi), first=lo, n_movie_frames=movie.n_frames)
                localize(block, start, stop, camera, settings)

    began = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as threads:
        list(threads.map(run, range(n_threads)))
    return time.perf_counter() - began


def time_service(path: Path, background: str, n_workers: int) -> float:
    """Seconds from submission to the finished ``.h5r``, with workers that have done a short job before."""
    with open_movie(path) as movie:
        values = resolve(movie.metadata, None, [f"Analysis.BGRange={background}"])
        short = {**values, "Analysis.StartAt": max(0, movie.n_frames - 400)}
        identity = movie.identity
    with tempfile.TemporaryDirectory() as folder, embedded(n_workers, on_message=lambda _: None) as client:
        for settings in (short, values):
            began = time.perf_counter()
            job = client.submit(str(path), identity, job_settings(settings), output=str(Path(folder) / "out.h5r"))
            while not client.progress(job).is_over:
                time.sleep(0.02)
        return time.perf_counter() - began


def time_pyme(path: Path, background: str, n_frames: int) -> float:
    """Frames/s of PYME's own loop over the first frames of the movie."""
    command = [
        os.environ["POINTILLIST_PYME_PYTHON"],
        "-W",
        "ignore",
        str(PYME_LOOP),
        str(path),
        background,
        str(n_frames),
    ]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def median(measure: Callable[[], float], runs: int) -> float:
    return statistics.median(measure() for _ in range(runs))


def write_movies(folder: Path, n_frames: int) -> dict[str, Path]:
    """Write the same frames compressed and not; return the files by kind."""
    simulation = Simulation(Scene(), seed=1)
    frames = np.concatenate(
        [simulation.frames(start, min(start + BLOCK, n_frames)) for start in range(0, n_frames, BLOCK)]
    )
    return write_both(folder, frames)


def write_large_movies(folder: Path, n_frames: int) -> dict[str, Path]:
    """Write frames of a whole sCMOS sensor, a few over and over, compressed and not."""
    scene = Scene(frame_shape=(LARGE_PX, LARGE_PX), blinking=Blinking(emitters_per_frame=LARGE_SPOTS))
    frames = Simulation(scene, seed=1).frames(0, min(n_frames, LARGE_DISTINCT))
    return write_both(folder, np.resize(frames, (n_frames, LARGE_PX, LARGE_PX)))


def write_both(folder: Path, frames: NDArray[np.uint16]) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    paths = {kind: folder / f"{kind}.h5" for kind in ("zlib", "uncompressed")}
    for kind, path in paths.items():
        write_pyme_h5(path, [frames], METADATA, is_compressed=kind == "zlib")
    return paths


def show_stages(console: Console, path: Path, runs: int) -> None:
    table = Table("background", "stage", "µs/frame", "share", title="One thread, stage by stage (zlib)", box=MARKDOWN)
    for background in ("0:0", "-30:0"):
        with open_movie(path) as movie:
            samples = [time_stages(movie, background) for _ in range(runs)]
            n_frames = movie.n_frames
        medians = {stage: statistics.median(seconds[stage] for seconds, _ in samples) for stage in samples[0][0]}
        total, n_fits = sum(medians.values()), samples[0][1]
        for stage, seconds in medians.items():
            table.add_row(background, stage, f"{1e6 * seconds / n_frames:.0f}", f"{seconds / total:.0%}")
        table.add_row(background, "fits/s in the fit alone", f"{n_fits / medians['fit']:,.0f}", "")
    console.print(table)


def show_rates(console: Console, paths: dict[str, Path], runs: int, n_frames: int) -> None:
    title = "From .h5 to localizations"
    table = Table("movie", "background", "what", "frames/s", "to PYME", "to one loop", title=title, box=MARKDOWN)
    for (kind, path), background in itertools.product(paths.items(), ("0:0", "-30:0")):
        rates: dict[str, list[float]] = {}
        for _ in range(runs):
            if "POINTILLIST_PYME_PYTHON" in os.environ:
                rates.setdefault(PYME, []).append(time_pyme(path, background, 100))
            for n in (1, 2):
                rates.setdefault(LOOP.format(n), []).append(n_frames / time_loop(path, background, n))
                rates.setdefault(SERVICE.format(n), []).append(n_frames / time_service(path, background, n))
        medians = {name: statistics.median(samples) for name, samples in rates.items()}
        for name, rate in medians.items():
            to_pyme = f"{rate / medians[PYME]:.0f}" if PYME in medians else ""
            to_one = f"{rate / medians[LOOP.format(1)]:.2f}"
            table.add_row(kind, background, name, f"{rate:,.0f}", to_pyme, to_one)
    console.print(table)


def show_large_rates(console: Console, paths: dict[str, Path], runs: int, n_frames: int) -> None:
    title = f"From .h5 to .h5r, {LARGE_PX} x {LARGE_PX} px"
    table = Table("movie", "background", "1 worker, frames/s", "2 workers", title=title, box=MARKDOWN)
    for (kind, path), background in itertools.product(paths.items(), ("0:0", "-30:0")):
        seconds = [[time_service(path, background, n) for n in (1, 2)] for _ in range(runs)]
        medians = (f"{n_frames / statistics.median(found):.1f}" for found in zip(*seconds, strict=True))
        table.add_row(kind, background, *medians)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=6000, help="length of the movie")
    parser.add_argument("--large-frames", type=int, default=100, help="length of the movie of large frames; 0: none")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    arguments = parser.parse_args()
    console = Console(width=100)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_movies(Path(folder), arguments.frames)
        for path in paths.values():
            with open_movie(path) as movie:
                time_stages(movie, "-30:0")  # the kernels are compiled, and the file is in memory
        show_stages(console, paths["zlib"], arguments.runs)
        show_rates(console, paths, arguments.runs, arguments.frames)
        if arguments.large_frames:
            paths = write_large_movies(Path(folder) / "large", arguments.large_frames)
            show_large_rates(console, paths, arguments.runs, arguments.large_frames)


if __name__ == "__main__":
    main()
