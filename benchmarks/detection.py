"""Mpx/s of each detector on one core, from raw counts to candidates, beside Picasso's and PYME's.

    python benchmarks/detection.py [--runs N]

Simulated uint16 frames from memory: 256 x 256 px with 30 spots, 2048 x 2048 px with 1900, each of 1000 e- on 50 e-.
The contenders take turns on one core; figures are medians over the runs. Ours correct for the camera and estimate each
pixel's noise as they go, PYME's is given both, Picasso's looks at counts. Recall and precision are of the candidates,
within 2 px of the truth, 10 px off the edges: they tell that the thresholds are working ones.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import has_picasso, has_pyme, missing_peers
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from cli.kernels import use_kernel_cache

use_kernel_cache()

from fitting.backgrounds.no_background import NoBackground  # noqa: E402
from fitting.detectors import DETECTORS  # noqa: E402 - the cache's place is read as numba is imported
from fitting.localizations import FrameBlock  # noqa: E402 - the cache's place is read as numba is imported
from fitting.localize import FrameAnalysis  # noqa: E402
from fitting.matching import match  # noqa: E402
from fitting.settings import FitSettings  # noqa: E402
from fitting.simulation.blinking import Blinking  # noqa: E402
from fitting.simulation.movie import Scene, Simulation  # noqa: E402
from fitting.truth import Truth  # noqa: E402

MOVIES = ((256, 30, 40), (2048, 1900, 2))
"""Edge of a frame in px, spots, frames."""
PYME_DETECTION = Path(__file__).with_name("pyme_detection.py")
PICASSO_GRADIENT, PICASSO_BOX = 1500.0, 7
"""Least net gradient, in counts: the one of the best recall at a precision of 0.99 here."""

POINT_DTYPE = np.dtype([("frame", "<i4"), ("x", "<f8"), ("y", "<f8")])


def points_of(found: list[tuple[NDArray[np.floating], NDArray[np.floating]]]) -> NDArray[np.void]:
    """Return the points of consecutive frames, given as x and y."""
    points = np.zeros(sum(len(x) for x, _ in found), POINT_DTYPE)
    points["frame"] = np.repeat(np.arange(len(found)), [len(x) for x, _ in found])
    if len(found):
        points["x"] = np.concatenate([x for x, _ in found])
        points["y"] = np.concatenate([y for _, y in found])
    return points


def recall_and_precision(points: NDArray[np.void], truth: Truth, edge: int) -> tuple[float, float]:
    """Compare candidates with the truth, away from the edges."""
    inner = [
        rows[np.all([(rows[axis] >= 10) & (rows[axis] < edge - 10) for axis in ("x", "y")], axis=0)]
        for rows in (points, truth)
    ]
    n_true, n_found = (
        len(match(first, second, 2.0).truth) for first, second in ((points, inner[1]), (inner[0], truth))
    )
    return n_true / max(1, len(inner[1])), n_found / max(1, len(inner[0]))


class Own:
    """One of our detectors, frame by frame as in an analysis."""

    def __init__(self, frames: NDArray[np.uint16], simulation: Simulation, detector: str) -> None:
        settings = FitSettings(psf_sigma_px=1.3, background=NoBackground(), detector=detector)
        block = FrameBlock(frames=frames, first=0, n_movie_frames=len(frames))
        self._analysis = FrameAnalysis(block, simulation.camera, settings)
        self._n = len(frames)

    def run(self) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        """Find the candidates of every frame."""
        found = []
        for frame in range(self._n):
            self._analysis.load(frame)
            points = self._analysis.candidates()
            found.append((points[:, 0], points[:, 1]))
        return found


def picasso_run(
    frames: NDArray[np.uint16],
) -> Callable[[], list[tuple[NDArray[np.floating], NDArray[np.floating]]]]:
    """Return Picasso's identification, frame by frame."""
    from picasso import localize  # noqa: PLC0415 - heavy, and optional

    def run() -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        found = []
        for frame in frames:
            y, x, _ = localize.identify_in_frame(frame, PICASSO_GRADIENT, PICASSO_BOX)
            found.append((x, y))
        return found

    return run


def pyme_seconds(frames: NDArray[np.uint16], simulation: Simulation) -> float:
    """Return PYME's median seconds/frame."""
    camera = simulation.camera
    signal = (frames.astype(np.float32) - np.float32(camera.offset_adu)) * np.float32(camera.electrons_per_adu)
    noise = np.sqrt(np.maximum(signal, camera.electrons_per_adu) + 1 + camera.read_variance_e2)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "frames.npz"
        np.savez(source, signal=np.maximum(signal, 0), noise=noise)
        command = [os.environ["POINTILLIST_PYME_PYTHON"], "-W", "ignore", str(PYME_DETECTION), str(source)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout.splitlines()[-1])


def show_movie(table: Table, edge: int, n_spots: int, n_frames: int, runs: int) -> None:
    """Add the rows of one kind of frame."""
    blinking = Blinking(emitters_per_frame=n_spots)
    simulation = Simulation(Scene(frame_shape=(edge, edge), blinking=blinking), seed=1)
    frames, truth = simulation.frames(0, n_frames), simulation.emitters(0, n_frames)
    contenders = {detector: Own(frames, simulation, detector).run for detector in DETECTORS}
    if has_picasso():
        contenders["Picasso identify"] = picasso_run(frames)
    found = {name: run() for name, run in contenders.items()}  # compiles the kernels, too
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    pyme: list[float] = []
    for _ in range(runs):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
        if has_pyme():
            pyme.append(n_frames * pyme_seconds(frames, simulation))
    for name, times in seconds.items():
        rate = frames.size / 1e6 / statistics.median(times)
        recall, precision = recall_and_precision(points_of(found[name]), truth, edge)
        cells = (f"{rate:.0f}", f"{1e-3 * edge**2 / rate:.2f}", f"{recall:.3f}", f"{precision:.3f}")
        table.add_row(f"{edge}², {n_spots} spots", name, *cells)
    if pyme:
        rate = frames.size / 1e6 / statistics.median(pyme)
        table.add_row(f"{edge}², {n_spots} spots", "PYME", f"{rate:.0f}", f"{1e-3 * edge**2 / rate:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="runs of each measurement")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=140)
    for line in missing_peers():
        console.print(line)
    table = Table("frames", "detector", title="Detection on one core", box=MARKDOWN)
    for column in ("Mpx/s", "ms/frame", "recall", "precision"):
        table.add_column(column, justify="right")
    for edge, n_spots, n_frames in MOVIES:
        show_movie(table, edge, n_spots, n_frames, asked.runs)
    console.print(table)


if __name__ == "__main__":
    main()
