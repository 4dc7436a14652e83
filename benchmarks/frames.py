"""Frames/s from uint16 frames in memory to rows in memory, on one core and on two, beside Picasso's pipeline.

    python benchmarks/frames.py [--runs N]

Simulated frames: 256 x 256 px with 30 spots, 2048 x 2048 px with 1900, each of 1000 e- on 50 e-. Several threads share
the frames, a block each. The contenders take turns; figures are medians over the runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray
from peers import has_picasso, missing_peers
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from pointillist.fitting.backgrounds.no_background import NoBackground  # noqa: E402
from pointillist.fitting.detection.methods import DETECTORS  # noqa: E402 - the cache's place is read as numba is imported
from pointillist.fitting.localizations import FrameBlock, Rows  # noqa: E402 - the cache's place is read as numba is imported
from pointillist.fitting.localizer import localize  # noqa: E402
from pointillist.fitting.scoring.matching import match  # noqa: E402
from pointillist.fitting.settings import FitSettings  # noqa: E402
from pointillist.fitting.simulation.blinking import Blinking  # noqa: E402
from pointillist.fitting.simulation.movie import Scene, Simulation  # noqa: E402

MOVIES = ((256, 30, 1000), (2048, 1900, 16))
"""Edge of a frame in px, spots, frames."""
DISTINCT_PX = 20_000_000
"""Of which a longer movie repeats."""
PICASSO_GRADIENT, PICASSO_BOX = 1500.0, 7
ANALYSES = {
    "difference-of-gaussians, wls 11 × 11": FitSettings(psf_sigma_px=1.064, background=NoBackground()),
    "local-maximum, mle 7 × 7": FitSettings(
        psf_sigma_px=1.3,
        background=NoBackground(),
        detector="local-maximum",
        estimator="mle",
        background_model="flat",
        roi_half_size=3,
    ),
}


@contextmanager
def cores(n: int) -> Iterator[None]:
    """Keep this thread, and those that it starts, to a number of cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(allowed)[-n:]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def analyse(frames: NDArray[np.uint16], simulation: Simulation, settings: FitSettings, n_threads: int) -> Rows:
    """Localize everything, on as many cores as threads."""

    def part(start: int, stop: int) -> Rows:
        block = FrameBlock(frames=frames[start:stop], first=start, n_movie_frames=len(frames))
        return localize(block, start, stop, simulation.camera, settings).rows

    ends = np.linspace(0, len(frames), n_threads + 1).astype(int).tolist()
    with cores(n_threads), ThreadPoolExecutor(n_threads) as pool:
        return np.concatenate(list(pool.map(part, ends[:-1], ends[1:])))


def picasso(frames: NDArray[np.uint16], simulation: Simulation) -> Rows:
    """Localize everything by Picasso's identification and its fit of circular spots by likelihood, on one core."""
    from picasso import localize as theirs  # noqa: PLC0415 - heavy, and optional

    camera = simulation.camera
    info = {"Baseline": camera.offset_adu, "Sensitivity": camera.electrons_per_adu, "Gain": 1}
    with cores(1):
        found = theirs.identify(frames, PICASSO_GRADIENT, PICASSO_BOX, threaded=False, return_info=False)
        spots = theirs.get_spots(frames, found, PICASSO_BOX, info)
        fits = theirs.fit_spots_gauss(spots, mle=True, spherical=True)
    rows = np.zeros(len(fits), np.dtype([("frame", "<i4"), ("x", "<f8"), ("y", "<f8")]))
    rows["frame"] = found["frame"]
    rows["x"] = found["x"] + fits[:, 1] - PICASSO_BOX // 2
    rows["y"] = found["y"] + fits[:, 2] - PICASSO_BOX // 2
    return rows


def show_movie(table: Table, edge: int, n_spots: int, n_frames: int, runs: int) -> None:
    """Add the rows of one kind of frame."""
    scene = Scene(frame_shape=(edge, edge), blinking=Blinking(emitters_per_frame=n_spots))
    simulation = Simulation(scene, seed=1)
    n_distinct = min(n_frames, 1 + DISTINCT_PX // edge**2)
    frames = np.resize(simulation.frames(0, n_distinct), (n_frames, edge, edge))
    truth = simulation.emitters(0, n_distinct)
    contenders: dict[tuple[str, int], Callable[[], Rows]] = {
        (name, n): partial(analyse, frames, simulation, settings, n)
        for name, settings in ANALYSES.items()
        if settings.detector in DETECTORS
        for n in (1, 2)
    }
    n_of_picasso = min(n_frames, n_distinct, 100)
    if has_picasso():
        contenders["Picasso identify, likelihood 7 × 7", 1] = partial(picasso, frames[:n_of_picasso], simulation)
    rows = {key: run() for key, run in contenders.items()}  # compiles the kernels, too
    seconds: dict[tuple[str, int], list[float]] = {key: [] for key in contenders}
    for _ in range(runs):
        for key, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[key].append(time.perf_counter() - start)
    for (name, n_threads), times in seconds.items():
        n = n_of_picasso if name.startswith("Picasso") else n_frames
        found = rows[name, n_threads]
        found, known = (array[array["frame"] < min(n, n_distinct)] for array in (found, truth))
        rate, hits = n / statistics.median(times), len(match(found, known, 1.5).truth)
        ratios = (f"{hits / len(known):.3f}", f"{hits / max(1, len(found)):.3f}")
        per_second = (f"{rate:,.0f}", f"{rate * len(rows[name, n_threads]) / n:,.0f}")
        table.add_row(f"{edge}², {n_spots} spots", name, str(n_threads), *per_second, *ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    asked = parser.parse_args()
    console = Console(width=150)
    for line in missing_peers():
        console.print(line)
    table = Table("frames", "analysis", "cores", title="Frames to rows, in memory", box=MARKDOWN)
    for column in ("frames/s", "rows/s", "recall", "precision"):
        table.add_column(column, justify="right")
    for edge, n_spots, n_frames in MOVIES:
        show_movie(table, edge, n_spots, n_frames, asked.runs)
    console.print(table)


if __name__ == "__main__":
    main()
