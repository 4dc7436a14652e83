from __future__ import annotations

from collections.abc import Iterator

import pytest

from pointillist.pipeline_protocol.messages import JobState
from pointillist.pipeline_protocol.messages.control import Ref
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.invariants import validate_state
from pointillist.pipeline_server.queue.lifecycle import TransitionError
from pointillist.pipeline_server.queue.queue import Queue
from pointillist.pipeline_server.queue.task_size import QueueSettings, task_frames

SETTINGS = QueueSettings(first_frames=10, reservation_tasks=3)


class QueueBench:
    """A queue whose journal takes everything at once, unless told otherwise."""

    def __init__(self) -> None:
        self.queue = Queue(SETTINGS)
        self.now = 0.0
        self.granted: dict[str, list[Ref]] = {}
        self.released: list[tuple[str, Ref]] = []
        self.journal: list[Ref] = []
        self.errors: dict[int, str] = {}
        self.others: list[e.Instruction] = []
        self.notes: list[e.Instruction] = []
        self.is_journal_full = False

    def send(self, event: e.Event) -> None:
        for instruction in self.queue.handle(event):
            match instruction:
                case e.Grant(worker=worker, ref=ref):
                    self.granted.setdefault(worker, []).append(ref)
                case e.Release(worker=worker, ref=ref):
                    self.released.append((worker, ref))
                    if ref in self.granted.get(worker, []):
                        self.granted[worker].remove(ref)
                case e.Record(ref=ref):
                    self._write(ref, None)
                case e.RecordFailure(ref=ref, error=error):
                    self._write(ref, error)
                case e.NoteFault() | e.NoteLoss():
                    self.notes.append(instruction)
                case _:
                    self.others.append(instruction)
        validate_state(self.queue)

    def _write(self, ref: Ref, error: str | None) -> None:
        if self.is_journal_full:
            self.send(e.RangeLost(now=self.now, ref=ref))
            return
        if error is None:
            self.journal.append(ref)
        else:
            self.errors[ref.start] = error
        self.send(e.RangeSynced(now=self.now, ref=ref))

    def add(self, stop: int = 100, job: str = "j", **more: object) -> None:
        self.send(e.JobAdded(now=self.now, job=job, start=0, stop=stop, **more))  # type: ignore[arg-type]

    def heartbeat(
        self, worker: str, wants: int = 0, computing: Ref | None = None, *, forgets: bool = False
    ) -> list[Ref]:
        holds = () if forgets else tuple(self.granted.get(worker, ()))
        if forgets:
            self.granted[worker] = []
        self.send(e.WorkerHeartbeat(now=self.now, worker=worker, holds=holds, wants=wants, computing=computing))
        return list(self.granted.get(worker, ()))

    def take(self, worker: str) -> Ref:
        before = len(self.granted.get(worker, ()))
        refs = self.heartbeat(worker, wants=1)
        assert len(refs) == before + 1
        return refs[-1]

    def answer(self, worker: str, ref: Ref, seconds: float = 1.0) -> None:
        self.send(e.RangeAnswered(now=self.now, worker=worker, ref=ref, n_items=3, seconds=seconds))

    def fault(self, worker: str, ref: Ref, error: str = "boom") -> None:
        if ref in self.granted.get(worker, []):
            self.granted[worker].remove(ref)
        self.send(e.RangeFaulted(now=self.now, worker=worker, ref=ref, error=error))

    def later(self, seconds: float, *alive: str) -> None:
        self.now += seconds
        for worker in alive:
            self.heartbeat(worker)
        self.send(e.Tick(now=self.now))


@pytest.fixture
def bench() -> Iterator[QueueBench]:
    bench = QueueBench()
    yield bench
    validate_state(bench.queue)


def spans(refs: list[Ref]) -> list[tuple[int, int]]:
    return [(ref.start, ref.stop) for ref in refs]


def test_every_frame_is_journaled_once_and_the_job_completes(bench: QueueBench) -> None:
    bench.add(95)
    while bench.queue.jobs["j"].state is JobState.RUNNING:
        for worker in "ab":
            for ref in bench.heartbeat(worker, wants=1):
                bench.answer(worker, ref)
    assert sorted(frame for ref in bench.journal for frame in range(ref.start, ref.stop)) == list(range(95))
    assert bench.others == [e.Complete(job="j")]
    bench.send(e.JobFinished(now=bench.now, job="j"))
    assert bench.queue.jobs["j"].state is JobState.FINISHED


