"""All rows of a job come from one build of the kernels, unless its user wants otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from pointillist.pipeline_protocol.messages.control import Ref
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.builds import PAUSE_REASON, STRANDED_S, Builds
from pointillist.pipeline_server.queue.invariants import validate_state
from pointillist.pipeline_server.queue.queue import Queue
from pointillist.pipeline_server.queue.task_size import QueueSettings


class Cluster:
    """Workers of several builds, and one job; a worker is named by its build and a number: ``a1``; ``-1`` has none."""

    def __init__(self) -> None:
        self.queue = Queue(QueueSettings(first_frames=10, silence_s=1e6))
        self.now = 0.0
        self.held: dict[str, list[Ref]] = {}
        self.recorded: list[str] = []
        self.passed_over: list[str] = []
        self.reason: str | None = None

    def add(self, stop: int = 100, **more: object) -> None:
        self.send(e.JobAdded(now=self.now, job="j", start=0, stop=stop, **more))  # type: ignore[arg-type]

    def send(self, event: e.Event, build: str = "") -> None:
        for instruction in self.queue.handle(event):
            match instruction:
                case e.Grant(worker=worker, ref=ref):
                    self.held.setdefault(worker, []).append(ref)
                case e.Release(worker=worker, ref=ref):
                    self.held[worker] = [held for held in self.held.get(worker, []) if held != ref]
                case e.Record(ref=ref):
                    self.recorded.append(build)
                    self.send(e.RangeSynced(now=self.now, ref=ref))
                case e.NotePassOver(worker=worker):
                    self.passed_over.append(worker)
                case e.Paused(reason=reason):
                    self.reason = reason
        validate_state(self.queue)

    def beat(self, *workers: str, wants: int = 1) -> None:
        for worker in workers:
            build = None if worker[0] == "-" else worker[0]
            holds = tuple(self.held.get(worker, ()))
            n = 0 if build is None else wants
            self.send(e.WorkerHeartbeat(now=self.now, worker=worker, holds=holds, wants=n, build=build))

    def answer(self, *workers: str) -> None:
        for worker in workers:
            for ref in list(self.held.get(worker, ())):
                event = e.RangeAnswered(now=self.now, worker=worker, ref=ref, n_items=1, seconds=1.0, build=worker[0])
                self.send(event, worker[0])

    def work(self, *workers: str) -> None:
        """Let workers do all that they get."""
        for _ in range(50):
            self.beat(*workers)
            self.answer(*workers)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.send(e.Tick(now=self.now))

    @property
    def state(self) -> str:
        return self.queue.jobs["j"].state.name


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    validate_state(cluster.queue)


@pytest.mark.parametrize(
    ("workers", "build"),
    [
        (["a1"], "a"),
        (["a1", "a2", "b1"], "a"),
        (["b1", "a1", "a2"], "a"),
        (["a1", "b1", "b2", "c1"], "b"),
        (["-1", "-2", "a1"], "a"),
    ],
)
def test_a_job_is_done_by_the_build_that_most_workers_have(cluster: Cluster, workers: list[str], build: str) -> None:
    cluster.beat(*workers)
    cluster.add()
    cluster.work(*workers)
    assert cluster.state == "FINISHING"
    assert set(cluster.recorded) == {build}
    assert sorted(cluster.passed_over) == sorted(name for name in workers if name[0] not in {build, "-"})


def test_whoever_comes_later_with_another_build_gets_nothing_however_many(cluster: Cluster) -> None:
    cluster.add()
    cluster.beat("a1")
    cluster.answer("a1")
    cluster.work("b1", "b2", "b3")
    assert set(cluster.recorded) == {"a"}
    assert sorted(cluster.passed_over) == ["b1", "b2", "b3"]
    cluster.work("a1", "b1")
    assert cluster.state == "FINISHING"
    assert set(cluster.recorded) == {"a"}


def test_a_build_without_rows_and_workers_makes_way(cluster: Cluster) -> None:
    cluster.add()
    cluster.beat("a1")
    cluster.send(e.WorkerLeft(now=0.0, worker="a1"))
    cluster.work("b1")
    assert set(cluster.recorded) == {"b"}


def test_an_answer_of_another_build_is_not_recorded(cluster: Cluster) -> None:
    cluster.add(stop=10)
    cluster.beat("a1")
    ref = cluster.held["a1"][0]
    cluster.send(e.RangeAnswered(now=0.0, worker="b1", ref=ref, n_items=1, seconds=1.0, build="b"), "b")
    assert cluster.recorded == []
    cluster.answer("a1")
    assert cluster.recorded == ["a"]


def test_what_a_worker_of_another_build_still_holds_is_released(cluster: Cluster) -> None:
    cluster.add(build="a")
    cluster.held["b1"] = [Ref(job="j", start=0, stop=10, generation=3)]
    cluster.beat("b1")
    assert cluster.held["b1"] == []
    cluster.work("a1")
    assert set(cluster.recorded) == {"a"}


def test_a_straggler_is_not_given_to_another_build(cluster: Cluster) -> None:
    cluster.add(stop=10)
    cluster.beat("a1")
    cluster.now = 1e4
    cluster.beat("a1", "b1", wants=0)
    cluster.beat("b1")
    cluster.send(e.Tick(now=cluster.now))
    assert not cluster.held.get("b1")


def test_a_range_that_fails_in_all_workers_of_its_build_is_not_kept_for_others(cluster: Cluster) -> None:
    cluster.add(stop=1)
    cluster.beat("a1", "b1", "b2")
    for _ in range(3):
        cluster.beat("a1")
        (ref,) = cluster.held.pop("a1")
        cluster.send(e.RangeFaulted(now=0.0, worker="a1", ref=ref, error="bad"))
    assert cluster.queue.jobs["j"].failed or cluster.queue.jobs["j"].tasks[0].faults == 3


@pytest.mark.parametrize("when", ["from the beginning", "later"])
def test_the_user_may_let_all_builds_take_part(cluster: Cluster, when: str) -> None:
    cluster.add(is_mixed=when == "from the beginning", build="a")
    if when == "later":
        cluster.beat("b1")
        assert not cluster.held.get("b1")
        cluster.send(e.BuildsMixed(now=0.0, job="j"))
    cluster.work("a1", "b1")
    assert set(cluster.recorded) == {"a", "b"}
    assert cluster.state == "FINISHING"


def test_a_job_without_a_worker_of_its_build_is_paused_and_says_why(cluster: Cluster) -> None:
    cluster.add(build="a")
    cluster.work("b1", "b2")
    cluster.wait(STRANDED_S / 2)
    assert cluster.state == "RUNNING"
    cluster.wait(STRANDED_S)
    cluster.wait(STRANDED_S)
    assert cluster.state == "PAUSED"
    assert cluster.reason == PAUSE_REASON
    assert "--mixed-workers" in PAUSE_REASON
    cluster.beat("a1")
    cluster.send(e.JobResumed(now=cluster.now, job="j"))
    cluster.work("a1", "b1")
    assert cluster.state == "FINISHING"
    assert set(cluster.recorded) == {"a"}


@pytest.mark.parametrize("others", [[], ["a1"], ["-1"], ["a1", "b1"], ["-1", "b1"]])
def test_a_job_waits_while_a_worker_may_come_that_can_take_part(cluster: Cluster, others: list[str]) -> None:
    cluster.add(build="a")
    cluster.beat(*others, wants=0)
    for _ in range(5):
        cluster.wait(STRANDED_S)
    assert cluster.state == "RUNNING"


@pytest.mark.parametrize(("own", "other"), list(itertools.permutations(["", "a", "b"], 2)))
def test_builds_are_compared_and_nothing_else(own: str, other: str) -> None:
    builds = Builds(build=own)
    assert builds.admits(own)
    assert not builds.admits(other)
    assert not builds.admits(None)
    builds.mix()
    assert builds.admits(other)
    assert not builds.admits(None)
