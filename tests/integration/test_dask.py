"""Jobs on a Dask cluster of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import is_over, wait_for

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_worker.dask.engine import dask_engine
from pointillist.settings.encoding import job_settings
from pointillist.supervision.launch import embedded

distributed = pytest.importorskip("distributed")

N_FRAMES = 300
BIN = Path(sys.executable).parent


@dataclass
class DaskCluster:
    """A scheduler and workers, each a process."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "movie.h5"
    subprocess.run([BIN / "pointillist", "simulate", path, "--frames", str(N_FRAMES)], check=True, capture_output=True)
    return path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    with dask_cluster(tmp_path) as running:
        yield running


@contextmanager
def dask_cluster(folder: Path, n_workers: int = 2) -> Iterator[DaskCluster]:
    file = folder / "scheduler.json"
    options = ["--no-dashboard", "--host", "127.0.0.1", "--scheduler-file", str(file)]
    processes = [subprocess.Popen([sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", *options])]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "1"]
    worker += ["--no-dashboard", "--no-nanny", "--local-directory", str(folder)]
    try:
        processes += [subprocess.Popen(worker) for _ in range(n_workers)]
        with distributed.Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(n_workers, timeout=60)
            address = client.scheduler.address
        yield DaskCluster(address=address, scheduler=processes[0], workers=processes[1:])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def submit(client: Client, movie: Path, output: Path) -> str:
    with open_movie(movie) as opened:
        settings, _ = prepare(opened, None, ["Analysis.DetectionThreshold=0.6"])
        return client.submit(str(movie), opened.identity, job_settings(settings), output=str(output))


def rows_of(path: Path) -> NDArray[np.void]:
    return read_results(path).rows


@pytest.fixture(scope="module")
def local_rows(movie: Path, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.void]:
    output = tmp_path_factory.mktemp("local") / "local.h5r"
    with embedded(1) as client:
        wait_for(client, submit(client, movie, output), is_over)
    return rows_of(output)


def test_a_dask_cluster_finds_the_rows_that_workers_of_ours_find(
    cluster: DaskCluster, movie: Path, local_rows: NDArray[np.void], tmp_path: Path
) -> None:
    output = tmp_path / "dask.h5r"
    with dask_engine(cluster.address) as client:
        progress = wait_for(client, submit(client, movie, output), is_over)
    assert (progress.state, progress.n_done, progress.n_failed) == ("finished", N_FRAMES, 0)
    assert progress.n_workers == len(cluster.workers)
    assert rows_of(output).tobytes() == local_rows.tobytes()


def test_the_ranges_of_a_dask_worker_that_is_killed_are_done_by_another_one(
    cluster: DaskCluster, movie: Path, local_rows: NDArray[np.void], tmp_path: Path
) -> None:
    output = tmp_path / "killed.h5r"
    with dask_engine(cluster.address) as client:
        job = submit(client, movie, output)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        cluster.workers[0].kill()
        progress = wait_for(client, job, is_over)
    assert progress.n_failed == 0
    assert rows_of(output).tobytes() == local_rows.tobytes()


def test_a_job_goes_on_with_the_next_scheduler_after_its_first_one_was_lost(
    movie: Path, local_rows: NDArray[np.void], tmp_path: Path
) -> None:
    output = tmp_path / "moved.h5r"
    (tmp_path / "first").mkdir()
    with dask_cluster(tmp_path / "first") as cluster, dask_engine(cluster.address) as client:
        job = submit(client, movie, output)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        cluster.scheduler.kill()
        time.sleep(1.0)
        assert client.progress(job).n_failed == 0
    (tmp_path / "second").mkdir()
    with dask_cluster(tmp_path / "second") as cluster, dask_engine(cluster.address) as client:
        progress = wait_for(client, submit(client, movie, output), is_over)
    assert progress.n_resumed > 0
    assert rows_of(output).tobytes() == local_rows.tobytes()


def test_a_scheduler_that_is_not_there_is_told_in_one_line(movie: Path, tmp_path: Path) -> None:
    command = [str(BIN / "analyse"), str(movie), "--engine", "dask", "--dask-scheduler", "tcp://127.0.0.1:9"]
    run = subprocess.run([*command, "-o", tmp_path / "r.h5r"], check=False, capture_output=True, text=True)
    assert run.returncode
    assert "tcp://127.0.0.1:9: no Dask scheduler answers" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_command_uses_the_scheduler_that_it_is_told(cluster: DaskCluster, movie: Path, tmp_path: Path) -> None:
    command = [str(BIN / "analyse"), str(movie), "--engine", "dask", "--dask-scheduler", cluster.address]
    run = subprocess.run(
        [*command, "-o", tmp_path / "r.h5r"], check=False, capture_output=True, text=True, env={**os.environ}
    )
    assert run.returncode == 0, run.stderr
    assert len(rows_of(tmp_path / "r.h5r"))