def test_a_job_without_frames_completes_at_once(bench: QueueBench) -> None:
    bench.add(0)
    assert bench.others == [e.Complete(job="j")]


def test_a_worker_gets_neighbouring_ranges(bench: QueueBench) -> None:
    bench.add(1000)
    assert spans([bench.take("a"), bench.take("b"), bench.take("a"), bench.take("a")]) == [
        (0, 10),
        (30, 40),
        (10, 20),
        (20, 30),
    ]


def test_a_worker_holds_no_more_than_it_wants(bench: QueueBench) -> None:
    bench.add(1000)
    assert len(bench.heartbeat("a", wants=2)) == 2
    assert len(bench.heartbeat("a", wants=0)) == 2


def test_a_grant_on_its_way_counts_as_wanted(bench: QueueBench) -> None:
    bench.add(1000)
    bench.send(e.WorkerHeartbeat(now=0.0, worker="a", wants=2))
    bench.send(e.WorkerHeartbeat(now=0.1, worker="a", wants=2))
    assert len(bench.granted["a"]) == 2


def test_a_grant_that_got_lost_is_given_out_again(bench: QueueBench) -> None:
    bench.add(10)
    lost = bench.take("a")
    bench.heartbeat("a", forgets=True)
    bench.now = 4.0
    bench.heartbeat("a", wants=1)
    assert spans(bench.granted["a"]) == spans([lost])
    assert bench.granted["a"][0].generation == 2


def test_workers_that_ask_too_early_are_served_when_work_comes(bench: QueueBench) -> None:
    bench.heartbeat("a", wants=2)
    bench.add(100)
    assert len(bench.granted["a"]) == 2


def test_a_silent_worker_loses_its_ranges_within_ten_seconds(bench: QueueBench) -> None:
    bench.add(10)
    ref = bench.take("a")
    bench.later(4.0, "b")
    bench.later(4.0, "b")
    assert spans([bench.take("b")]) == spans([ref])


def test_a_worker_that_leaves_returns_its_ranges_at_once(bench: QueueBench) -> None:
    bench.add(10)
    ref = bench.take("a")
    bench.send(e.WorkerLeft(now=bench.now, worker="a"))
    assert spans([bench.take("b")]) == spans([ref])
    assert bench.queue.jobs["j"].tasks[0].faults == 0


def test_the_late_answer_of_an_older_lease_is_taken_and_the_second_one_dropped(bench: QueueBench) -> None:
    bench.add(10)
    old = bench.take("a")
    bench.later(6.0)
    again = bench.take("b")
    bench.answer("a", old)
    bench.answer("b", again)
    assert spans(bench.journal) == spans([old]) == spans([again])
    assert {worker for worker, _ in bench.released} == {"a", "b"}


def test_an_answer_that_comes_twice_is_journaled_once(bench: QueueBench) -> None:
    bench.add(100)
    ref = bench.take("a")
    bench.answer("a", ref)
    bench.answer("a", ref)
    assert spans(bench.journal) == [(0, 10)]
    assert bench.queue.jobs["j"].n_items == 3


def test_an_answer_that_cuts_across_others_is_dropped(bench: QueueBench) -> None:
    bench.add(100)
    bench.take("a")
    across = Ref(job="j", start=5, stop=15, generation=1)
    bench.answer("b", across)
    assert not bench.journal
    assert bench.released == [("b", across)]


def test_answers_from_before_a_restart_are_taken(bench: QueueBench) -> None:
    bench.add(100, done=((0, 10),))
    ref = Ref(job="j", start=10, stop=25, generation=4)
    bench.answer("a", ref)
    assert spans(bench.journal) == [(10, 25)]


def test_a_worker_keeps_what_it_holds_over_a_restart(bench: QueueBench) -> None:
    bench.add(100)
    held = Ref(job="j", start=10, stop=25, generation=4)
    bench.send(e.WorkerHeartbeat(now=0.0, worker="a", holds=(held,), wants=0))
    assert bench.queue.jobs["j"].tasks[10].holdings["a"].generation == 4
    assert bench.take("b") == Ref(job="j", start=0, stop=10, generation=1)


