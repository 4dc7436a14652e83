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


class Desk:
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

    def beat(self, worker: str, wants: int = 0, computing: Ref | None = None, *, forgets: bool = False) -> list[Ref]:
        holds = () if forgets else tuple(self.granted.get(worker, ()))
        if forgets:
            self.granted[worker] = []
        self.send(e.WorkerHeartbeat(now=self.now, worker=worker, holds=holds, wants=wants, computing=computing))
        return list(self.granted.get(worker, ()))

    def take(self, worker: str) -> Ref:
        before = len(self.granted.get(worker, ()))
        refs = self.beat(worker, wants=1)
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
            self.beat(worker)
        self.send(e.Tick(now=self.now))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    validate_state(desk.queue)


def spans(refs: list[Ref]) -> list[tuple[int, int]]:
    return [(ref.start, ref.stop) for ref in refs]


def test_every_frame_is_journaled_once_and_the_job_completes(desk: Desk) -> None:
    desk.add(95)
    while desk.queue.jobs["j"].state is JobState.RUNNING:
        for worker in "ab":
            for ref in desk.beat(worker, wants=1):
                desk.answer(worker, ref)
    assert sorted(frame for ref in desk.journal for frame in range(ref.start, ref.stop)) == list(range(95))
    assert desk.others == [e.Complete(job="j")]
    desk.send(e.JobFinished(now=desk.now, job="j"))
    assert desk.queue.jobs["j"].state is JobState.FINISHED


def test_a_job_without_frames_completes_at_once(desk: Desk) -> None:
    desk.add(0)
    assert desk.others == [e.Complete(job="j")]


def test_a_worker_gets_neighbouring_ranges(desk: Desk) -> None:
    desk.add(1000)
    assert spans([desk.take("a"), desk.take("b"), desk.take("a"), desk.take("a")]) == [
        (0, 10),
        (30, 40),
        (10, 20),
        (20, 30),
    ]


def test_a_worker_holds_no_more_than_it_wants(desk: Desk) -> None:
    desk.add(1000)
    assert len(desk.beat("a", wants=2)) == 2
    assert len(desk.beat("a", wants=0)) == 2


def test_a_grant_on_its_way_counts_as_wanted(desk: Desk) -> None:
    desk.add(1000)
    desk.send(e.WorkerHeartbeat(now=0.0, worker="a", wants=2))
    desk.send(e.WorkerHeartbeat(now=0.1, worker="a", wants=2))
    assert len(desk.granted["a"]) == 2


def test_a_grant_that_got_lost_is_given_out_again(desk: Desk) -> None:
    desk.add(10)
    lost = desk.take("a")
    desk.beat("a", forgets=True)
    desk.now = 4.0
    desk.beat("a", wants=1)
    assert spans(desk.granted["a"]) == spans([lost])
    assert desk.granted["a"][0].generation == 2


def test_workers_that_ask_too_early_are_served_when_work_comes(desk: Desk) -> None:
    desk.beat("a", wants=2)
    desk.add(100)
    assert len(desk.granted["a"]) == 2


def test_a_silent_worker_loses_its_ranges_within_ten_seconds(desk: Desk) -> None:
    desk.add(10)
    ref = desk.take("a")
    desk.later(4.0, "b")
    desk.later(4.0, "b")
    assert spans([desk.take("b")]) == spans([ref])


def test_a_worker_that_leaves_returns_its_ranges_at_once(desk: Desk) -> None:
    desk.add(10)
    ref = desk.take("a")
    desk.send(e.WorkerLeft(now=desk.now, worker="a"))
    assert spans([desk.take("b")]) == spans([ref])
    assert desk.queue.jobs["j"].tasks[0].faults == 0


def test_the_late_answer_of_an_older_lease_is_taken_and_the_second_one_dropped(desk: Desk) -> None:
    desk.add(10)
    old = desk.take("a")
    desk.later(6.0)
    again = desk.take("b")
    desk.answer("a", old)
    desk.answer("b", again)
    assert spans(desk.journal) == spans([old]) == spans([again])
    assert {worker for worker, _ in desk.released} == {"a", "b"}


