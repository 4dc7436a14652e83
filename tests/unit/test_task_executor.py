from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from made_results import computed

from pointillist.pipeline_protocol.messages.control import JobSpec, Ref
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_worker.task_executor import N_OPEN_JOBS, TaskExecutor
from pointillist.pipeline_worker.tasks.kind import BlockedError, Computed, Outcome
from pointillist.pipeline_worker.worker_state import LeasedTask, Stage

TIMEOUT_S = 10.0


class Bench:
    """An executor whose runner does what the test says."""

    def __init__(self) -> None:
        self.woken = threading.Semaphore(0)
        self.prepare: Callable[[int], None] = lambda _: None
        self.compute: Callable[[int], None] = lambda _: None
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.executor = TaskExecutor({"fit": lambda spec: Runner(self, spec.job)}, lambda: None, self.woken.release)

    def begin(self, start: int, job: str = "j", kind: str = "fit") -> LeasedTask:
        spec = JobSpec(job=job, kind=kind, movie="m", identity="i", n_frames=9, settings=JobSettings(), output="o")
        held = LeasedTask(ref=Ref(job=job, start=start, stop=start + 1), spec=spec, lease_s=5.0, since=0.0)
        self.executor.begin(held)
        return held

    def outcomes(self, n: int) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while len(outcomes) < n:
            assert self.woken.acquire(timeout=TIMEOUT_S)
            outcomes += [outcome for _, outcome in self.executor.outcomes()]
        return outcomes


class Runner:
    def __init__(self, bench: Bench, job: str) -> None:
        self.bench = bench
        self.job = job
        bench.opened.append(job)

    def prepare(self, start: int, stop: int) -> None:  # noqa: ARG002 - of one frame
        self.bench.prepare(start)

    def compute(self, start: int, stop: int) -> Computed:
        self.bench.compute(start)
        return computed(start, stop, n_items=start)

    def close(self) -> None:
        self.bench.closed.append(self.job)


@pytest.fixture
def bench() -> Iterator[Bench]:
    threads = threading.active_count()
    yield Bench()
    assert threading.active_count() <= threads + 2, "they are daemons, and only two"


def test_ranges_are_done_in_order(bench: Bench) -> None:
    for start in (3, 1, 2):
        bench.begin(start)
    found = [outcome.computed for outcome in bench.outcomes(3)]
    assert [each and each[0].n_items for each in found] == [3, 1, 2]


def test_the_next_range_is_prepared_while_one_is_computed(bench: Bench) -> None:
    is_read, is_computing, may_end = threading.Event(), threading.Event(), threading.Event()

    def compute(start: int) -> None:
        if start == 1:
            is_computing.set()
            _expect(may_end.wait(TIMEOUT_S))

    bench.prepare = lambda start: is_read.set() if start == 2 else None
    bench.compute = compute
    first = bench.begin(1)
    bench.begin(2)
    assert is_read.wait(TIMEOUT_S)
    assert is_computing.wait(TIMEOUT_S)
    assert first.stage is Stage.COMPUTING
    may_end.set()
    assert len(bench.outcomes(2)) == 2


def _expect(is_so: bool) -> None:  # noqa: FBT001
    assert is_so


def _fail(error: Exception) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise error

    return fail


@pytest.mark.parametrize("stage", ["prepare", "compute"])
def test_an_error_is_the_outcome_of_its_range_alone(bench: Bench, stage: str) -> None:
    setattr(bench, stage, _fail(ValueError("boom")))
    bench.begin(1)
    (outcome,) = bench.outcomes(1)
    assert (outcome.error, outcome.is_blocked, outcome.computed) == ("ValueError: boom", False, None)
    setattr(bench, stage, lambda _: None)
    bench.begin(2)
    (outcome,) = bench.outcomes(1)
    assert outcome.computed is not None


def test_a_job_that_cannot_go_on_is_blocked(bench: Bench) -> None:
    bench.prepare = _fail(BlockedError("the movie is gone"))
    bench.begin(1)
    (outcome,) = bench.outcomes(1)
    assert (outcome.error, outcome.is_blocked) == ("the movie is gone", True)


def test_an_unknown_kind_is_blocked(bench: Bench) -> None:
    bench.begin(1, kind="tile")
    (outcome,) = bench.outcomes(1)
    assert outcome.is_blocked
    assert "no such kind" in outcome.error


def test_unwanted_ranges_are_not_begun(bench: Bench) -> None:
    started: list[int] = []
    is_reading, may_end = threading.Event(), threading.Event()

    def read(start: int) -> None:
        started.append(start)
        is_reading.set()
        _expect(may_end.wait(TIMEOUT_S))

    bench.prepare = read
    bench.begin(1)
    unwanted = bench.begin(2)
    bench.begin(3)
    assert is_reading.wait(TIMEOUT_S)
    unwanted.is_unwanted = True
    may_end.set()
    bench.outcomes(2)
    assert started == [1, 3]


def test_few_movies_are_open_at_once(bench: Bench) -> None:
    jobs = [f"job{n}" for n in range(N_OPEN_JOBS + 2)]
    for job in [*jobs, jobs[-1]]:
        bench.begin(1, job)
    bench.outcomes(len(jobs) + 1)
    assert bench.opened == jobs
    assert bench.closed == jobs[:2]


def test_a_range_that_takes_longer_than_its_lease_is_found(bench: Bench) -> None:
    is_computing, may_end = threading.Event(), threading.Event()

    def compute(_: int) -> None:
        is_computing.set()
        _expect(may_end.wait(TIMEOUT_S))

    bench.compute = compute
    held = bench.begin(1)
    assert is_computing.wait(TIMEOUT_S)
    assert bench.executor.stuck(held.since + 4.0) is None
    assert bench.executor.stuck(held.since + 6.0) is held
    may_end.set()
    bench.outcomes(1)


@pytest.mark.parametrize("stage", ["prepare", "compute"])
def test_a_range_that_failed_is_not_taken_to_be_stuck_later(bench: Bench, stage: str) -> None:
    setattr(bench, stage, _fail(ValueError("boom")))
    held = bench.begin(1)
    bench.outcomes(1)
    setattr(bench, stage, lambda _: None)
    bench.begin(2)
    bench.outcomes(1)
    assert held.stage is not Stage.ANSWERED
    assert bench.executor.stuck(held.since + 1000.0) is None


def test_nothing_is_computed_before_the_warm_up_is_over() -> None:
    may_end, woken = threading.Event(), threading.Event()
    executor = TaskExecutor({}, lambda: _expect(may_end.wait(TIMEOUT_S)), woken.set)
    assert not executor.is_warm
    may_end.set()
    assert woken.wait(TIMEOUT_S)
    assert executor.is_warm
    assert executor.warm_up_error is None


def test_a_warm_up_that_fails_is_told() -> None:
    def fail() -> None:
        raise EOFError("truncated")

    woken = threading.Event()
    executor = TaskExecutor({}, fail, woken.set)
    assert woken.wait(TIMEOUT_S)
    assert isinstance(executor.warm_up_error, EOFError)
