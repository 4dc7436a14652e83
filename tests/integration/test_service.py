from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_cluster import N_FRAMES, Cluster, expected_frames, order
from waiting import PATIENCE_S, is_over, wait_for

from pointillist.errors import MessageError, MovieError, ResultsError, ServerError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.paths import journal_path, partial_path
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.security.keys import ephemeral_keys
from pointillist.supervision import process_supervisor as supervisor_module
from pointillist.supervision.process_supervisor import ProcessSupervisor


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setattr(supervisor_module, "new_log", lambda _: tmp_path / "log")
    return Cluster(tmp_path)


def test_a_job_is_done_by_all_workers_and_its_rows_stand_in_order(cluster: Cluster) -> None:
    with cluster.running() as client:
        progress = wait_for(client, cluster.submit(client), is_over)
    assert progress.state == "finished"
    assert (progress.n_done, progress.n_items, progress.output) == (N_FRAMES, 300, str(cluster.output))
    results = cluster.results()
    assert results.is_complete
    assert results.rows["frame"].tolist() == expected_frames()
    assert not journal_path(cluster.output).exists()
    assert not partial_path(cluster.output).exists()
    assert not cluster.news


def test_a_killed_worker_is_replaced_and_its_frames_are_done(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        victim = cluster.supervisor._workers[0].process
        assert victim is not None
        victim.kill()
        wait_for(client, job, is_over)
    assert cluster.results().rows["frame"].tolist() == expected_frames()
    assert cluster.news == ["worker 1 ended (signal 9) and is started again"]


def test_a_server_that_is_killed_goes_on_where_it_was(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 50)
        server = cluster.supervisor._server
        assert server is not None
        assert server.process is not None
        server.process.kill()
        progress = wait_for(client, job, is_over)
    assert progress.n_resumed > 50
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_after_everything_was_killed_the_same_submission_resumes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 50)
        cluster.kill_all()
    assert not cluster.output.exists()
    (cluster.folder / "journals").unlink()
    with cluster.running() as client:
        assert cluster.submit(client, resume="required") == job
        progress = wait_for(client, job, is_over)
    assert 50 < progress.n_resumed < N_FRAMES
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_the_frame_at_fault_is_recorded_and_all_others_are_analysed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, **{"raise": [37, 200]})
    with cluster.running() as client:
        progress = wait_for(client, cluster.submit(client), is_over)
    assert progress.failures == {37: "ValueError: frame 37 is bad", 200: "ValueError: frame 200 is bad"}
    results = cluster.results()
    assert results.failures == progress.failures
    assert results.rows["frame"].tolist() == expected_frames(37, 200)
    assert (results.ranges["stop"] - results.ranges["start"]).sum() == N_FRAMES - 2


