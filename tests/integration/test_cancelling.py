"""Jobs that are cancelled, at any moment and with whatever follows, at a real server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from fake_cluster import N_FRAMES, Cluster, expected_frames, order
from waiting import eventually, is_over, wait_for

from pointillist.pipeline_files.paths import journal_path, partial_path, unfinished_path
from pointillist.pipeline_protocol.client import Client
from pointillist.supervision import process_supervisor as supervisor_module


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(supervisor_module, "new_log", lambda _: tmp_path / "log")
    order(monkeypatch, seconds_per_frame=0.02)
    return Cluster(tmp_path)


def cancel_while_rows_are_appended(cluster: Cluster, client: Client, job: str) -> None:
    """The file that grows has just been made: more is written to it."""
    assert eventually(unfinished_path(cluster.output).exists)
    client.stop(job)
    assert client.progress(job).state == "stopped"


@pytest.mark.parametrize(
    "follows",
    [
        ["retry"],
        ["submit"],
        ["stop", "retry"],
        ["retry", "stop", "submit"],
        ["retry", "retry", "submit"],
        ["submit", "stop", "stop", "retry"],
    ],
    ids=" ".join,
)
def test_a_job_that_is_cancelled_while_its_rows_are_appended_goes_on(cluster: Cluster, follows: list[str]) -> None:
    with cluster.running() as client:
        client.patience_s = 20.0
        job = cluster.submit(client)
        asked: dict[str, Callable[[], object]] = {
            "retry": partial(client.retry, job),
            "stop": partial(client.stop, job),
            "submit": partial(cluster.submit, client),
        }
        cancel_while_rows_are_appended(cluster, client, job)
        for name in follows:
            asked[name]()
        assert wait_for(client, job, is_over).state == "finished"
    assert cluster.results().rows["frame"].tolist() == expected_frames()
    for beside in (journal_path, partial_path, unfinished_path):
        assert not beside(cluster.output).exists()


def test_what_was_cancelled_is_not_taken_up_by_a_server_that_is_killed_and_starts_again(cluster: Cluster) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        cancel_while_rows_are_appended(cluster, client, job)
        server = cluster.supervisor._server
        assert server is not None
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        assert not client.jobs(ended=True)
        assert cluster.submit(client) == job
        progress = wait_for(client, job, is_over)
    assert 0 < progress.n_resumed < N_FRAMES
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_a_job_that_is_over_can_be_cancelled_without_harm(cluster: Cluster) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, is_over)
        client.stop(job)
        assert client.progress(job).state == "finished"
    assert cluster.results().is_complete
