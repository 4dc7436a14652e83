from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from waiting import eventually

from pointillist.pipeline_protocol.messages.frames import (
    LAYOUT,
    MOVIE,
    FrameData,
    FrameRequest,
    Item,
    Layout,
    LayoutReply,
    Missing,
)
from pointillist.pipeline_worker import frame_client as client_module
from pointillist.pipeline_worker.frame_client import (
    CACHE_BYTES,
    IN_FLIGHT_BYTES,
    RESEND_S,
    FrameClient,
    MissingError,
    RangeTakenError,
)

MIB = 1 << 20
TIMEOUT_S = 20.0


def item(number: int, job: str = "j") -> Item:
    return Item(job=job, part=MOVIE, number=number)


class Bench:
    """A client whose server is the test."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.pool = pool
        self.client = FrameClient()
        self.woken = threading.Semaphore(0)
        self.client.wake = self.woken.release
        self.client.keep(frozenset({"j"}))
        self.now = 0.0

    def take(self, number: int) -> Future[Any]:
        """Begin to wait for a piece, as a thread of the worker does."""
        future = self.pool.submit(self.client.piece, item(number), MIB)
        assert self.woken.acquire(timeout=TIMEOUT_S)
        return future

    def asked(self) -> list[int]:
        return [item.number for want in self.wants() for item in want.items]

    def wants(self) -> list[FrameRequest]:
        return self.client.due(self.now)

    def send(self, number: int, n_bytes: int = MIB) -> None:
        self.client.receive(FrameData(item=item(number)), bytes(n_bytes), self.now)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ThreadPoolExecutor(4) as pool:
        bench = Bench(pool)
        yield bench
        bench.client.keep(frozenset())  # whoever still waits


def test_who_waits_is_served(bench: Bench) -> None:
    waiting = bench.take(3)
    assert bench.client.has_waiting_thread
    assert bench.asked() == [3]
    bench.send(3)
    piece, content = waiting.result(TIMEOUT_S)
    assert (piece.item.number, len(content)) == (3, MIB)
    assert not bench.client.has_waiting_thread


def test_a_layout_is_asked_for_likewise(bench: Bench) -> None:
    layout = Layout(shape=(3, 4, 5), dtype="<u2", piece_frames=2)
    waiting = bench.pool.submit(bench.client.layout, item(LAYOUT))
    assert bench.woken.acquire(timeout=TIMEOUT_S)
    assert bench.asked() == [LAYOUT]
    bench.client.receive(LayoutReply(item=item(LAYOUT), layout=layout), b"", 0.0)
    assert waiting.result(TIMEOUT_S) == layout


def test_what_is_asked_for_at_a_time_is_bounded_and_goes_on_as_it_comes(bench: Bench) -> None:
    n_at_a_time = IN_FLIGHT_BYTES // MIB
    bench.client.expect(map(item, range(100)), MIB)
    assert bench.asked() == list(range(n_at_a_time))
    bench.send(0)
    assert bench.asked() == []  # several at a time
    for number in range(1, n_at_a_time // 2):
        bench.send(number)
    assert bench.asked() == list(range(n_at_a_time, n_at_a_time + n_at_a_time // 2))


def test_pieces_that_nobody_has_needed_yet_are_bounded(bench: Bench) -> None:
    bench.client.expect(map(item, range(200)), MIB)
    sent: list[int] = []
    while asked := bench.asked():
        for number in asked:
            bench.send(number)
        sent += asked
    assert len(sent) * MIB == CACHE_BYTES
    for number in range(20):
        bench.client.piece(item(number), MIB)
    assert bench.asked()[:5] == list(range(len(sent), len(sent) + 5))


def test_who_waits_goes_before_what_is_expected(bench: Bench) -> None:
    bench.client.expect(map(item, range(100)), MIB)
    bench.asked()
    bench.take(70)
    assert bench.asked() == [70]


def test_a_piece_is_fetched_once_for_neighbours_in_time(bench: Bench) -> None:
    waiting = bench.take(0)
    bench.asked()
    bench.send(0)
    assert bench.asked() == []
    waiting.result(TIMEOUT_S)
    bench.client.expect([item(0)], MIB)
    assert bench.client.piece(item(0), MIB)[0].item == item(0)
    assert bench.asked() == []


def test_the_latest_pieces_stay_and_the_oldest_go(bench: Bench) -> None:
    n = CACHE_BYTES // MIB
    for number in range(n + 10):
        waiting = bench.take(number)
        bench.asked()
        bench.send(number)
        waiting.result(TIMEOUT_S)
    assert bench.client.piece(item(n + 9), MIB)
    bench.take(0)
    assert bench.asked() == [0]


def test_after_silence_everything_is_asked_for_again_ever_more_seldom(bench: Bench) -> None:
    bench.take(1)
    assert bench.asked() == [1]
    assert bench.client.next_due(0.0) == RESEND_S
    asked_at = []
    for tenth in range(600):
        bench.now = tenth / 10
        for want in bench.wants():
            assert (want.is_all, want.items) == (True, [item(1)])
            asked_at.append(bench.now)
    assert asked_at[:3] == [RESEND_S, 3 * RESEND_S, 7 * RESEND_S]


def test_whatever_comes_shows_that_the_server_is_at_it(bench: Bench) -> None:
    bench.client.expect(map(item, range(4)), MIB)
    bench.asked()
    bench.now = 0.9 * RESEND_S
    bench.send(0)
    bench.now = 1.5 * RESEND_S
    assert bench.asked() == []


def test_a_server_that_starts_again_is_asked_for_all_at_once(bench: Bench) -> None:
    bench.client.expect(map(item, range(4)), MIB)
    bench.asked()
    bench.send(1)
    bench.client.restart()
    assert bench.client.next_due(0.0) == 0.0
    (want,) = bench.wants()
    assert want.is_all
    assert [item.number for item in want.items] == [0, 2, 3]


def test_what_comes_twice_or_unasked_is_dropped(bench: Bench) -> None:
    bench.client.expect([item(0)], MIB)
    bench.asked()
    bench.send(0)
    bench.send(0)
    bench.send(9)
    bench.take(9)
    assert bench.asked() == [9]


def test_who_waits_learns_that_it_cannot_be_had_and_may_ask_again(bench: Bench) -> None:
    waiting = bench.take(5)
    bench.asked()
    bench.client.receive(Missing(item=item(5), subject="m", problem="p", remedy="r", is_lasting=False), b"", 0.0)
    with pytest.raises(MissingError) as error:
        waiting.result(TIMEOUT_S)
    assert error.value.missing.problem == "p"
    bench.take(5)
    assert bench.asked() == [5]


def test_nobody_waits_for_a_job_that_was_taken_away(bench: Bench) -> None:
    bench.client.expect(map(item, range(3)), MIB)
    waiting = bench.take(7)
    bench.asked()
    bench.client.keep(frozenset({"another"}))
    with pytest.raises(RangeTakenError):
        waiting.result(TIMEOUT_S)
    assert bench.asked() == []
    assert bench.client.next_due(0.0) == math.inf


def test_pieces_of_ranges_that_were_taken_away_make_room(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "CACHE_BYTES", 4 * MIB)
    bench.client.expect(map(item, range(4)), MIB)
    for number in bench.asked():
        bench.send(number)  # and nobody ever takes them
    read = 100
    prefetched: list[int] = []
    for number in range(read, read + 12):
        bench.client.expect(map(item, range(number + 1, number + 3)), MIB)
        waiting = bench.pool.submit(bench.client.piece, item(number), MIB)
        assert eventually(lambda future=waiting: future.done() or bench.client.has_waiting_thread)  # type: ignore[misc]
        for asked in bench.asked():
            prefetched += [asked] if asked != number else []
            bench.send(asked)
        waiting.result(TIMEOUT_S)
    assert prefetched