def test_a_worker_is_told_to_forget_what_nobody_needs(bench: QueueBench) -> None:
    bench.add(100, done=((0, 10),))
    done, unknown = Ref(job="j", start=0, stop=10), Ref(job="k", start=0, stop=10)
    bench.send(e.WorkerHeartbeat(now=0.0, worker="a", holds=(done, unknown), wants=0))
    assert bench.released == [("a", done), ("a", unknown)]


def test_the_frame_at_fault_is_isolated_and_all_others_are_done(bench: QueueBench) -> None:
    bench.add(32)
    for _ in range(200):
        for ref in bench.heartbeat("a", wants=1):
            if ref.start <= 5 < ref.stop:
                bench.fault("a", ref, "frame 5 is bad")
            else:
                bench.answer("a", ref)
    assert bench.errors == {5: "frame 5 is bad"}
    assert sorted(frame for ref in bench.journal for frame in range(ref.start, ref.stop)) == [
        *range(5),
        *range(6, 32),
    ]
    assert bench.others == [e.Complete(job="j")]


def test_a_range_that_failed_in_one_worker_goes_to_another(bench: QueueBench) -> None:
    bench.add(100)
    bench.heartbeat("b")
    ref = bench.take("a")
    bench.fault("a", ref)
    assert bench.take("a").start != ref.start
    assert bench.take("b").start == ref.start


def test_a_fault_that_comes_twice_counts_once(bench: QueueBench) -> None:
    bench.add(10)
    ref = bench.take("a")
    bench.fault("a", ref)
    bench.fault("a", ref)
    again = bench.take("a")
    bench.fault("a", ref)
    assert bench.queue.jobs["j"].tasks[0].faults == 1
    assert again.generation == 2


def test_a_range_that_kills_its_workers_is_halved_once_that_is_certain(bench: QueueBench) -> None:
    bench.add(100)
    bench.take("a")
    bench.send(e.WorkerLeft(now=bench.now, worker="a", is_dead=True))
    for name in "bcd":
        refs = bench.heartbeat(name, wants=2)
        assert spans(refs) == [(0, 10)]
        bench.send(e.WorkerLeft(now=bench.now, worker=name, is_dead=True))
    assert bench.queue.jobs["j"].suspects == [0, 5]


def test_one_worker_at_a_time_is_risked_and_holds_nothing_else(bench: QueueBench) -> None:
    bench.add(1000)
    risked = spans(bench.heartbeat("a", wants=2))
    first, second = bench.heartbeat("b", wants=2)
    bench.send(e.WorkerLeft(now=bench.now, worker="a", is_dead=True))
    bench.answer("b", first)
    bench.heartbeat("b", wants=1)
    assert spans(bench.granted["b"]) == spans([second])
    assert not set(spans(bench.heartbeat("c", wants=2))) & set(risked)
    bench.answer("b", second)
    assert spans(bench.heartbeat("b", wants=2)) == risked[:1]
    assert spans(bench.heartbeat("b", wants=1)) == risked[:1]
    bench.answer("b", bench.granted["b"][0])
    assert spans(bench.heartbeat("b", wants=2)) == risked[1:]


def test_a_range_whose_worker_left_in_peace_or_fell_silent_is_no_suspect(bench: QueueBench) -> None:
    bench.add(100)
    bench.take("a")
    bench.send(e.WorkerLeft(now=bench.now, worker="a"))
    bench.take("b")
    bench.later(6.0)
    assert not bench.queue.workers
    assert not bench.queue.jobs["j"].suspects


def test_a_job_whose_every_frame_fails_is_paused_with_the_error(bench: QueueBench) -> None:
    bench.add(100)
    while bench.queue.jobs["j"].state is JobState.RUNNING:
        for ref in bench.heartbeat("a", wants=1):
            bench.fault("a", ref, "no kernel")
    assert bench.others == [e.Paused(job="j", reason="every frame fails (no kernel)")]
    assert len(bench.errors) == 5


