"""What those who watch a cluster are told, and what they can do: cancel, retry."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_cluster import N_FRAMES, Cluster, expected_frames, order
from waiting import eventually, is_over, wait_for

from pointillist.errors import PointillistError, ResultsError, ServerError
from pointillist.pipeline_files.paths import journal_path
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages.reports import LogPosition
from pointillist.supervision import process_supervisor as supervisor_module

Loss = tuple[Client, str, int]
"""A client, the job, and the process of the worker that is lost."""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(supervisor_module, "new_log", lambda _: tmp_path / "log")
    monkeypatch.setenv("POINTILLIST_LOGS", str(tmp_path / "logs"))
    return Cluster(tmp_path)


@pytest.fixture
def trouble(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Frame 37 raises as long as this file exists."""
    path = cluster.folder / "trouble"
    path.touch()
    order(monkeypatch, **{"raise": [37], "while": str(path)})
    return path


def events(client: Client, job: str) -> list[dict[str, Any]]:
    place, found = LogPosition(), list[dict[str, Any]]()
    while (reply := client.read_log(job, place)).lines:
        found += [json.loads(line) for line in reply.lines]
        place = reply.place
    return found


def names(client: Client, job: str) -> list[str]:
    return [event["event"] for event in events(client, job)]


def test_the_server_tells_where_it_is_and_what_it_does(cluster: Cluster) -> None:
    with cluster.running() as client:
        wait_for(client, cluster.submit(client), is_over)
        pong = client.ping()
        assert (pong.address, pong.n_workers, pong.n_jobs, pong.n_ended) == (cluster.address, 2, 0, 1)
        assert pong.host == os.uname().nodename
        assert 0.0 < pong.uptime_s < 60.0


def test_workers_are_busy_and_then_idle_and_counted(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.03)
    with cluster.running() as client:
        job = cluster.submit(client)
        assert eventually(lambda: [worker.health for worker in client.workers()] == ["busy", "busy"])
        assert {worker.job for worker in client.workers()} == {job}
        wait_for(client, job, is_over)
        assert eventually(lambda: [worker.health for worker in client.workers()] == ["idle", "idle"])
        workers = client.workers()
    assert sorted(worker.pid for worker in workers) == sorted(cluster.supervisor.pids[1:])
    assert sum(worker.n_frames for worker in workers) == N_FRAMES
    assert all(worker.rate > 0 for worker in workers)
    assert all(worker.core is not None for worker in workers) == Path("/proc/self/stat").exists()


@pytest.fixture
def lost(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[signal.Signals, float], Loss]]:
    """Takes a worker out of a job, as a signal does, in the midst of a range."""
    stack = contextlib.ExitStack()

    def lose(sent: signal.Signals, seconds_per_frame: float) -> Loss:
        order(monkeypatch, seconds_per_frame=seconds_per_frame)
        client = stack.enter_context(cluster.running())
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        victim = cluster.supervisor._workers[0].process
        assert victim is not None
        victim.send_signal(sent)
        stack.callback(victim.send_signal, signal.SIGCONT)
        return client, job, victim.pid

    with stack:
        yield lose


@pytest.mark.parametrize("sent", [signal.SIGSTOP, signal.SIGKILL])
def test_all_frames_of_a_lost_worker_are_done_by_others(
    cluster: Cluster, lost: Callable[[signal.Signals, float], Loss], sent: signal.Signals
) -> None:
    client, job, _ = lost(sent, 0.01)
    wait_for(client, job, is_over)
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_sigterm_ends_a_worker_that_computes_and_returns_its_range_at_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, seconds_per_frame=0.2)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_workers == 2)
        worker = cluster.supervisor._workers[0].process
        assert worker is not None
        worker.send_signal(signal.SIGTERM)
        wait_for(client, job, lambda progress: progress.n_workers < 2)
        assert {"silent", "died"}.isdisjoint(names(client, job))


@pytest.mark.parametrize(("sent", "told"), [(signal.SIGSTOP, "silent"), (signal.SIGKILL, "died")])
def test_people_are_told_of_a_lost_worker_and_of_what_it_held(
    lost: Callable[[signal.Signals, float], Loss], sent: signal.Signals, told: str
) -> None:
    client, job, pid = lost(sent, 0.1)
    assert eventually(lambda: told in names(client, job))
    losses = [event for event in events(client, job) if event["event"] == told]
    assert {event["worker_pid"] for event in losses} == {pid}
    assert all(event["stop"] > event["start"] for event in losses)
    health = {worker.pid: worker.health for worker in client.workers()}
    assert health.get(pid) == ("silent" if sent == signal.SIGSTOP else None)


