"""Tasks/s of one server with hundreds of workers, its latency, CPU time and memory; beside Dask's scheduler.

    python benchmarks/scale.py [--workers 2,200,1000] [--tasks N]

The workers are simulated: real connections with a real worker's protocol, one process for all of them, which answers
every task at once with made-up rows, as if it had taken a second. So the server, not the fit, is what is measured; it
writes journal, partial file and results as always, to a disk. Latency is the time from an answer to its confirmation,
which the rows' way to the disk is part of: several answers share it. Dask runs as many tasks, with answers of the same
size, by two workers.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import zmq
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from pointillist.fitting.estimation.modules import MODULES
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages import RangeResult, control as m
from pointillist.pipeline_protocol.messages.fields import Buffer
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.pipeline_worker.server_connection import ServerConnection
from pointillist.pipeline_worker.tasks.kind import Outcome
from pointillist.pipeline_worker.worker_state import LeasedTask, WorkerState
from pointillist.settings.encoding import job_settings
from pointillist.supervision.process_supervisor import ProcessSupervisor

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FRAMES_PER_TASK = 100
_STEP_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run cost: per second, in ms, µs per task and MB."""

    n_workers: int
    tasks: float
    rows: float
    median_ms: float
    late_ms: float
    server_us: float
    memory_mb: float