def test_a_frame_that_kills_its_workers_is_recorded_too(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, die=[50])
    cluster_frames = 51
    np.save(cluster.movie, np.full((cluster_frames, 16, 16), 100, np.uint16))
    monkeypatch.setattr("pointillist.supervision.managed_process._FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("pointillist.supervision.managed_process.LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr("pointillist.supervision.managed_process.N_QUICK_DEATHS", 1000)
    with cluster.running() as client:
        progress = wait_for(client, cluster.submit(client), is_over)
    assert list(progress.failures) == [50]
    assert "died" in progress.failures[50]
    assert progress.n_done == cluster_frames


def test_a_movie_that_vanishes_pauses_the_job_which_goes_on_when_asked_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    elsewhere = cluster.folder / "elsewhere.npy"
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        cluster.movie.rename(elsewhere)
        progress = wait_for(client, job, lambda progress: progress.state == "paused")
        assert progress.reason == f"{cluster.movie}: has vanished; put it back"
        assert not progress.failures
        with pytest.raises(MovieError, match="there is no such file"):
            client.submit(str(cluster.movie), "x", JobSettings())
        elsewhere.rename(cluster.movie)
        assert cluster.submit(client) == job
        assert wait_for(client, job, is_over).state == "finished"
    assert cluster.results().rows["frame"].tolist() == expected_frames()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False, text=True
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here ({mount.stderr.strip()})")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_pauses_the_job_and_loses_nothing(
    cluster: Cluster, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, seconds_per_frame=0.003)
    monkeypatch.setattr(supervisor_module, "new_log", lambda _: cluster.folder / "log")
    cluster.output = small_disk / "results.h5r"
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        progress = wait_for(client, job, lambda progress: progress.state == "paused")
        assert progress.reason is not None
        assert "free some disk space" in progress.reason
        assert "\n" not in progress.reason
        (small_disk / "filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        wait_for(client, job, lambda progress: progress.state == "finished")
    assert cluster.results().rows["frame"].tolist() == expected_frames()


def test_a_stopped_job_keeps_its_journal_and_can_be_resumed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.01)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        client.stop(job)
        assert client.progress(job).state == "stopped"
        assert journal_path(cluster.output).exists()
        progress = client.progress(job)
    with cluster.running() as client:
        assert cluster.submit(client) == job
        assert wait_for(client, job, is_over).n_resumed >= progress.n_done


def test_two_submissions_of_the_same_analysis_are_one_job(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.005)
    with cluster.running() as client, Client(cluster.address, cluster.keys) as other:
        assert cluster.submit(client) == cluster.submit(other)
        wait_for(client, cluster.submit(client), is_over)
    assert [path.name for path in cluster.folder.glob("*.h5r")] == ["results.h5r"]