def test_a_lease_ends_when_its_time_is_up(bench: QueueBench) -> None:
    bench.add(10)
    ref = bench.take("a")
    for _ in range(60):
        bench.now += 3.0
        bench.heartbeat("a", computing=ref)
        bench.send(e.Tick(now=bench.now))
    assert spans([bench.take("b")]) == spans([ref])
    assert bench.queue.jobs["j"].tasks[0].faults == 1


def test_slow_tasks_at_the_end_are_given_to_a_second_worker(bench: QueueBench) -> None:
    bench.add(1)
    ref = bench.take("a")
    bench.heartbeat("b", wants=1)
    bench.later(1.0, "a")
    assert not bench.granted.get("b")
    bench.now += 2.0
    bench.heartbeat("a")
    bench.heartbeat("b", wants=1)
    bench.send(e.Tick(now=bench.now))
    assert spans(bench.granted["b"]) == spans([ref])
    bench.answer("b", bench.granted["b"][0])
    assert {worker for worker, _ in bench.released} == {"a", "b"}


def test_two_jobs_share_the_workers_fairly(bench: QueueBench) -> None:
    bench.add(10_000, job="j")
    for _ in range(30):
        bench.answer("a", bench.take("a"))
    bench.add(10_000, job="k")
    served = {"j": 0, "k": 0}
    for _ in range(200):
        for worker in "ab":
            ref = bench.take(worker)
            served[ref.job] += ref.stop - ref.start
            bench.answer(worker, ref)
    assert served["k"] == pytest.approx(served["j"], rel=0.2)


def test_a_stopped_job_frees_its_workers(bench: QueueBench) -> None:
    bench.add(100)
    ref = bench.take("a")
    bench.send(e.JobStopped(now=bench.now, job="j"))
    bench.answer("a", ref)
    assert bench.released == [("a", ref), ("a", ref)]
    assert not bench.journal
    assert not bench.heartbeat("a", wants=2)
    bench.queue.forget("j")
    assert bench.queue.jobs["j"].state is JobState.STOPPING
    bench.send(e.JobClosed(now=bench.now, job="j"))
    bench.queue.forget("j")
    assert not bench.queue.jobs


def test_a_paused_job_gives_out_nothing_until_it_is_resumed(bench: QueueBench) -> None:
    bench.add(100)
    bench.send(e.JobPaused(now=0.0, job="j", reason="disk full"))
    assert bench.heartbeat("a", wants=1) == []
    bench.send(e.JobResumed(now=1.0, job="j"))
    assert len(bench.granted["a"]) == 1
    assert bench.queue.jobs["j"].reason is None


def test_an_answer_that_the_journal_could_not_take_is_done_again(bench: QueueBench) -> None:
    bench.add(10)
    ref = bench.take("a")
    bench.is_journal_full = True
    bench.answer("a", ref)
    assert not bench.released
    bench.is_journal_full = False
    bench.heartbeat("a")
    bench.answer("a", ref)
    assert bench.journal == [ref]


def test_a_movie_that_is_gone_pauses_the_job_with_that_line(bench: QueueBench) -> None:
    bench.add(100)
    ref = bench.take("a")
    bench.send(e.RangeBlocked(now=0.0, worker="a", ref=ref, reason="m.h5: is gone"))
    bench.send(e.RangeBlocked(now=0.0, worker="a", ref=ref, reason="m.h5: is gone"))
    assert bench.others == [e.Paused(job="j", reason="m.h5: is gone")]
    assert bench.queue.jobs["j"].tasks[0].faults == 0


def test_an_open_ended_job_completes_when_its_source_does(bench: QueueBench) -> None:
    bench.add(10, is_sealed=False)
    while bench.heartbeat("a", wants=1):
        bench.answer("a", bench.granted["a"][0])
    assert not bench.others
    bench.send(e.FramesReleased(now=1.0, job="j", stop=15))
    while bench.heartbeat("a", wants=1):
        bench.answer("a", bench.granted["a"][0])
    assert not bench.others
    bench.send(e.FramesReleased(now=2.0, job="j", stop=15, is_last=True))
    assert bench.others == [e.Complete(job="j")]


