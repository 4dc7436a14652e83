from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.transfer import PIECE_BYTES
from pointillist.pipeline_protocol.messages import Buffer
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.messages.frames import (
    LAYOUT,
    MAX_WANTED,
    MOVIE,
    FrameData,
    FrameRequest,
    Item,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_server.frames import frame_server as server_module
from pointillist.pipeline_server.frames.frame_server import IN_FLIGHT_TO_ONE_BYTES, FrameServer
from pointillist.pipeline_server.frames.source_cache import SourceCache

EDGE = 512
N_PIECES = 40
FRAME_BYTES = 2 * EDGE**2
FRAMES_OF_PIECE = PIECE_BYTES // FRAME_BYTES
TIMEOUT_S = 20.0


class Landing:
    """Says when a message has left: when the test says so."""

    def __init__(self) -> None:
        self.done = False


class Bench:
    """A server whose socket is the test."""

    def __init__(self, movie: Path) -> None:
        with open_movie(movie) as opened:
            identity, n_frames = opened.identity, opened.n_frames
        spec = JobSpec(
            job="j",
            kind="fit",
            movie=str(movie),
            identity=identity,
            n_frames=n_frames,
            settings=JobSettings(),
            output="o",
        )
        self.sent: list[tuple[bytes, LayoutReply | FrameData | Missing, Buffer]] = []
        self.landings: list[Landing] = []
        self.gone: set[bytes] = set()
        self.does_land = True
        self.works = {"j": SimpleNamespace(spec=spec)}
        self.server = FrameServer(self.send, lambda: None, self.works)

    def send(self, peer: bytes, message: LayoutReply | FrameData | Missing, content: Buffer) -> Landing | None:
        if peer in self.gone:
            return None
        landing = Landing()
        landing.done = self.does_land
        self.landings.append(landing)
        self.sent.append((peer, message, content))
        return landing

    def want(self, peer: bytes, *numbers: int, is_all: bool = False) -> None:
        items = [Item(job="j", part=MOVIE, number=number) for number in numbers]
        self.server.want(peer, FrameRequest(items=items, is_all=is_all))

    def step_until(self, is_enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not is_enough():
            assert time.monotonic() < deadline
            self.server.step()
            time.sleep(0.001)

    def settle(self) -> None:
        """Let the server do all that it can."""
        n_sent = -1
        while n_sent != len(self.sent):
            n_sent = len(self.sent)
            for _ in range(20):
                self.server.step()
                time.sleep(0.002)

    def numbers(self, peer: bytes) -> list[int]:
        return [message.item.number for to, message, _ in self.sent if to == peer]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    frames = np.arange(N_PIECES * FRAMES_OF_PIECE, dtype=np.uint16)
    np.save(tmp_path / "a.npy", np.broadcast_to(frames[:, None, None], (len(frames), EDGE, EDGE)))
    bench = Bench(tmp_path / "a.npy")
    yield bench
    bench.server.close()
    bench.server._helper.shutdown(wait=True)


def test_everybody_gets_what_he_wants(bench: Bench) -> None:
    bench.want(b"a", LAYOUT, 0, 5)
    bench.want(b"b", 5)
    bench.step_until(lambda: len(bench.sent) == 4)
    assert sorted(bench.numbers(b"a")) == [LAYOUT, 0, 5]
    assert bench.numbers(b"b") == [5]
    contents = {content for _, message, content in bench.sent if message.item.number == 5}
    assert contents == {np.repeat(np.arange(5 * FRAMES_OF_PIECE, 6 * FRAMES_OF_PIECE, dtype="<u2"), EDGE**2).tobytes()}


def test_neighbours_share_what_was_read_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = SourceCache.read_item

    def spy(self: SourceCache, spec: JobSpec, item: Item) -> object:
        read.append(item.number)
        return original(self, spec, item)

    monkeypatch.setattr(SourceCache, "read_item", spy)
    for peer in (b"a", b"b", b"c"):
        bench.want(peer, 1, 2, 3)
    bench.step_until(lambda: len(bench.sent) == 9)
    bench.want(b"d", 2)
    bench.step_until(lambda: len(bench.sent) == 10)
    assert sorted(read) == [1, 2, 3]


def test_no_more_is_on_its_way_to_one_than_it_takes_and_others_are_served_meanwhile(bench: Bench) -> None:
    bench.does_land = False
    bench.want(b"slow", *range(20))
    bench.settle()
    assert len(bench.numbers(b"slow")) * PIECE_BYTES == IN_FLIGHT_TO_ONE_BYTES
    assert bench.server.is_full
    bench.want(b"quick", 30)
    bench.step_until(lambda: bench.numbers(b"quick") == [30])
    bench.landings[0].done = True
    bench.step_until(lambda: len(bench.numbers(b"slow")) * PIECE_BYTES == IN_FLIGHT_TO_ONE_BYTES + PIECE_BYTES)


def test_memory_is_bounded_however_many_want_however_much(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CACHE_BYTES", 6 * PIECE_BYTES)
    monkeypatch.setattr(server_module, "IN_FLIGHT_BYTES", 8 * PIECE_BYTES)
    bench.does_land = False
    for number in range(100):
        bench.want(b"%d" % number, *range(N_PIECES))
    bench.settle()
    assert len(bench.sent) == 8
    assert bench.server._n_cached <= 6 * PIECE_BYTES
    assert len(bench.server._reading) <= server_module.N_READS
    bench.does_land = True
    for landing in bench.landings:
        landing.done = True
    bench.step_until(lambda: len(bench.sent) == 100 * N_PIECES)
    for number in range(100):
        assert sorted(bench.numbers(b"%d" % number)) == list(range(N_PIECES))


def test_no_list_is_longer_than_a_message_can_be(bench: Bench) -> None:
    for first in range(0, 10 * MAX_WANTED, MAX_WANTED):
        bench.want(b"greedy", *range(first, first + MAX_WANTED))
    assert len(bench.server._wanted[b"greedy"]) == MAX_WANTED


def test_a_worker_that_asks_again_gets_what_it_still_lacks_once(bench: Bench) -> None:
    bench.want(b"a", 1, 2, 3)
    bench.want(b"a", 2, 3, is_all=True)
    bench.want(b"a", 3)
    bench.settle()
    assert sorted(bench.numbers(b"a")) == [2, 3]


def test_what_a_worker_that_is_gone_wanted_is_forgotten(bench: Bench) -> None:
    bench.gone.add(b"a")
    bench.want(b"a", *range(10))
    bench.want(b"b", *range(10))
    bench.step_until(lambda: len(bench.numbers(b"b")) == 10)
    bench.settle()
    assert not bench.server._wanted
    assert not bench.server.is_full


def test_jobs_that_are_not_at_work_are_not_served(bench: Bench) -> None:
    bench.server.want(b"a", FrameRequest(items=[Item(job="none", part=MOVIE, number=0)], is_all=False))
    bench.want(b"a", *range(10))
    bench.works.clear()
    bench.server.forget("j")
    bench.settle()
    assert not bench.server._wanted
    assert not bench.server._unread


@pytest.mark.parametrize("part", ["background", "Camera.DarkMapID", "/etc/passwd"])
def test_what_a_job_does_not_have_is_said_to_be_missing(bench: Bench, part: str) -> None:
    bench.server.want(b"a", FrameRequest(items=[Item(job="j", part=part, number=LAYOUT)], is_all=False))
    bench.step_until(lambda: len(bench.sent) == 1)
    message = bench.sent[0][1]
    assert isinstance(message, Missing)
    assert message.is_lasting


@pytest.mark.parametrize("number", [N_PIECES, 2**53])
def test_a_piece_beyond_the_end_is_missing(bench: Bench, number: int) -> None:
    bench.want(b"a", number)
    bench.step_until(lambda: len(bench.sent) == 1)
    message = bench.sent[0][1]
    assert isinstance(message, Missing)
    assert not message.is_lasting


def test_a_movie_that_was_replaced_is_not_sent(bench: Bench, tmp_path: Path) -> None:
    bench.want(b"a", 0)
    bench.step_until(lambda: len(bench.sent) == 1)
    (tmp_path / "a.npy").unlink()
    np.save(tmp_path / "a.npy", np.zeros((N_PIECES * FRAMES_OF_PIECE, 8, 8), np.uint16))
    bench.want(b"a", 1)
    bench.step_until(lambda: len(bench.sent) == 2)
    message = bench.sent[1][1]
    assert isinstance(message, Missing)
    assert message.is_lasting
    assert message.problem == "has changed since the job was submitted"
