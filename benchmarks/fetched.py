"""Frames that workers fetch from the server, beside those that they read themselves: frames/s, bytes, memory.

    python benchmarks/fetched.py [--frames N] [--runs N] [--bare]

Two machines are played by processes of one: a server that sees the movie, and workers that do not. They speak over
loopback TCP, encrypted as ever. With ``--bare`` fits take no time (a stand-in gives made-up rows), so that the figures
are those of reading and sending; without it they are those of an analysis. Figures are medians of the runs, which take
turns; memory is the peak of each process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from overhead import Instant, cpu_s, wait
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.pipeline_files.data_roots import ALLOW_VARIABLE
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.settings.analysis import resolve
from pointillist.settings.encoding import job_settings
from pointillist.supervision.managed_process import ParentPipe, child_environment


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Frames/s, kB sent per frame, CPU time in µs per frame, and peak memory in MB."""

    rate: float
    sent_kb: float
    server_us: float
    worker_us: float
    server_mb: float
    worker_mb: float


class Cluster:
    """A server, and workers that see its files or do not."""

    def __init__(self, folder: Path, *, is_far: bool, n_workers: int, is_bare: bool) -> None:
        self.keys: ClusterKeys = ephemeral_keys()
        self._folder, self._is_bare = folder, is_bare
        self._parent_pipe = ParentPipe()
        reader, writer = os.pipe()
        command = ["pointillist.pipeline_server", "tcp://127.0.0.1:*", "--ready-fd", str(writer)]
        self.server = self._start(["-m", *command], "/", writer)
        os.close(writer)
        with os.fdopen(reader) as ready:
            self.address = ready.read()
        worker = [str(Path(__file__).absolute()), "--worker", *(["--bare"] if is_bare else [])]
        allowed = "" if is_far else "/"
        self.workers = [self._start([*worker, "--address", self.address], allowed) for _ in range(n_workers)]

    def _start(self, arguments: list[str], allowed: str, *descriptors: int) -> subprocess.Popen[bytes]:
        # Another home, so that nobody takes a job for one of his own user.
        home = {"HOME": str(self._folder), "XDG_CONFIG_HOME": str(self._folder), ALLOW_VARIABLE: allowed}
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**child_environment(self.keys, self._parent_pipe), **home, "PYMEDATADIR": ""},
            pass_fds=[self._parent_pipe.reader, *descriptors],
        )

    def measure(self, path: Path, background: str, output: Path) -> Cost:
        """Run a job after a short one."""
        with open_movie(path) as movie:
            settings = resolve(movie.metadata, None, [f"Analysis.BGRange={background}"])
            identity, n_frames = movie.identity, movie.n_frames
        with Client(self.address, self.keys) as client:
            short = {**settings, "Analysis.StartAt": n_frames - 400}
            while client.ping().n_workers < len(self.workers):
                time.sleep(0.05)
            wait(client, client.submit(str(path), identity, job_settings(short), output=f"{output}.short.h5r"))
            pids = [self.server.pid, *(worker.pid for worker in self.workers)]
            before, sent = [cpu_s(pid) for pid in pids], sent_bytes()
            began = time.perf_counter()
            wait(client, client.submit(str(path), identity, job_settings(settings), output=f"{output}.h5r"))
            seconds = time.perf_counter() - began
        server, *workers = (1e6 * (cpu_s(pid) - at) / n_frames for pid, at in zip(pids, before, strict=True))
        return Cost(
            rate=n_frames / seconds,
            sent_kb=(sent_bytes() - sent) / n_frames / 1e3,
            server_us=server,
            worker_us=sum(workers),
            server_mb=peak_mb(pids[0]),
            worker_mb=max(map(peak_mb, pids[1:])),
        )

    def close(self) -> None:
        """End all processes."""
        self._parent_pipe.close()
        for process in (self.server, *self.workers):
            process.wait()


def sent_bytes() -> int:
    """Return what has gone over loopback so far, whoever sent it."""
    lines = Path("/proc/net/dev").read_text("ascii").splitlines()
    line = next(line for line in lines if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[8])


def peak_mb(pid: int) -> float:
    """Return the most memory that a process had."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3


def work(address: str, *, is_bare: bool) -> int:
    """Be a worker."""
    from pointillist.pipeline_files.data_roots import DataRoots  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_protocol.security.keys import user_keys  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_worker.data_access import DataAccess, MapCache  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_worker.frame_client import FrameClient  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_worker.process import WorkerProcess  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_worker.tasks import fit  # noqa: PLC0415 - of a worker alone
    from pointillist.pipeline_worker.tasks.registry import kinds  # noqa: PLC0415 - of a worker alone
    from pointillist.supervision.kernel_loader import CachedKernels  # noqa: PLC0415 - of a worker alone

    if is_bare:
        setattr(fit, "Localizer", Instant)  # noqa: B010 - mypy knows it as another module's
    frame_client = FrameClient()
    access = DataAccess(roots=DataRoots.of_this_machine(), frame_client=frame_client, maps=MapCache())
    return WorkerProcess(
        address, user_keys(), kinds(access), frame_client=frame_client, kernels=CachedKernels(os.environ)
    ).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=6000, help="length of the movie")
    parser.add_argument("--runs", type=int, default=3, help="runs of each measurement")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--background", default="0:0", help="background window")
    parser.add_argument("--bare", action="store_true", help="without the fits")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        os._exit(work(asked.address, is_bare=asked.bare))
    from throughput import write_movies  # noqa: PLC0415 - a worker has no use for it

    processes = ("server µs/frame", "workers µs/frame", "server MB", "worker MB")
    columns = ("movie", "frames are", "frames/s", "kB/frame", *processes)
    table = Table(*columns, title=f"{asked.workers} worker(s), background {asked.background}", box=MARKDOWN)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = write_movies(folder, asked.frames)
        costs: dict[tuple[str, bool], list[Cost]] = {}
        for run in range(asked.runs):
            for kind, path in paths.items():
                for is_far in (False, True):
                    cluster = Cluster(folder, is_far=is_far, n_workers=asked.workers, is_bare=asked.bare)
                    try:
                        cost = cluster.measure(path, asked.background, folder / f"{kind}{is_far}{run}")
                    finally:
                        cluster.close()
                    costs.setdefault((kind, is_far), []).append(cost)
    for (kind, is_far), found in costs.items():
        names = ("rate", "sent_kb", "server_us", "worker_us", "server_mb", "worker_mb")
        medians = [f"{statistics.median(getattr(cost, name) for cost in found):,.0f}" for name in names]
        table.add_row(kind, "fetched" if is_far else "read", *medians)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
