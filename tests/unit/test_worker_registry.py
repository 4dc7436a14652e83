"""How workers are, as the server hears of them."""

from __future__ import annotations

import pytest

from pointillist.pipeline_protocol.messages.control import Heartbeat, Ref
from pointillist.pipeline_server.cluster.worker_registry import SILENT_S, WorkerRegistry
from pointillist.pipeline_server.queue.worker import Worker

REF = Ref(job="j", start=0, stop=9)


def beat(worker: str = "a", pid: int = 1, **more: object) -> Heartbeat:
    return Heartbeat(worker=worker, host="wks1", pid=pid, **more)  # type: ignore[arg-type]


def health(roster: WorkerRegistry, now: float) -> list[str]:
    return [worker.health for worker in roster.report({}, now, "", 10)]


def test_a_worker_warms_up_is_idle_is_busy_and_falls_silent() -> None:
    roster = WorkerRegistry()
    roster.record_heartbeat(b"1", beat(), 0.0)
    assert health(roster, 0.0) == ["warming up"]
    roster.record_heartbeat(b"1", beat(wants=2), 1.0)
    assert health(roster, 1.0) == ["idle"]
    roster.record_heartbeat(b"1", beat(holds=[REF]), 2.0)
    assert health(roster, 2.0) == ["busy"]
    assert health(roster, 2.1 + SILENT_S) == ["silent"]
    roster.record_heartbeat(b"1", beat(holds=[REF]), 9.0)
    assert health(roster, 9.0) == ["busy"]


def test_a_successor_restarts_until_it_is_warm() -> None:
    roster = WorkerRegistry()
    roster.record_heartbeat(b"1", beat(pid=7), 0.0)
    assert roster.record_death(b"2", "wks1", 7) == "a"
    roster.leave("a")
    roster.record_heartbeat(b"2", beat("b", pid=8), 0.0)
    assert health(roster, 0.0) == ["restarting"]
    roster.record_heartbeat(b"2", beat("b", pid=8, wants=2), 0.0)
    assert health(roster, 0.0) == ["idle"]
    assert roster.record_death(b"3", "wks2", 8) == ""


def test_who_is_silent_for_long_is_forgotten_unless_the_queue_knows_it() -> None:
    roster = WorkerRegistry()
    for name in "ab":
        roster.record_heartbeat(b"1", beat(name), 0.0)
    roster.forget(1e6, {"b"})
    assert [worker.worker for worker in roster.report({}, 1e6, "", 10)] == ["b"]
    assert roster.peer_of("a") is None
    assert roster.peer_of("b") == b"1"


def test_workers_are_told_of_in_order_and_in_portions() -> None:
    roster = WorkerRegistry()
    for number in range(1000):
        roster.record_heartbeat(b"1", beat(f"w{number:04}"), 0.0)
    found, after = [], ""
    while page := roster.report({}, 0.0, after, 99):
        found += [worker.worker for worker in page]
        after = found[-1]
    assert found == [f"w{number:04}" for number in range(1000)]


def test_a_rate_is_that_of_the_last_seconds() -> None:
    roster = WorkerRegistry()
    worker = Worker(name="a", heard_at=0.0)
    roster.record_heartbeat(b"1", beat(computing=REF, holds=[REF], core=3), 20.0)
    for second in range(1, 21):
        worker.note_answer(30, float(second))
    (report,) = roster.report({"a": worker}, 20.0, "", 10)
    assert report.rate == pytest.approx(30, rel=0.05)
    assert (report.n_frames, report.core, report.job) == (600, 3, "j")
