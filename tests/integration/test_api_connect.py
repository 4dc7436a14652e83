"""``pointillist.connect``: a running cluster, its workers and its jobs, from Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_cluster import N_FRAMES, Cluster as Machines, order
from waiting import eventually

from pointillist.api.connection import Cluster
from pointillist.errors import ServerError
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages import Progress


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


@pytest.fixture
def cluster(machines: Machines) -> Iterator[Cluster]:
    with machines.running() as client:
        yield Cluster(client)


def test_a_movie_is_analysed_and_its_progress_told(machines: Machines, cluster: Cluster) -> None:
    seen: list[Progress] = []
    analysis = cluster.analyse(machines.movie, machines.settings, output=machines.output, progress=seen.append)
    assert analysis.path == machines.output
    assert analysis.n_frames == N_FRAMES
    assert analysis.failures == {}
    assert seen[-1].n_done == N_FRAMES
    assert cluster.address == machines.address
    assert cluster.status().n_workers == len(cluster.workers()) == 2
    assert [job.state for job in cluster.jobs()] == ["finished"]
    assert cluster.jobs(ended=False) == []
    assert cluster.job("movie.npy").output == str(machines.output)
    assert machines.address in repr(cluster)


def test_a_job_is_cancelled_and_resumed(machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=1.0, until=str(tmp_path / "go"))
    with machines.running() as client:
        cluster = Cluster(client)
        job = cluster.submit(machines.movie, machines.settings, output=machines.output)
        assert job.state == "running"
        assert cluster.cancel(job.job[:6]).state == "stopped"
        (tmp_path / "go").touch()
        assert cluster.retry("movie.npy").job == job.job
        assert eventually(lambda: cluster.job(job.job).state == "finished")
        events = [event["event"] for event in cluster.log(job.job, follow=True)]
    assert events[0] == "begun"
    assert events[-1] == "finished"
    assert "stopped" in events


def test_what_cannot_be_retried_is_refused_in_one_line(machines: Machines, cluster: Cluster) -> None:
    done = cluster.analyse(machines.movie, machines.settings, output=machines.output)
    with pytest.raises(ServerError, match="none of its frames has failed; there is nothing to retry"):
        cluster.retry(cluster.job("movie.npy").job)
    assert done.path.exists()
    with pytest.raises(ServerError, match=r"other\.npy"):
        cluster.job("other.npy")


def test_frames_that_failed_are_retried(machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").touch()
    order(monkeypatch, **{"raise": [7], "while": str(tmp_path / "bad")})
    with machines.running() as client:
        cluster = Cluster(client)
        analysis = cluster.analyse(machines.movie, machines.settings, output=machines.output)
        assert list(analysis.failures) == [7]
        (tmp_path / "bad").unlink()
        cluster.retry("movie.npy")
        assert eventually(lambda: cluster.job("movie.npy").n_failed == 0)


def test_without_a_server_there_is_one_line(tmp_path: Path) -> None:
    command = "import pointillist\ntry: pointillist.connect('127.0.0.1:1')\nexcept Exception as e: print(e)"
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "POINTILLIST_CLUSTER": "none"}
    done = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("127.0.0.1:1") or "tcp://127.0.0.1:1" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_a_connection_is_closed_by_a_with_statement(machines: Machines) -> None:
    with machines.running() as client:
        other = Client(client.address, machines.keys)
        with Cluster(other) as cluster:
            assert cluster.jobs() == []
        assert other._context.closed