def test_failed_frames_of_a_finished_job_are_tried_again_into_results_of_their_own(
    cluster: Cluster, trouble: Path
) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        first = wait_for(client, job, is_over)
        assert (first.n_failed, first.n_retriable, first.n_done) == (1, 1, N_FRAMES)
        assert journal_path(cluster.output).exists()
        kept = cluster.output.read_bytes()
        trouble.unlink()
        client.retry(job)
        second = wait_for(client, job, is_over)
        assert (second.n_failed, second.n_resumed) == (0, N_FRAMES - 1)
        assert second.output == str(cluster.folder / "results_1.h5r")
        assert names(client, job)[-2:] == ["resumed", "finished"]
        with pytest.raises(ResultsError, match="nothing can be retried"):
            client.retry(job)
    assert cluster.output.read_bytes() == kept
    results = read_results(Path(second.output))
    assert results.rows["frame"].tolist() == expected_frames()
    assert not results.failures
    assert not journal_path(cluster.output).exists()


def test_a_second_try_that_mends_nothing_leaves_the_results_as_they_are(cluster: Cluster, trouble: Path) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, is_over)
        kept = cluster.output.read_bytes()
        client.retry(job)
        again = wait_for(client, job, is_over)
    assert (again.n_failed, again.output) == (1, str(cluster.output))
    assert trouble.exists()
    assert cluster.output.read_bytes() == kept
    assert [path.name for path in cluster.folder.glob("*.h5r")] == ["results.h5r"]


def test_the_same_submission_tries_failed_frames_again_also_at_another_server(cluster: Cluster, trouble: Path) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, is_over)
    trouble.unlink()
    with cluster.running() as client:
        assert cluster.submit(client) == job
        assert wait_for(client, job, is_over).n_failed == 0
    assert read_results(cluster.folder / "results_1.h5r").rows["frame"].tolist() == expected_frames()


def test_failed_frames_of_a_running_job_are_tried_again(
    cluster: Cluster, trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = cluster.folder / "gate"
    order(monkeypatch, **{"raise": [3], "while": str(trouble), "seconds_per_frame": 0.1, "until": str(gate)})
    with cluster.running(1) as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_failed == 1)
        trouble.unlink()
        client.retry(job)
        gate.touch()
        assert wait_for(client, job, is_over).n_failed == 0
        assert "retried" in names(client, job)
    assert cluster.results().rows["frame"].tolist() == expected_frames()
    assert not journal_path(cluster.output).exists()


def test_a_job_that_was_paused_since_every_frame_failed_goes_on_after_a_retry(
    cluster: Cluster, trouble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, **{"raise": list(range(N_FRAMES)), "while": str(trouble)})
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.state == "paused")
        trouble.unlink()
        client.retry(job)
        over = wait_for(client, job, is_over)
    assert over.n_failed < 3  # what was under way may still have failed
    assert cluster.results().rows["frame"].tolist() == expected_frames(*over.failures)


def test_a_cancelled_job_goes_on_after_a_retry(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        client.stop(job)
        client.retry(job)
        assert wait_for(client, job, is_over).n_resumed > 0
        assert names(client, job) == ["begun", "stopped", "resumed", "finished"]
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_the_log_names_faults_with_worker_machine_and_outcome(cluster: Cluster, trouble: Path) -> None:
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, is_over)
        told = events(client, job)
    assert trouble.exists()
    assert (told[0]["event"], told[0]["movie"], told[-1]["event"]) == ("begun", str(cluster.movie), "finished")
    faults = [event for event in told if event["event"] == "fault"]
    assert {fault["outcome"] for fault in faults} == {"tried again", "halved", "given up"}
    assert all(fault["start"] <= 37 < fault["stop"] for fault in faults)
    assert {fault["host"] for fault in faults} == {os.uname().nodename}
    assert [event["frame"] for event in told if event["event"] == "failed"] == [37]


def test_a_job_without_a_log_is_an_error_in_one_line(cluster: Cluster) -> None:
    with cluster.running(0) as client:
        for job in ("abcdef", "../server-x", "a/b"):
            with pytest.raises(ServerError, match="no log of it"):
                client.read_log(job, LogPosition())


def test_all_jobs_are_listed_in_order_however_many(cluster: Cluster) -> None:
    np.save(cluster.movie, np.full((1, 16, 16), 100, np.uint16))
    with cluster.running(1) as client:
        jobs = []
        for threshold in range(1, 36):
            cluster.settings[-1] = f"Analysis.DetectionThreshold={threshold}"
            cluster.settings.append("Camera.ADOffset=100")
            jobs.append(cluster.submit(client, output=str(cluster.folder / f"{threshold}.h5r")))
            cluster.settings.pop()
        for job in jobs:
            wait_for(client, job, is_over)
        listed = client.jobs(ended=True)
        assert not client.jobs()
    assert [job.job for job in listed] == jobs
    assert all(job.ended_at is not None and job.ended_at >= job.began_at for job in listed)


@pytest.fixture
def no_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs can be written nowhere."""
    monkeypatch.setenv("POINTILLIST_LOGS", "/dev/full/logs")


@pytest.mark.usefixtures("no_logs")
def test_logs_that_cannot_be_written_are_in_nobodys_way(cluster: Cluster, trouble: Path) -> None:
    with cluster.running() as client:
        assert wait_for(client, cluster.submit(client), is_over).n_failed == 1
        with pytest.raises(PointillistError, match="no log of it"):
            client.read_log("ab", LogPosition())
    assert trouble.exists()
    assert cluster.results().rows["frame"].tolist() == expected_frames(37)
