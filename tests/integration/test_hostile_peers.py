"""A running server among peers that mean harm, or that know no better."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq
from made_results import answer, computed
from waiting import is_over, wait_for

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages import control as m
from pointillist.pipeline_protocol.messages.wire import MARK, MAX_BUFFERS, MAX_HEADER_BYTES, encode
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.pipeline_protocol.sockets import connect_dealer
from pointillist.settings.encoding import job_settings
from pointillist.supervision.process_supervisor import ProcessSupervisor

FAKE_WORKER = str(Path(__file__).with_name("fake_worker.py"))
N_FRAMES = 300
N_EMPTY = int(os.environ.get("POINTILLIST_EMPTY_MESSAGES", "100000"))
"""A million takes a minute."""
GROWTH_MB = 150
PREFIX = MARK + bytes([m.PROTOCOL_VERSION])
SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]


class Victim:
    """A server with a worker, and a job that takes a few seconds."""

    def __init__(self, folder: Path) -> None:
        self.keys: ClusterKeys = ephemeral_keys()
        self.supervisor = ProcessSupervisor(self.keys, lambda _: None)
        self.address = self.supervisor.start_server("tcp://127.0.0.1:*", ["--state", str(folder / "journals")])
        self.supervisor.start_workers(self.address, 1, [FAKE_WORKER])
        self.client = Client(self.address, self.keys, timeout_s=5.0, check=self.supervisor.check)
        self.output = folder / "results.h5r"
        movie = folder / "movie.npy"
        np.save(movie, np.random.default_rng(3).integers(90, 110, (N_FRAMES, 16, 16)).astype(np.uint16))
        with open_movie(movie) as opened:
            settings, _ = prepare(opened, None, SETTINGS)
            self.job = self.client.submit(str(movie), opened.identity, job_settings(settings), output=str(self.output))
        self.memory_mb = self.peak_mb()

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.supervisor.pids[0]}/status")
        if not status.exists():
            return 0.0
        (peak,) = (line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak) / 1024

    def survives(self) -> None:
        """Check that it is the same server, no larger, and that the job gets done."""
        server = self.supervisor.pids[0]
        assert self.client.ping().pid == server
        progress = wait_for(self.client, self.job, is_over)
        assert (progress.state, progress.n_done) == ("finished", N_FRAMES)
        assert len(read_results(self.output).rows) == sum(frame % 3 for frame in range(N_FRAMES))
        assert self.peak_mb() - self.memory_mb < GROWTH_MB


@pytest.fixture
def victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Victim]:
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path))
    monkeypatch.setenv("FAKE_ORDERS", '{"seconds_per_frame": 0.005}')
    victim = Victim(tmp_path)
    yield victim
    victim.client.close()
    victim.supervisor.stop()


@contextlib.contextmanager
def dealer(victim: Victim) -> Iterator[zmq.Socket[bytes]]:
    """Connect with the key, and take all answers as they come."""
    context = zmq.Context()
    peer = connect_dealer(context, victim.address, victim.keys)
    yield peer
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        drain(peer)
        time.sleep(0.01)
    context.destroy(linger=0)


def drain(peer: zmq.Socket[bytes]) -> None:
    with contextlib.suppress(zmq.Again):
        while True:
            peer.recv_multipart(zmq.NOBLOCK)


def send(peer: zmq.Socket[bytes], frames: list[bytes]) -> None:
    peer.poll(2000, zmq.POLLOUT)
    peer.send_multipart(frames, zmq.NOBLOCK)


def test_bytes_that_are_no_protocol_change_nothing(victim: Victim) -> None:
    rng = random.Random(1)
    host, port = victim.address.removeprefix("tcp://").split(":")
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + bytes(32)
    openings = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        greeting,
        greeting[:20],
        greeting + b"\x04\xc8\x05HELLO" + rng.randbytes(194),
        greeting + b"\x06\x7f\xff\xff\xff\xff\xff\xff\xff" + rng.randbytes(1000),
    ]
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(contextlib.closing(socket.create_connection((host, int(port)), 5)))
            opening = openings[number] if number < len(openings) else rng.randbytes(rng.randrange(1, 5000))
            with contextlib.suppress(OSError):
                connection.sendall(opening)
        victim.survives()  # while they are open


def test_a_peer_without_the_key_is_counted_and_not_heard(victim: Victim) -> None:
    stranger, context = ephemeral_keys(), zmq.Context()
    wrong = ClusterKeys(key="", server=victim.keys.server, client=stranger.client)
    peers = [connect_dealer(context, victim.address, wrong) for _ in range(20)]
    for peer in peers:
        for _ in range(100):
            with contextlib.suppress(zmq.Again):
                peer.send_multipart(encode(m.Stop(request=1, job=victim.job)), zmq.NOBLOCK)
    victim.survives()
    context.destroy(linger=0)


def _nonsense(rng: random.Random) -> list[bytes]:
    valid = encode(m.Watch(request=1, job="j"))[0]
    header = bytearray(bytes(valid))
    header[rng.randrange(len(header))] = rng.randrange(256)
    choices: list[Callable[[], list[bytes]]] = [
        lambda: [rng.randbytes(rng.randrange(200))],
        lambda: [PREFIX + rng.randbytes(rng.randrange(200))],
        lambda: [bytes(header)],
        lambda: [bytes(valid)[: rng.randrange(len(valid))]],
        lambda: [bytes(valid)] + [b"x"] * (MAX_BUFFERS + 1 + rng.randrange(30)),
        lambda: [MARK + bytes([rng.randrange(256)]) + bytes(valid)[2:]],
        lambda: [PREFIX + b"\x82\xa4type\xa7Unknown\xa1x\x01"],
        lambda: [PREFIX + b"\x91" * 5000],
    ]
    return rng.choice(choices)()


def test_messages_that_mean_nothing_are_answered_and_forgotten(victim: Victim) -> None:
    rng = random.Random(2)
    with dealer(victim) as peer:
        for _ in range(5000):
            send(peer, _nonsense(rng))
            drain(peer)
        send(peer, [PREFIX + bytes(MAX_HEADER_BYTES + 1)])
        for _ in range(3):
            send(peer, [PREFIX + b"\xc0", bytes(40 << 20)])
    victim.survives()


def test_messages_that_lie_are_not_believed(victim: Victim) -> None:
    rng = random.Random(3)
    with dealer(victim) as peer:
        for number in range(2000):
            start = rng.randrange(2 * N_FRAMES)
            ref = m.Ref(job=victim.job, start=start, stop=start + rng.randrange(50), generation=rng.randrange(9))
            worker = f"liar-{number % 50}"
            content = rng.randbytes(rng.randrange(300))
            lies: list[m.Message] = [
                answer(worker, ref, computed(ref.start, ref.stop, [content], rng.randrange(10**6))[0]),
                m.Fault(worker=worker, ref=ref, error="x" * 8000),
                m.Blocked(worker=worker, ref=ref, error="no"),
                m.Goodbye(worker=worker),
                m.WorkerDied(host="nowhere", pid=number),
                m.Stop(request=number, job=f"{number:016x}"),
            ]
            send(peer, [bytes(frame) for frame in encode(rng.choice(lies), [content])])
            drain(peer)
    victim.survives()


def test_empty_messages_by_the_hundred_thousand_hold_nobody_up(victim: Victim) -> None:
    slowest = 0.0
    with dealer(victim) as peer:
        for number in range(N_EMPTY):
            send(peer, [b""])
            if number % 500 == 0:
                drain(peer)
            if number % (N_EMPTY // 20) == 0:
                began = time.monotonic()
                victim.client.ping()
                slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5.0
    victim.survives()