@dataclass(kw_only=True)
class TimedState(WorkerState):
    """A worker's state that notes how long its answers wait for their confirmation, s."""

    answered_at: dict[tuple[int, int], float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    def receive(self, message: m.FromServer, buffers: Sequence[Buffer], now: float) -> LeasedTask | None:
        """Take a message."""
        if isinstance(message, m.Release):
            at = self.answered_at.pop((message.ref.start, message.ref.stop), None)
            if at is not None:
                self.latencies.append(now - at)
        return super().receive(message, buffers, now)


class Workers:
    """Simulated workers of one job.

    Parameters
    ----------
    address, keys
        Of the server.
    n
        Their number.
    rows_per_frame
        In their answers.
    """

    def __init__(self, address: str, keys: ClusterKeys, n: int, rows_per_frame: int) -> None:
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 2 * n + 64)
        self._poller = zmq.Poller()
        self._connections: dict[zmq.Socket[bytes], ServerConnection] = {}
        self.states: list[TimedState] = []
        for _ in range(n):
            connection = ServerConnection(self._context, address, keys)
            state = TimedState(worker=connection.state.worker, pid=connection.state.pid, is_warm=True)
            connection.state = state
            self.states.append(state)
            self._connections[connection.socket] = connection
            self._poller.register(connection.socket, zmq.POLLIN)
        dtype = MODULES["LatGaussFitFR"].dtype
        noise = np.random.default_rng(1).normal(100, 1, (FRAMES_PER_TASK * 8 * rows_per_frame, dtype.itemsize // 4))
        self._rows = noise.astype(np.float32).view(dtype).reshape(-1)
        self._rows_per_frame = rows_per_frame
        self._step_at = 0.0

    def step_for(self, seconds: float) -> None:
        """Take what comes for some time, and answer it."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._step()

    def _step(self) -> None:
        connections = [self._connections[socket] for socket, _ in self._poller.poll(int(1e3 * _STEP_S))]
        if time.monotonic() >= self._step_at:
            self._step_at, connections = time.monotonic() + _STEP_S, list(self._connections.values())
        for connection, state in zip(connections, [connection.state for connection in connections], strict=True):
            connection.report([self._outcome(task, state) for task in connection.receive()])

    def close(self) -> None:
        """Leave the server."""
        for connection in self._connections.values():
            connection.leave()
        self._context.destroy(linger=200)

    def _outcome(self, task: LeasedTask, state: WorkerState) -> tuple[LeasedTask, Outcome]:
        ref = task.ref
        rows = self._rows[: (ref.stop - ref.start) * self._rows_per_frame].copy()
        rows["frame"] = np.repeat(np.arange(ref.start, ref.stop), self._rows_per_frame)
        if isinstance(state, TimedState):
            state.answered_at[ref.start, ref.stop] = time.monotonic()
        seconds = {"fit": (ref.stop - ref.start) / FRAMES_PER_TASK}
        buffer = rows.tobytes()
        result = RangeResult(
            start=ref.start, stop=ref.stop, n_items=len(rows), failures={}, seconds=seconds, sizes=[len(buffer)]
        )
        return task, Outcome(computed=(result, [buffer]))


def measure(n_workers: int, rows_per_frame: int, n_tasks: int, folder: Path) -> Cost:
    """Have one job done."""
    path, n_frames = folder / "movie.npy", n_tasks * FRAMES_PER_TASK
    np.lib.format.open_memmap(path, "w+", np.uint16, (n_frames, 16, 16)).flush()
    camera = "Camera.ElectronsPerCount=1 Camera.TrueEMGain=1 Camera.NoiseFactor=1 Camera.ReadNoise=1 Camera.ADOffset=0"
    with open_movie(path) as movie:
        settings, _ = prepare(movie, None, ["voxelsize.x=0.1", "voxelsize.y=0.1", *camera.split()])
        identity = movie.identity
    keys = ephemeral_keys()
    supervisor = ProcessSupervisor(keys, print)
    try:
        address = supervisor.start_server("tcp://127.0.0.1:*", ["--state", str(folder / "journals")])
        workers = Workers(address, keys, n_workers, rows_per_frame)
        with Client(address, keys) as client:
            wait_for_workers(workers, client, n_workers)
            (server,) = supervisor.pids
            before, began = cpu_s(server), time.perf_counter()
            job = client.submit(str(path), identity, job_settings(settings), output=str(folder / "out.h5r"))
            while not is_over(client, job):
                workers.step_for(_STEP_S)
            seconds = time.perf_counter() - began
            server_s, memory = cpu_s(server) - before, peak_mb(server)
            n_rows = client.progress(job).n_items
        workers.close()
    finally:
        supervisor.stop()
    latencies = np.concatenate([state.latencies for state in workers.states])
    return Cost(
        n_workers=n_workers,
        tasks=len(latencies) / seconds,
        rows=n_rows / seconds,
        median_ms=1e3 * float(np.median(latencies)),
        late_ms=1e3 * float(np.quantile(latencies, 0.99)),
        server_us=1e6 * server_s / len(latencies),
        memory_mb=memory,
    )


def wait_for_workers(workers: Workers, client: Client, n: int) -> None:
    """Wait until the server has heard of all of them."""
    while client.ping().n_workers < n:
        workers.step_for(_STEP_S)


def is_over(client: Client, job: str) -> bool:
    return client.progress(job).state in {"finishing", "finished"}


def cpu_s(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def peak_mb(pid: int) -> float:
    """Memory that a process has had at most."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    (peak,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return peak / 1024


def answer(task: int, n_bytes: int) -> bytes:
    """Be a task of Dask."""
    return bytes([task % 256]) * n_bytes


def measure_dask(n_tasks: int, n_bytes: int) -> float:
    """Return the tasks/s of Dask's scheduler with two workers."""
    from distributed import (  # noqa: PLC0415
        Client as DaskClient,
        LocalCluster,
        as_completed,
    )

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        DaskClient(cluster) as client,
    ):
        client.gather(client.map(answer, range(10), n_bytes=1, pure=False))
        began = time.perf_counter()
        futures = client.map(answer, range(n_tasks), n_bytes=n_bytes, pure=False)
        for future, _ in as_completed(futures, with_results=True):
            future.release()
        return n_tasks / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="2,200,1000", help="how many")
    parser.add_argument("--tasks", type=int, default=10_000, help="of a job without rows; with rows a tenth")
    arguments = parser.parse_args()
    columns = (
        "workers",
        "rows per task",
        "tasks/s",
        "rows/s",
        "latency",
        "99 %",
        "server's CPU per task",
        "its memory",
    )
    table = Table(*columns, title="One server and many workers", box=MARKDOWN)
    itemsize = MODULES["LatGaussFitFR"].dtype.itemsize
    for rows_per_frame, n_tasks in ((0, arguments.tasks), (30, arguments.tasks // 10)):
        rows = rows_per_frame * FRAMES_PER_TASK
        for n_workers in map(int, arguments.workers.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                cost = measure(n_workers, rows_per_frame, n_tasks, Path(folder))
            numbers = f"{cost.tasks:,.0f}", f"{cost.rows:,.0f}", f"{cost.median_ms:,.0f} ms", f"{cost.late_ms:,.0f} ms"
            table.add_row(
                str(n_workers), str(rows), *numbers, f"{cost.server_us:,.0f} µs per task", f"{cost.memory_mb:,.0f} MB"
            )
        if importlib.util.find_spec("distributed"):
            table.add_row("Dask, 2", str(rows), f"{measure_dask(n_tasks, rows * itemsize):,.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