def test_results_that_stand_are_not_written_again_after_a_crash_at_the_last_moment(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(monkeypatch, seconds_per_frame=0.003)
    journal = journal_path(cluster.output)
    with cluster.running() as client:
        job = cluster.submit(client)
        wait_for(client, job, lambda progress: progress.n_done > 0)
        left = journal.read_bytes()
        wait_for(client, job, is_over)
        written = cluster.output.read_bytes()
        journal.write_bytes(left)
        assert cluster.submit(client) == job
        assert wait_for(client, job, is_over).output == str(cluster.output)
    assert cluster.output.read_bytes() == written
    assert sorted(path.name for path in cluster.folder.glob("results*")) == ["results.h5r"]


def test_what_exists_is_never_overwritten(cluster: Cluster) -> None:
    cluster.output.write_bytes(b"precious")
    with cluster.running() as client:
        progress = wait_for(client, cluster.submit(client), is_over)
        assert progress.output == str(cluster.folder / "results_1.h5r")
        with pytest.raises(ResultsError, match="no unfinished analysis"):
            cluster.submit(client, resume="required")
    assert cluster.output.read_bytes() == b"precious"


def test_other_settings_are_another_analysis(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.005)
    with cluster.running() as client:
        first = cluster.submit(client)
        cluster.settings.append("Analysis.DetectionThreshold=2")
        second = cluster.submit(client)
        assert first != second
        assert [wait_for(client, job, is_over).n_items for job in (first, second)] == [300, 300]
    assert sorted(path.name for path in cluster.folder.glob("*.h5r")) == ["results.h5r", "results_1.h5r"]


def test_an_analysis_that_finds_nothing_writes_a_file_that_says_so(cluster: Cluster) -> None:
    np.save(cluster.movie, np.full((1, 16, 16), 100, np.uint16))
    with cluster.running() as client:
        progress = wait_for(client, cluster.submit(client), is_over)
    assert (progress.state, progress.n_items) == ("finished", 0)
    results = cluster.results()
    assert results.is_complete
    assert results.ranges.tolist() == [(0, 1, 0)]


def test_a_server_does_not_take_a_job_that_another_one_has(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    order(monkeypatch, seconds_per_frame=0.1)
    with cluster.running() as client:
        wait_for(client, cluster.submit(client), lambda progress: progress.n_done > 0)
        (cluster.folder / "second").mkdir()
        second = ProcessSupervisor(cluster.keys, cluster.news.append)
        try:
            address = second.start_server(f"ipc://{cluster.folder}/second/server", [])
            with (
                Client(address, cluster.keys) as other,
                pytest.raises(ResultsError, match="another process is already running"),
            ):
                cluster.submit(other)
        finally:
            second.stop()


@pytest.mark.parametrize(
    ("settings", "movie", "error", "says"),
    [
        (JobSettings(), "movie.npy", MessageError, "settings: cannot be understood"),
        (JobSettings(), "none.npy", MovieError, "there is no such file"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_one_line(
    cluster: Cluster, settings: JobSettings, movie: str, error: type[Exception], says: str
) -> None:
    with open_movie(cluster.movie) as file:
        identity = file.identity
    with cluster.running(0) as client, pytest.raises(error, match=says) as caught:
        client.submit(str(cluster.folder / movie), identity, settings)
    assert "\n" not in str(caught.value)


def test_a_client_without_the_key_is_told_so_and_counted_by_the_server(cluster: Cluster) -> None:
    with cluster.running(0):
        refused = pytest.raises(ServerError, match="has another cluster key")
        with Client(cluster.address, ephemeral_keys()) as stranger, refused:
            stranger.ping()
    half = dataclasses.replace(cluster.keys, client=ephemeral_keys().client)
    with cluster.running(0) as client:
        refused = pytest.raises(ServerError, match="has another cluster key")
        with Client(cluster.address, half) as stranger, refused:
            stranger.ping()
        assert client.ping().n_refused >= 1


def test_a_client_of_no_server_is_told_so(tmp_path: Path) -> None:
    unreached = pytest.raises(ServerError, match="does not answer")
    with Client(f"ipc://{tmp_path}/none", ephemeral_keys(), timeout_s=0.5) as client, unreached:
        client.ping()


def test_a_peer_without_curve_cannot_speak(cluster: Cluster) -> None:
    import zmq  # noqa: PLC0415

    from pointillist.pipeline_protocol.messages.control import Ping  # noqa: PLC0415
    from pointillist.pipeline_protocol.messages.wire import encode  # noqa: PLC0415

    with cluster.running(0) as client, zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(cluster.address)
        with contextlib.suppress(zmq.Again):
            socket.send_multipart(encode(Ping(request=1)), zmq.NOBLOCK)
        assert client.ping().n_workers == 0
        assert not socket.poll(300)


def test_a_server_dies_with_its_parent(cluster: Cluster) -> None:
    with cluster.running(1) as client:
        pid = client.ping().pid
        worker = cluster.supervisor._workers[0].process
        server = cluster.supervisor._server
        assert worker is not None
        assert server is not None
        assert server.process is not None
        cluster.supervisor._is_over.set()
        cluster.supervisor._thread.join()
        cluster.supervisor._parent_pipe.close()
        assert (server.process.pid, server.process.wait(PATIENCE_S), worker.wait(PATIENCE_S)) == (pid, 0, 0)
        cluster.supervisor._parent_pipe.reader, cluster.supervisor._parent_pipe._writer = os.pipe()


def test_a_server_that_cannot_listen_says_why(cluster: Cluster) -> None:
    supervisor = ProcessSupervisor(cluster.keys, cluster.news.append)
    try:
        with pytest.raises(ServerError, match="cannot listen"):
            supervisor.start_server(f"ipc://{cluster.folder}/no/such/folder/server", [])
    finally:
        supervisor.stop()


def test_no_key_is_on_a_command_line(cluster: Cluster) -> None:
    with cluster.running(1):
        for child in cluster.supervisor._children:
            assert child.process is not None
            listing = subprocess.run(
                ["ps", "-o", "args=", "-p", str(child.process.pid)], capture_output=True, check=True, text=True
            )
            assert cluster.keys.key not in listing.stdout
