"""Mpx/s of each detector on one core, from raw counts to candidates, beside scipy's, Picasso's and PYME's.

    python benchmarks/detection.py [TABLE ...] [--runs N]

Simulated uint16 frames from memory: 256 x 256 px with 30 spots, 2048 x 2048 px with 1900, each of 1000 e- on 50 e-.
The contenders take turns on one core; figures are medians over the runs. Ours correct for the camera and estimate each
pixel's noise as they go, as do the lines of scipy that find the same components, without debounce; PYME's is given
both, Picasso's looks at counts. Recall and precision are of the candidates, within 2 px of the truth, 10 px off the
edges: they tell that the thresholds are working ones.

Tables: speed; crowds, what a candidate costs where frames are full of them; both if none is named.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import has_picasso, has_pyme, missing_peers
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from scipy import ndimage

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from pointillist.fitting.backgrounds.no_background import NoBackground  # noqa: E402
from pointillist.fitting.detection.candidates import without_neighbours  # noqa: E402 - the cache's place is read as numba is imported
from pointillist.fitting.detection.detector import RawFrame  # noqa: E402
from pointillist.fitting.detection.methods import DETECTORS  # noqa: E402
from pointillist.fitting.detection.registry import detector_of  # noqa: E402
from pointillist.fitting.localizations import FrameBlock  # noqa: E402
from pointillist.fitting.localizer import FrameAnalysis  # noqa: E402
from pointillist.fitting.scoring.matching import match  # noqa: E402
from pointillist.fitting.scoring.truth import Truth  # noqa: E402
from pointillist.fitting.settings import FitSettings  # noqa: E402
from pointillist.fitting.simulation.blinking import Blinking  # noqa: E402
from pointillist.fitting.simulation.movie import Scene, Simulation  # noqa: E402
from pointillist.fitting.simulation.sensor import ccd  # noqa: E402

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
        self._analysis = FrameAnalysis.of(block, simulation.camera, settings)
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


def scipy_run(
    frames: NDArray[np.uint16], simulation: Simulation
) -> Callable[[], list[tuple[NDArray[np.floating], NDArray[np.floating]]]]:
    """Return the difference of Gaussians by scipy, single precision as the data, frame by frame."""
    camera = simulation.camera
    offset, gain, read = (
        np.float32(value) for value in (camera.offset_adu, camera.electrons_per_adu, camera.read_variance_e2)
    )

    def run() -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        found = []
        for frame in frames:
            signal = np.maximum((frame.astype(np.float32) - offset) * gain, 0)
            filtered = ndimage.gaussian_filter(signal, 1.0) - ndimage.gaussian_filter(signal, 3.0)
            is_above = filtered > np.sqrt(np.maximum(signal, gain) + 1 + read)
            is_above[:5] = is_above[-5:] = is_above[:, :5] = is_above[:, -5:] = False
            boxes = ndimage.find_objects(ndimage.label(is_above)[0])
            within = np.array([ndimage.center_of_mass(filtered[box]) for box in boxes]).reshape(-1, 2)
            corners = np.array([[along.start for along in box] for box in boxes]).reshape(-1, 2)
            found.append(((within + corners)[:, 1], (within + corners)[:, 0]))
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
    contenders["difference of Gaussians by scipy"] = scipy_run(frames, simulation)
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


def crowded_frames(edge: int) -> dict[str, NDArray[np.uint16]]:
    """Return frames with very many candidates."""
    rng = np.random.default_rng(1)
    y, x = np.indices((edge, edge))
    return {
        "noise of 50 e-": (100 + rng.poisson(50, (edge, edge)) / 0.46).astype(np.uint16),
        "0 or 65535, at random": rng.choice(np.array([0, 65535], np.uint16), (edge, edge)),
        "every third pixel saturated": np.where((y % 3 == 0) & (x % 3 == 0), 65535, 100).astype(np.uint16),
        "saturated": np.full((edge, edge), 65535, np.uint16),
        "a corner full of spots": np.where((y % 4 == 0) & (x % 4 == 0) & (y + x < edge), 4000, 100).astype(np.uint16),
    }


def crowds(runs: int) -> Table:
    """Tell what candidates cost, at a threshold that lets most of them pass."""
    table = Table("frame", "detector", title="Crowded frames on one core", box=MARKDOWN)
    for column in ("px", "candidates", "left by debounce", "ms/frame", "debounce, ns/candidate"):
        table.add_column(column, justify="right")
    sizes = (256, 1024)
    frames = {edge: crowded_frames(edge) for edge in sizes}
    for name, detector, edge in itertools.product(frames[256], DETECTORS, sizes):
        plain = FitSettings(
            psf_sigma_px=1.3,
            detector=detector,
            detection_threshold=0.1,
            false_positives_per_frame=1e9,
            debounce_radius_px=0.0,
        )
        maps = ccd().maps((edge, edge))
        all_of_them = detector_of(plain, maps).find(RawFrame(frames[edge][name], None))
        debouncing = replace(plain, debounce_radius_px=4.0)
        detect = detector_of(debouncing, maps)
        whole, alone = [], []
        for _ in range(runs):
            start = time.perf_counter()
            detect.find(RawFrame(frames[edge][name], None))
            middle = time.perf_counter()
            left = without_neighbours(all_of_them, debouncing)
            whole.append(middle - start)
            alone.append(time.perf_counter() - middle)
        n = max(1, len(all_of_them))
        times = f"{1e3 * statistics.median(whole):.2f}", f"{1e9 * statistics.median(alone) / n:.0f}"
        table.add_row(name, detector, f"{edge}²", f"{len(all_of_them)}", f"{len(left)}", *times)
    return table


def speeds(runs: int) -> Table:
    """Tell how fast each detector is where frames have few candidates."""
    table = Table("frames", "detector", title="Detection on one core", box=MARKDOWN)
    for column in ("Mpx/s", "ms/frame", "recall", "precision"):
        table.add_column(column, justify="right")
    for edge, n_spots, n_frames in MOVIES:
        show_movie(table, edge, n_spots, n_frames, runs)
    return table


TABLES = {"speed": speeds, "crowds": crowds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", choices=[[], *TABLES], help=", ".join(TABLES))
    parser.add_argument("--runs", type=int, default=7, help="runs of each measurement")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=140)
    for line in missing_peers():
        console.print(line)
    for name in asked.tables or TABLES:
        console.print(TABLES[name](asked.runs))


if __name__ == "__main__":
    main()
