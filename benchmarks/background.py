"""Mpx/s of the background methods on one core, movie in memory, beside dcnum's.

    python benchmarks/background.py [--frames N] [--runs N]

Every frame's background is made, offsets and the filling of the first window included; figures are medians over the
runs. dcnum (``pip install 'pointillist[bench]'``) takes 8 bits only, and its time has the writing of its file in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from pointillist.fitting.backgrounds.block_backgrounds import usable_frames  # noqa: E402 - the cache's place comes first
from pointillist.fitting.backgrounds.live import LiveBackground  # noqa: E402
from pointillist.fitting.backgrounds.method import WindowMethod  # noqa: E402
from pointillist.fitting.backgrounds.registry import background_method  # noqa: E402
from pointillist.fitting.blocks import BlockReader  # noqa: E402
from pointillist.fitting.settings import FitSettings  # noqa: E402

WINDOWS = ("mean:b=-30", "percentile:b=-30^p=0.25", "rollmed:k=100", "rollmed:k=101", "percentile:b=-100^p=0.25")
DTYPES = ("uint8", "uint16", "float32")
SHAPE = (256, 256)
SPARSE = "sparsemed:k=200^s=0.1^t=0^f=0.8^o=1^d=1"
ROLLING = "rollmed:k=100^d=1"


def make_movie(dtype: str, n_frames: int, shape: tuple[int, int] = SHAPE) -> NDArray[Any]:
    """Noise on a gradient, as a camera with a dark level of 100 (8 bits: 20) counts sees it."""
    rng = np.random.default_rng(1)
    level = np.linspace(60, 120, shape[1]) + (0 if dtype == "uint8" else 100)
    return rng.normal(level, 20.0, (n_frames, *shape)).clip(0, 255 if dtype == "uint8" else 65535).astype(dtype)


def time_ours(identifier: str, movie: NDArray[Any]) -> float:
    """Seconds until every frame has had its background, offsets included."""
    settings = FitSettings(psf_sigma_px=1.0, background=background_method(identifier))
    began = time.perf_counter()
    blocks = BlockReader(lambda start, stop: movie[start:stop], len(movie), settings)
    block = blocks.block(0, len(movie))
    background = settings.background.background(settings.first_illuminated_frame)
    assert background is not None  # noqa: S101 - the table has methods with images alone
    background.begin(block, usable_frames(block))
    for frame in range(len(movie)):
        background.at(frame)
    return time.perf_counter() - began


def time_live(identifier: str, movie: NDArray[Any]) -> float:
    """Seconds until every frame has had its background, one frame at a time."""
    method = background_method(identifier)
    assert isinstance(method, WindowMethod)  # noqa: S101 - the table says so
    live = LiveBackground(method)
    began = time.perf_counter()
    for frame in movie:
        live.push(frame[np.newaxis])
    return time.perf_counter() - began


def time_dcnum(identifier: str, movie: NDArray[np.uint8]) -> float:
    """Seconds of dcnum's own computation, one process, with its compression off."""
    from dcnum.feat import feat_background  # noqa: PLC0415 - may be missing

    method: Any = feat_background.BackgroundRollMed
    parameters: dict[str, float] = {"kernel_size": 100, "batch_size": 300}
    if identifier == SPARSE:
        method, parameters = feat_background.BackgroundSparseMed, {"kernel_size": 200, "split_time": 0.1}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "background.h5"
        with method(movie, path, compress=False, num_cpus=1, **parameters) as background:
            began = time.perf_counter()
            background.process()
            return time.perf_counter() - began


def rate(measure: Callable[[], float], n_pixels: int, runs: int) -> float:
    """Megapixels per second, the median of some runs."""
    return n_pixels / statistics.median(measure() for _ in range(runs)) / 1e6


def show_windows(console: Console, n_frames: int, runs: int) -> None:
    table = Table("method", *DTYPES, title=f"Mpx/s, {n_frames} frames of 256 x 256 px", box=MARKDOWN)
    movies = {dtype: make_movie(dtype, n_frames) for dtype in DTYPES}
    for identifier in (*WINDOWS, "sparsemed:k=200^i=360"):
        for movie in movies.values():
            time_ours(identifier, movie[:2])  # compiles
        rates = [rate(partial(time_ours, identifier, movie), movie.size, runs) for movie in movies.values()]
        table.add_row(identifier, *(f"{each:.0f}" for each in rates))
    live = "rollmed:k=100^w=past"
    rates = [rate(partial(time_live, live, movie), movie.size, 1) for movie in movies.values()]
    table.add_row(f"{live}, frame by frame", *(f"{each:.0f}" for each in rates))
    console.print(table)


def show_dcnum(console: Console, runs: int) -> None:
    table = Table(
        "method", "movie, uint8", "dcnum", "here", "ratio", title="Mpx/s beside dcnum, equal settings", box=MARKDOWN
    )
    for identifier, n_frames in ((ROLLING, 400), (SPARSE, 4000)):
        movie = make_movie("uint8", n_frames, (80, 320))
        ours = rate(partial(time_ours, identifier, movie), movie.size, runs)
        cells = ["not installed", f"{ours:.0f}", ""]
        if find_spec("dcnum"):
            theirs = rate(partial(time_dcnum, identifier, movie), movie.size, 1)
            cells = [f"{theirs:.2f}", f"{ours:.0f}", f"{ours / theirs:.1f}"]
        table.add_row(identifier, f"{n_frames} x 80 x 320", *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=600, help="length of the movie")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement")
    arguments = parser.parse_args()
    console = Console(width=100)
    show_windows(console, arguments.frames, arguments.runs)
    show_dcnum(console, arguments.runs)


if __name__ == "__main__":
    main()