def test_an_answer_that_comes_twice_is_journaled_once(desk: Desk) -> None:
    desk.add(100)
    ref = desk.take("a")
    desk.answer("a", ref)
    desk.answer("a", ref)
    assert spans(desk.journal) == [(0, 10)]
    assert desk.queue.jobs["j"].n_items == 3


def test_an_answer_that_cuts_across_others_is_dropped(desk: Desk) -> None:
    desk.add(100)
    desk.take("a")
    across = Ref(job="j", start=5, stop=15, generation=1)
    desk.answer("b", across)
    assert not desk.journal
    assert desk.released == [("b", across)]


def test_answers_from_before_a_restart_are_taken(desk: Desk) -> None:
    desk.add(100, done=((0, 10),))
    ref = Ref(job="j", start=10, stop=25, generation=4)
    desk.answer("a", ref)
    assert spans(desk.journal) == [(10, 25)]


def test_a_worker_keeps_what_it_holds_over_a_restart(desk: Desk) -> None:
    desk.add(100)
    held = Ref(job="j", start=10, stop=25, generation=4)
    desk.send(e.WorkerHeartbeat(now=0.0, worker="a", holds=(held,), wants=0))
    assert desk.queue.jobs["j"].tasks[10].holdings["a"].generation == 4
    assert desk.take("b") == Ref(job="j", start=0, stop=10, generation=1)


def test_a_worker_is_told_to_forget_what_nobody_needs(desk: Desk) -> None:
    desk.add(100, done=((0, 10),))
    done, unknown = Ref(job="j", start=0, stop=10), Ref(job="k", start=0, stop=10)
    desk.send(e.WorkerHeartbeat(now=0.0, worker="a", holds=(done, unknown), wants=0))
    assert desk.released == [("a", done), ("a", unknown)]


def test_the_frame_at_fault_is_isolated_and_all_others_are_done(desk: Desk) -> None:
    desk.add(32)
    for _ in range(200):
        for ref in desk.beat("a", wants=1):
            if ref.start <= 5 < ref.stop:
                desk.fault("a", ref, "frame 5 is bad")
            else:
                desk.answer("a", ref)
    assert desk.errors == {5: "frame 5 is bad"}
    assert sorted(frame for ref in desk.journal for frame in range(ref.start, ref.stop)) == [
        *range(5),
        *range(6, 32),
    ]
    assert desk.others == [e.Complete(job="j")]


def test_a_range_that_failed_in_one_worker_goes_to_another(desk: Desk) -> None:
    desk.add(100)
    desk.beat("b")
    ref = desk.take("a")
    desk.fault("a", ref)
    assert desk.take("a").start != ref.start
    assert desk.take("b").start == ref.start


def test_a_fault_that_comes_twice_counts_once(desk: Desk) -> None:
    desk.add(10)
    ref = desk.take("a")
    desk.fault("a", ref)
    desk.fault("a", ref)
    again = desk.take("a")
    desk.fault("a", ref)
    assert desk.queue.jobs["j"].tasks[0].faults == 1
    assert again.generation == 2


def test_a_range_that_kills_its_workers_is_halved_once_that_is_certain(desk: Desk) -> None:
    desk.add(100)
    desk.take("a")
    desk.send(e.WorkerLeft(now=desk.now, worker="a", is_dead=True))
    for name in "bcd":
        refs = desk.beat(name, wants=2)
        assert spans(refs) == [(0, 10)]
        desk.send(e.WorkerLeft(now=desk.now, worker=name, is_dead=True))
    assert desk.queue.jobs["j"].suspects == [0, 5]


def test_one_worker_at_a_time_is_risked_and_holds_nothing_else(desk: Desk) -> None:
    desk.add(1000)
    risked = spans(desk.beat("a", wants=2))
    first, second = desk.beat("b", wants=2)
    desk.send(e.WorkerLeft(now=desk.now, worker="a", is_dead=True))
    desk.answer("b", first)
    desk.beat("b", wants=1)
    assert spans(desk.granted["b"]) == spans([second])
    assert not set(spans(desk.beat("c", wants=2))) & set(risked)
    desk.answer("b", second)
    assert spans(desk.beat("b", wants=2)) == risked[:1]
    assert spans(desk.beat("b", wants=1)) == risked[:1]
    desk.answer("b", desk.granted["b"][0])
    assert spans(desk.beat("b", wants=2)) == risked[1:]


