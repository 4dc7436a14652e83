"""Frames/s and MB/s of reading PYME's movies: the bytes alone, HDF5's own way, and ours.

    python benchmarks/reading.py [--megabytes N] [--runs N]

Simulated movies of 256 x 256 and 2048 x 2048 px are written as PYME spools them, compressed and not, and read from
the page cache in one thread, in blocks. The ways take turns; every figure is the median of the runs. HDF5's way ends
with the same array, C-contiguous (frame, y, x). MB are pixels in memory, whatever the file's size.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import deflate
import h5py
import numpy as np
from rich.console import Console
from rich.table import Table

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.source import Frames
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5

BLOCK_BYTES = 1 << 25  # of frames that are read at a time, about a worker's task
SPOTS_PER_PX = 30 / 256**2


def simulate(n_frames: int, edge: int) -> Frames:
    """Frames of an sCMOS camera: emitters of 1000 e- on 20 e-, offset 100, 0.46 e- per count."""
    rng = np.random.default_rng(1)
    frames = np.empty((n_frames, edge, edge), np.uint16)
    y, x = np.mgrid[-5:6, -5:6]
    for frame in frames:
        expected = np.full((edge + 20, edge + 20), 20.0)
        for left, top in rng.uniform(5, edge + 4, (int(SPOTS_PER_PX * edge**2), 2)):
            column, row = int(left), int(top)
            spot = np.exp(-((x - left % 1) ** 2 + (y - top % 1) ** 2) / 3.4)
            expected[row : row + 11, column : column + 11] += 1000 / spot.sum() * spot
        electrons = rng.poisson(expected[10:-10, 10:-10]) + rng.normal(0, 1.6, (edge, edge))
        frame[:] = np.clip(np.rint(electrons / 0.46 + 100), 0, 65535)
    return frames


def read_bytes(path: Path, _: int) -> None:
    """Take the file as it is, without a look inside."""
    block = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            pass


def read_by_hdf5(path: Path, n_block: int) -> None:
    with h5py.File(path) as file:
        data = file["ImageData"]
        for start in range(0, len(data), n_block):
            np.ascontiguousarray(data[start : start + n_block].transpose(0, 2, 1))


def read(path: Path, n_block: int) -> None:
    with open_movie(path) as movie:
        for start in range(0, movie.n_frames, n_block):
            movie.read(start, min(start + n_block, movie.n_frames))


WAYS: dict[str, Callable[[Path, int], None]] = {"bytes": read_bytes, "HDF5": read_by_hdf5, "ours": read}


def time_ways(path: Path, n_block: int, runs: int) -> dict[str, float]:
    """Seconds for the whole file, by way."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for run in range(runs + 1):
        for way, read_file in WAYS.items():
            start = time.perf_counter()
            read_file(path, n_block)
            if run:  # the first one fills the caches, the kernels' too
                seconds[way].append(time.perf_counter() - start)
    return {way: statistics.median(times) for way, times in seconds.items()}


def time_inflation(path: Path, runs: int) -> dict[str, float]:
    """MB/s of what comes out of a file's chunks, by library."""
    with h5py.File(path) as file:
        data = file["ImageData"]
        n_bytes = int(np.prod(data.chunks)) * data.dtype.itemsize
        offsets = [data.id.get_chunk_info(n).chunk_offset for n in range(min(data.id.get_num_chunks(), 50))]
        chunks = [data.id.read_direct_chunk(offset)[1] for offset in offsets]
    rates: dict[str, list[float]] = {"zlib": [], "libdeflate": []}
    for _ in range(runs):
        for library, times in rates.items():
            start = time.perf_counter()
            for chunk in chunks:
                if library == "zlib":
                    zlib.decompress(chunk, bufsize=n_bytes)
                else:
                    deflate.zlib_decompress(chunk, n_bytes)
            times.append(len(chunks) * n_bytes / 1e6 / (time.perf_counter() - start))
    return {library: statistics.median(found) for library, found in rates.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--megabytes", type=int, default=100, help="of pixels in each movie")
    arguments.add_argument("--runs", type=int, default=7)
    asked = arguments.parse_args()
    table = Table("movie", "way", "frames/s", "MB/s", "× HDF5")
    inflation = Table("movie", "library", "MB/s")
    with tempfile.TemporaryDirectory() as folder:
        for edge in (256, 2048):
            n_frames = max(4, asked.megabytes * 1_000_000 // (2 * edge**2))
            frames = np.resize(simulate(min(n_frames, 5_000_000 // edge**2 + 3), edge), (n_frames, edge, edge))
            for kind in ("uncompressed", "zlib"):
                path = Path(folder) / f"{edge}_{kind}.h5"
                write_pyme_h5(path, [frames], {}, is_compressed=kind == "zlib")
                seconds = time_ways(path, max(2, BLOCK_BYTES // (2 * edge**2)), asked.runs)
                for way, spent in seconds.items():
                    rates = (f"{n_frames / spent:.0f}", f"{frames.nbytes / 1e6 / spent:.0f}")
                    table.add_row(f"{edge}² {kind}", way, *rates, f"{seconds['HDF5'] / spent:.2f}")
                for library, rate in time_inflation(path, asked.runs).items() if kind == "zlib" else ():
                    inflation.add_row(f"{edge}² {kind}", library, f"{rate:.0f}")
    Console().print(table, inflation)


if __name__ == "__main__":
    main()
