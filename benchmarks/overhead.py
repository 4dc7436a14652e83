"""What a run costs besides the fits: frames/s and CPU time of the service, where localizing takes no time.

    python benchmarks/overhead.py [--frames N] [--runs N]

Workers read a simulated movie of 256 x 256 px as they always do, but a stand-in for the localizer gives 30 made-up rows
per frame at once; wire, journal, partial file and results are the real ones. CPU time does not depend on what else
the machine does, as frames/s do. Every figure is the median of the runs, which take turns.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.cli.kernels import use_kernel_cache

use_kernel_cache()

from pointillist.fitting.camera.model import CameraModel  # noqa: E402 - the cache's place is read as numba is imported
from pointillist.fitting.localizations import LOCALIZATION_DTYPE, FrameBlock, Localized  # noqa: E402
from pointillist.fitting.settings import FitSettings  # noqa: E402
from pointillist.pipeline_files.movies.movie import open_movie  # noqa: E402
from pointillist.pipeline_protocol.client import Client  # noqa: E402
from pointillist.pipeline_protocol.security.keys import ephemeral_keys, user_keys  # noqa: E402
from pointillist.pipeline_worker.data_access import HERE  # noqa: E402
from pointillist.pipeline_worker.process import WorkerProcess  # noqa: E402
from pointillist.pipeline_worker.tasks import fit  # noqa: E402
from pointillist.pipeline_worker.tasks.registry import kinds  # noqa: E402
from pointillist.settings.analysis import resolve  # noqa: E402
from pointillist.settings.encoding import job_settings  # noqa: E402
from pointillist.supervision.kernel_loader import CachedKernels  # noqa: E402
from pointillist.supervision.process_supervisor import ProcessSupervisor  # noqa: E402

N_SPOTS = 30
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Frames/s, and CPU time in µs per frame."""

    rate: float
    workers_us: float
    server_us: float


class Instant:
    """A stand-in for :class:`Localizer`, whose rows have as much noise in their digits as real ones."""

    def __init__(self, _: CameraModel, settings: FitSettings) -> None:
        rng = np.random.default_rng(1)
        self._start = settings.start_at
        self._pool = np.zeros(4000 * N_SPOTS, LOCALIZATION_DTYPE)
        for name in LOCALIZATION_DTYPE.names or ():
            is_real = LOCALIZATION_DTYPE[name].kind == "f"
            count = len(self._pool)
            self._pool[name] = rng.normal(100, 10, count) if is_real else rng.integers(0, 256, count)

    def localize(self, _: FrameBlock, start: int, stop: int) -> Localized:
        """Make rows up."""
        frames = np.repeat(np.arange(max(start, self._start), stop), N_SPOTS)
        rows = self._pool[np.arange(len(frames)) % len(self._pool)]
        rows["frame"] = frames
        return Localized(rows=rows, failures={})


def work(address: str) -> int:
    """Be a worker."""
    setattr(fit, "Localizer", Instant)  # noqa: B010 - mypy knows it as another module's
    return WorkerProcess(address, user_keys(), kinds(HERE), kernels=CachedKernels(os.environ)).run()


def cpu_s(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def measure(path: Path, background: str, n_workers: int) -> Cost:
    """Run a job with workers that have done a short one before."""
    with open_movie(path) as movie:
        settings = resolve(movie.metadata, None, [f"Analysis.BGRange={background}"])
        identity, n_frames = movie.identity, movie.n_frames
    short = {**settings, "Analysis.StartAt": max(0, n_frames - 400)}
    keys = ephemeral_keys()
    with tempfile.TemporaryDirectory() as folder:
        supervisor = ProcessSupervisor(keys, print)
        try:
            address = supervisor.start_server(f"ipc://{folder}/server", ["--state", f"{folder}/journals"])
            supervisor.start_workers(address, n_workers, [str(Path(__file__).absolute()), "--worker"])
            with Client(address, keys, check=supervisor.check) as client:
                wait(client, client.submit(str(path), identity, job_settings(short), output=f"{folder}/short.h5r"))
                before, began = [cpu_s(pid) for pid in supervisor.pids], time.perf_counter()
                wait(client, client.submit(str(path), identity, job_settings(settings), output=f"{folder}/out.h5r"))
                seconds = time.perf_counter() - began
                server, *workers = (
                    1e6 * (cpu_s(pid) - at) / n_frames for pid, at in zip(supervisor.pids, before, strict=True)
                )
        finally:
            supervisor.stop()
    return Cost(rate=n_frames / seconds, workers_us=sum(workers), server_us=server)


def wait(client: Client, job: str) -> None:
    while not client.progress(job).is_over:
        time.sleep(0.01)


def main() -> None:
    from throughput import write_movies  # noqa: PLC0415 - a worker has no use for it

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=6000, help="length of the movie")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement")
    arguments = parser.parse_args()
    columns = ("movie", "background", "workers", "frames/s", "workers' µs/frame", "server's µs/frame")
    table = Table(*columns, title="The service without the fits", box=MARKDOWN)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_movies(Path(folder), arguments.frames)
        cases = list(itertools.product(paths, ("0:0", "-30:0"), (1, 2)))
        costs = [
            [measure(paths[kind], background, n_workers) for kind, background, n_workers in cases]
            for _ in range(arguments.runs)
        ]
    for (kind, background, n_workers), found in zip(cases, zip(*costs, strict=True), strict=True):
        names = ("rate", "workers_us", "server_us")
        medians = [f"{statistics.median(getattr(cost, name) for cost in found):,.0f}" for name in names]
        table.add_row(kind, background, str(n_workers), *medians)
    Console(width=100).print(table)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        os._exit(work(sys.argv[2]))
    main()