def test_a_range_whose_worker_left_in_peace_or_fell_silent_is_no_suspect(desk: Desk) -> None:
    desk.add(100)
    desk.take("a")
    desk.send(e.WorkerLeft(now=desk.now, worker="a"))
    desk.take("b")
    desk.later(6.0)
    assert not desk.queue.workers
    assert not desk.queue.jobs["j"].suspects


def test_a_job_whose_every_frame_fails_is_paused_with_the_error(desk: Desk) -> None:
    desk.add(100)
    while desk.queue.jobs["j"].state is JobState.RUNNING:
        for ref in desk.beat("a", wants=1):
            desk.fault("a", ref, "no kernel")
    assert desk.others == [e.Paused(job="j", reason="every frame fails (no kernel)")]
    assert len(desk.errors) == 5


def test_a_lease_ends_when_its_time_is_up(desk: Desk) -> None:
    desk.add(10)
    ref = desk.take("a")
    for _ in range(60):
        desk.now += 3.0
        desk.beat("a", computing=ref)
        desk.send(e.Tick(now=desk.now))
    assert spans([desk.take("b")]) == spans([ref])
    assert desk.queue.jobs["j"].tasks[0].faults == 1


def test_slow_tasks_at_the_end_are_given_to_a_second_worker(desk: Desk) -> None:
    desk.add(1)
    ref = desk.take("a")
    desk.beat("b", wants=1)
    desk.later(1.0, "a")
    assert not desk.granted.get("b")
    desk.now += 2.0
    desk.beat("a")
    desk.beat("b", wants=1)
    desk.send(e.Tick(now=desk.now))
    assert spans(desk.granted["b"]) == spans([ref])
    desk.answer("b", desk.granted["b"][0])
    assert {worker for worker, _ in desk.released} == {"a", "b"}


def test_two_jobs_share_the_workers_fairly(desk: Desk) -> None:
    desk.add(10_000, job="j")
    for _ in range(30):
        desk.answer("a", desk.take("a"))
    desk.add(10_000, job="k")
    served = {"j": 0, "k": 0}
    for _ in range(200):
        for worker in "ab":
            ref = desk.take(worker)
            served[ref.job] += ref.stop - ref.start
            desk.answer(worker, ref)
    assert served["k"] == pytest.approx(served["j"], rel=0.2)


def test_a_stopped_job_frees_its_workers(desk: Desk) -> None:
    desk.add(100)
    ref = desk.take("a")
    desk.send(e.JobStopped(now=desk.now, job="j"))
    desk.answer("a", ref)
    assert desk.released == [("a", ref), ("a", ref)]
    assert not desk.journal
    assert not desk.beat("a", wants=2)
    desk.queue.forget("j")
    assert desk.queue.jobs["j"].state is JobState.STOPPING
    desk.send(e.JobClosed(now=desk.now, job="j"))
    desk.queue.forget("j")
    assert not desk.queue.jobs


def test_a_paused_job_gives_out_nothing_until_it_is_resumed(desk: Desk) -> None:
    desk.add(100)
    desk.send(e.JobPaused(now=0.0, job="j", reason="disk full"))
    assert desk.beat("a", wants=1) == []
    desk.send(e.JobResumed(now=1.0, job="j"))
    assert len(desk.granted["a"]) == 1
    assert desk.queue.jobs["j"].reason is None


def test_an_answer_that_the_journal_could_not_take_is_done_again(desk: Desk) -> None:
    desk.add(10)
    ref = desk.take("a")
    desk.is_journal_full = True
    desk.answer("a", ref)
    assert not desk.released
    desk.is_journal_full = False
    desk.beat("a")
    desk.answer("a", ref)
    assert desk.journal == [ref]


def test_a_movie_that_is_gone_pauses_the_job_with_that_line(desk: Desk) -> None:
    desk.add(100)
    ref = desk.take("a")
    desk.send(e.RangeBlocked(now=0.0, worker="a", ref=ref, reason="m.h5: is gone"))
    desk.send(e.RangeBlocked(now=0.0, worker="a", ref=ref, reason="m.h5: is gone"))
    assert desk.others == [e.Paused(job="j", reason="m.h5: is gone")]
    assert desk.queue.jobs["j"].tasks[0].faults == 0