def test_failed_frames_can_be_tried_again(bench: QueueBench) -> None:
    bench.add(20, failed={3: "bad", 15: "bad"}, is_sealed=False)
    bench.send(e.FailedRetried(now=0.0, job="j"))
    assert not bench.queue.jobs["j"].failed
    while bench.queue.jobs["j"].has_work:
        bench.answer("a", bench.take("a"))
    assert sorted(frame for ref in bench.journal for frame in range(ref.start, ref.stop)) == list(range(20))


def test_people_are_told_of_faults_and_what_follows_from_them(bench: QueueBench) -> None:
    bench.add(4)
    while not bench.errors:
        bench.fault("a", bench.take("a"))
    told = [(note.ref.start, note.ref.stop, note.n_faults, note.outcome) for note in bench.notes]  # type: ignore[union-attr]
    assert told[:3] == [(0, 2, 1, "tried again"), (0, 2, 2, "tried again"), (0, 2, 3, "halved")]
    assert told[-1] == (0, 1, 3, "given up")


@pytest.mark.parametrize("is_dead", [True, False])
def test_people_are_told_which_ranges_a_lost_worker_held(bench: QueueBench, *, is_dead: bool) -> None:
    bench.add()
    refs = (bench.take("a"), bench.take("a"))
    if is_dead:
        bench.send(e.WorkerLeft(now=1.0, worker="a", is_dead=True))
    else:
        bench.later(6.0)
    assert bench.notes == [e.NoteLoss(worker="a", refs=refs, is_dead=is_dead)]


@pytest.mark.parametrize("how", ["paused", "waiting for frames", "waiting for a retry"])
def test_a_job_that_had_no_work_is_not_owed_the_time_that_others_took(bench: QueueBench, how: str) -> None:
    bench.add(100 if how == "waiting for frames" else 10_000, job="j", is_sealed=False, failed={0: "bad"})
    if how == "paused":
        bench.send(e.JobPaused(now=0.0, job="j", reason="because"))
    elif how == "waiting for a retry":
        bench.queue.jobs["j"].unassigned.take_exactly(1, 10_000)
        bench.queue.jobs["j"].done.add(1, 10_000)
    else:
        while bench.queue.jobs["j"].has_work:
            bench.answer("a", bench.take("a"))
    bench.add(100_000, job="k")
    for _ in range(300):
        bench.answer("a", bench.take("a"))
    if how == "paused":
        bench.send(e.JobResumed(now=0.0, job="j"))
    elif how == "waiting for frames":
        bench.send(e.FramesReleased(now=0.0, job="j", stop=10_000))
    else:
        bench.send(e.FailedRetried(now=0.0, job="j"))
    ahead = bench.queue.jobs["k"].served_s - bench.queue.jobs["j"].served_s
    assert abs(ahead) <= SETTINGS.fair_s + 1.0


def test_what_the_journal_has_is_not_given_out(bench: QueueBench) -> None:
    bench.add(30, done=((0, 12), (20, 28)), failed={15: "bad"})
    frames: list[int] = []
    while bench.queue.jobs["j"].state is JobState.RUNNING:
        ref = bench.take("a")
        frames += range(ref.start, ref.stop)
        bench.answer("a", ref)
    assert frames == [12, 13, 14, 16, 17, 18, 19, 28, 29]


def test_a_job_cannot_be_added_twice(bench: QueueBench) -> None:
    bench.add(10)
    with pytest.raises(TransitionError, match="job j"):
        bench.add(10)


@pytest.mark.parametrize(
    ("rate", "context", "n_left", "n_workers", "expected"),
    [
        (None, 30, 10_000, 2, 16),
        (200.0, 30, 10_000, 2, 200),
        (20.0, 30, 10_000, 2, 30),
        (2.0, 30, 10_000, 2, 6),
        (0.01, 30, 10_000, 2, 1),
        (200.0, 30, 100, 2, 25),
        (200.0, 30, 3, 64, 25),
    ],
)
def test_a_task_takes_a_second_is_long_against_its_window_and_shorter_at_the_end(
    rate: float | None, context: int, n_left: int, n_workers: int, expected: int
) -> None:
    n_frames = task_frames(QueueSettings(), rate=rate, context=context, n_left=n_left, n_workers=n_workers)
    assert n_frames == expected
