"""Processes that die are started again, as long as that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_cluster import Cluster
from waiting import eventually, is_over, wait_for

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.client import Client
from pointillist.supervision import process_supervisor as supervisor_module
from pointillist.supervision.process_supervisor import ProcessSupervisor


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(supervisor_module, "new_log", lambda _: tmp_path / "log")
    return Cluster(tmp_path)


def ping_for_ever(client: Client) -> None:
    while True:
        client.ping()


def test_workers_that_die_again_and_again_are_an_error_in_one_line(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointillist.supervision.managed_process._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("pointillist.supervision.managed_process.LONGEST_PAUSE_S", 0.01)
    with cluster.running(0) as client:
        cluster.supervisor._is_over.set()
        cluster.supervisor._thread.join()
    supervisor = ProcessSupervisor(cluster.keys, cluster.news.append)
    try:
        address = supervisor.start_server(f"ipc://{cluster.folder}/again", [])
        supervisor.start_workers(address, 2, ["-c", "import sys; sys.exit('no luck')"])
        with (
            Client(address, cluster.keys, check=supervisor.check) as client,
            pytest.raises(ServerError, match="no luck"),
        ):
            ping_for_ever(client)
    finally:
        supervisor.stop()


def test_a_worker_that_keeps_dying_is_told_of_once_and_the_others_go_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pointillist.supervision.managed_process._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("pointillist.supervision.managed_process.LONGEST_PAUSE_S", 0.05)
    monkeypatch.setattr("pointillist.supervision.managed_process._STEADY_S", 1.0)
    with cluster.running() as client:
        supervisor = cluster.supervisor
        bad = supervisor._workers[0]
        sound_arguments = bad.arguments
        bad.arguments = ["-c", "import sys; sys.exit(3)"]
        assert bad.process is not None
        bad.process.kill()
        assert eventually(lambda: bool(supervisor.troubles))
        assert supervisor.troubles == ["worker 1 keeps dying (status 3)"]
        pong = client.report("host", 1, 2, supervisor.troubles)
        assert pong.troubles == ["host: worker 1 keeps dying (status 3)"]
        assert client.ping().troubles == pong.troubles
        assert wait_for(client, cluster.submit(client), is_over).state == "finished"
        n_told = sum("keeps dying" in line for line in cluster.news)
        assert n_told == 1
        bad.arguments = sound_arguments
        assert eventually(lambda: not supervisor.troubles)
        assert eventually(lambda: "worker 1 is running again" in cluster.news)