def test_an_open_ended_job_completes_when_its_source_does(desk: Desk) -> None:
    desk.add(10, is_sealed=False)
    while desk.beat("a", wants=1):
        desk.answer("a", desk.granted["a"][0])
    assert not desk.others
    desk.send(e.FramesReleased(now=1.0, job="j", stop=15))
    while desk.beat("a", wants=1):
        desk.answer("a", desk.granted["a"][0])
    assert not desk.others
    desk.send(e.FramesReleased(now=2.0, job="j", stop=15, is_last=True))
    assert desk.others == [e.Complete(job="j")]


def test_failed_frames_can_be_tried_again(desk: Desk) -> None:
    desk.add(20, failed={3: "bad", 15: "bad"}, is_sealed=False)
    desk.send(e.FailedRetried(now=0.0, job="j"))
    assert not desk.queue.jobs["j"].failed
    while desk.queue.jobs["j"].has_work:
        desk.answer("a", desk.take("a"))
    assert sorted(frame for ref in desk.journal for frame in range(ref.start, ref.stop)) == list(range(20))


def test_people_are_told_of_faults_and_what_follows_from_them(desk: Desk) -> None:
    desk.add(4)
    while not desk.errors:
        desk.fault("a", desk.take("a"))
    told = [(note.ref.start, note.ref.stop, note.n_faults, note.outcome) for note in desk.notes]  # type: ignore[union-attr]
    assert told[:3] == [(0, 2, 1, "tried again"), (0, 2, 2, "tried again"), (0, 2, 3, "halved")]
    assert told[-1] == (0, 1, 3, "given up")


@pytest.mark.parametrize("is_dead", [True, False])
def test_people_are_told_which_ranges_a_lost_worker_held(desk: Desk, *, is_dead: bool) -> None:
    desk.add()
    refs = (desk.take("a"), desk.take("a"))
    if is_dead:
        desk.send(e.WorkerLeft(now=1.0, worker="a", is_dead=True))
    else:
        desk.later(6.0)
    assert desk.notes == [e.NoteLoss(worker="a", refs=refs, is_dead=is_dead)]


@pytest.mark.parametrize("how", ["paused", "waiting for frames", "waiting for a retry"])
def test_a_job_that_had_no_work_is_not_owed_the_time_that_others_took(desk: Desk, how: str) -> None:
    desk.add(100 if how == "waiting for frames" else 10_000, job="j", is_sealed=False, failed={0: "bad"})
    if how == "paused":
        desk.send(e.JobPaused(now=0.0, job="j", reason="because"))
    elif how == "waiting for a retry":
        desk.queue.jobs["j"].unassigned.take_exactly(1, 10_000)
        desk.queue.jobs["j"].done.add(1, 10_000)
    else:
        while desk.queue.jobs["j"].has_work:
            desk.answer("a", desk.take("a"))
    desk.add(100_000, job="k")
    for _ in range(300):
        desk.answer("a", desk.take("a"))
    if how == "paused":
        desk.send(e.JobResumed(now=0.0, job="j"))
    elif how == "waiting for frames":
        desk.send(e.FramesReleased(now=0.0, job="j", stop=10_000))
    else:
        desk.send(e.FailedRetried(now=0.0, job="j"))
    ahead = desk.queue.jobs["k"].served_s - desk.queue.jobs["j"].served_s
    assert abs(ahead) <= SETTINGS.fair_s + 1.0


def test_what_the_journal_has_is_not_given_out(desk: Desk) -> None:
    desk.add(30, done=((0, 12), (20, 28)), failed={15: "bad"})
    frames: list[int] = []
    while desk.queue.jobs["j"].state is JobState.RUNNING:
        ref = desk.take("a")
        frames += range(ref.start, ref.stop)
        desk.answer("a", ref)
    assert frames == [12, 13, 14, 16, 17, 18, 19, 28, 29]


def test_a_job_cannot_be_added_twice(desk: Desk) -> None:
    desk.add(10)
    with pytest.raises(TransitionError, match="job j"):
        desk.add(10)


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
