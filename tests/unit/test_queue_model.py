"""The queue and the workers' sessions over a link that loses, doubles, reorders and delays everything."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from made_results import computed

from pointillist.pipeline_protocol.messages import JobState, control as m
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.messages.wire import encode_spec
from pointillist.pipeline_server.queue import events as e
from pointillist.pipeline_server.queue.invariants import validate_state
from pointillist.pipeline_server.queue.job import Job
from pointillist.pipeline_server.queue.queue import Queue
from pointillist.pipeline_server.queue.ranges import Ranges
from pointillist.pipeline_server.queue.task_size import QueueSettings
from pointillist.pipeline_worker.worker_state import LeasedTask, WorkerState

SETTINGS = QueueSettings(first_frames=5, reservation_tasks=3)
BAD_FRAME = 7
"""Of the first job; its range raises."""


@dataclass
class Journal:
    """What a disk would have of a job."""

    stop: int
    is_sealed: bool = True
    done: Ranges = field(default_factory=Ranges)
    failed: dict[int, str] = field(default_factory=dict)
    n_recorded: int = 0


@dataclass
class Worker:
    session: WorkerState
    to_do: list[LeasedTask] = field(default_factory=list)


class Cluster(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.queue = Queue(SETTINGS)
        self.journals: dict[str, Journal] = {}
        self.workers: dict[str, Worker] = {}
        self.link: list[tuple[str, m.Message]] = []
        self.n_workers = 0
        self.n_noticed = 0
        self.is_disk_full = False

    # --- the server ------------------------------------------------------------------------------

    def happen(self, event: e.Event) -> None:
        for instruction in self.queue.handle(event):
            match instruction:
                case e.Grant(worker=worker, ref=ref, lease_s=lease_s):
                    self.link.append((worker, m.Lease(ref=ref, lease_s=lease_s)))
                case e.Release(worker=worker, ref=ref):
                    self.link.append((worker, m.Release(ref=ref)))
                case e.Record(ref=ref):
                    self.record(ref, None)
                case e.RecordFailure(ref=ref, error=error):
                    self.record(ref, error)
                case _:
                    pass

    def record(self, ref: m.Ref, error: str | None) -> None:
        if self.is_disk_full:
            self.happen(e.RangeLost(now=self.now, ref=ref))
            return
        journal = self.journals[ref.job]
        if error is None:
            journal.done.add(ref.start, ref.stop)  # raises if a frame is there already
            for frame in range(ref.start, ref.stop):
                journal.failed.pop(frame, None)
        else:
            assert ref.stop == ref.start + 1
            assert not journal.done.has_any(ref.start, ref.stop)
            journal.failed[ref.start] = error
        self.happen(e.RangeSynced(now=self.now, ref=ref))

    def add(self, job: str) -> None:
        """Replay a journal: what it has is done, what failed is tried again."""
        journal = self.journals[job]
        replayed = {"stop": journal.stop, "done": tuple(journal.done), "is_sealed": journal.is_sealed}
        self.happen(e.JobAdded(now=self.now, job=job, start=0, **replayed))  # type: ignore[arg-type]

    # --- the link --------------------------------------------------------------------------------

    def deliver(self, name: str, message: m.Message) -> None:
        match message:
            case m.Lease():
                self.to_worker(name, message, [encode_spec(spec_of(message.ref.job))])
            case m.Release():
                self.to_worker(name, message, [])
            case m.Heartbeat(worker=worker, wants=wants, computing=computing):
                holds = tuple(message.holds)
                self.happen(
                    e.WorkerHeartbeat(now=self.now, worker=worker, holds=holds, wants=wants, computing=computing)
                )
            case m.Answer():
                self.happen(e.RangeAnswered.of(message, self.now))
            case m.Fault(worker=worker, ref=ref, error=error):
                self.happen(e.RangeFaulted(now=self.now, worker=worker, ref=ref, error=error))
            case m.Blocked(worker=worker, ref=ref, error=error):
                self.happen(e.RangeBlocked(now=self.now, worker=worker, ref=ref, reason=error))
            case m.Goodbye(worker=worker):
                self.happen(e.WorkerLeft(now=self.now, worker=worker))
            case m.WorkerDied(pid=pid):
                self.happen(e.WorkerLeft(now=self.now, worker=f"worker{pid}", is_dead=True))
            case _:
                raise AssertionError(message)

    def to_worker(self, name: str, message: m.FromServer, buffers: list[bytes]) -> None:
        worker = self.workers.get(name)
        if worker is not None:
            held = worker.session.receive(message, buffers, self.now)
            if held is not None:
                worker.to_do.append(held)

    def speak(self, worker: Worker) -> None:
        self.link += [(worker.session.worker, message) for message, _ in worker.session.due(self.now)]

    def work(self, worker: Worker) -> None:
        held = worker.to_do.pop(0)
        if held.ref.job == "job0" and held.ref.start <= BAD_FRAME < held.ref.stop:
            outgoing = worker.session.fail(held, "bad", is_blocked=False)
            self.link += [(worker.session.worker, message) for message, _ in outgoing]
        else:
            start, stop = held.ref.start, held.ref.stop
            worker.session.answer(held, computed(start, stop, n_items=stop - start), self.now)

    # --- what can happen -------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.submit(23, is_sealed=True)
        self.join()

    @precondition(lambda self: len(self.journals) < 3)
    @rule(n_frames=st.integers(0, 40), is_sealed=st.booleans())
    def submit(self, n_frames: int, *, is_sealed: bool) -> None:
        job = f"job{len(self.journals)}"
        self.journals[job] = Journal(n_frames, is_sealed)
        self.add(job)

    @precondition(lambda self: len(self.workers) < 4)
    @rule()
    def join(self) -> None:
        self.n_workers += 1
        session = WorkerState(worker=f"worker{self.n_workers}", pid=self.n_workers, is_warm=True)
        self.workers[session.worker] = Worker(session)

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), how=st.sampled_from(["in peace", "noticed", "silently"]))
    def leave(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.workers)))
        worker = self.workers.pop(name)
        if how == "in peace":
            self.link.append((name, m.Goodbye(worker=name)))
        elif how == "noticed" and self.n_noticed < SETTINGS.n_faults:
            self.n_noticed += 1  # more of them could make a frame fail that has no fault
            self.link.append((name, m.WorkerDied(host="host", pid=worker.session.pid)))

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 6.0, 150.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.happen(e.Tick(now=self.now))

    @rule()
    def everybody_speaks(self) -> None:
        for worker in self.workers.values():
            self.speak(worker)

    @precondition(lambda self: any(worker.to_do for worker in self.workers.values()))
    @rule(data=st.data())
    def somebody_works(self, data: st.DataObject) -> None:
        busy = [name for name in sorted(self.workers) if self.workers[name].to_do]
        self.work(self.workers[data.draw(st.sampled_from(busy))])

    @precondition(lambda self: self.link)
    @rule(data=st.data(), fate=st.sampled_from(["deliver"] * 6 + ["double", "lose"]))
    def something_arrives(self, data: st.DataObject, fate: str) -> None:
        at = data.draw(st.integers(0, len(self.link) - 1))
        name, message = self.link[at] if fate == "double" else self.link.pop(at)
        if fate != "lose":
            self.deliver(name, message)

    @rule()
    def all_arrives(self) -> None:
        pending, self.link = self.link, []
        for name, message in pending:
            self.deliver(name, message)

    @rule()
    def the_disk_fills_or_empties(self) -> None:
        self.is_disk_full = not self.is_disk_full

    @rule(data=st.data())
    def a_job_pauses_or_goes_on(self, data: st.DataObject) -> None:
        job = self.queue.jobs[data.draw(st.sampled_from(sorted(self.journals)))]
        if job.state is JobState.RUNNING:
            self.happen(e.JobPaused(now=self.now, job=job.id, reason="because"))
        elif not job.is_closed:
            self.happen(e.JobResumed(now=self.now, job=job.id))

    @rule(data=st.data())
    def a_user_cancels(self, data: st.DataObject) -> None:
        job = self.queue.jobs[data.draw(st.sampled_from(sorted(self.journals)))]
        if not job.is_closed:
            self.happen(e.JobStopped(now=self.now, job=job.id))

    @rule(data=st.data())
    def a_user_tries_failed_frames_again(self, data: st.DataObject) -> None:
        """As the service does: in the queue while the job is there, else from its journal."""
        job = self.queue.jobs[data.draw(st.sampled_from(sorted(self.journals)))]
        if job.is_closed:
            self.add(job.id)
            return
        is_heard = job.takes_frames
        self.happen(e.FailedRetried(now=self.now, job=job.id))
        assert not (is_heard and job.failed)

    @rule(data=st.data())
    def the_files_of_a_cancelled_job_are_closed(self, data: st.DataObject) -> None:
        job = self.queue.jobs[data.draw(st.sampled_from(sorted(self.journals)))]
        if job.state is JobState.STOPPING:
            self.happen(e.JobClosed(now=self.now, job=job.id))

    @rule(data=st.data())
    def results_are_written(self, data: st.DataObject) -> None:
        job = self.queue.jobs[data.draw(st.sampled_from(sorted(self.journals)))]
        if job.state is JobState.FINISHING:
            self.happen(e.JobFinished(now=self.now, job=job.id))

    @rule(data=st.data(), n_frames=st.integers(0, 20), is_last=st.booleans())
    def a_movie_grows(self, data: st.DataObject, n_frames: int, *, is_last: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.journals)))
        job, journal = self.queue.jobs[name], self.journals[name]
        if not journal.is_sealed and not job.is_closed:
            journal.stop, journal.is_sealed = min(journal.stop + n_frames, 40), is_last
            self.happen(e.FramesReleased(now=self.now, job=name, stop=journal.stop, is_last=is_last))

    @rule()
    def the_server_starts_again(self) -> None:
        """The journals are all that it has."""
        self.queue = Queue(SETTINGS)
        for job in self.journals:
            self.add(job)

    # --- what is always true ---------------------------------------------------------------------

    @invariant()
    def the_book_is_right(self) -> None:
        validate_state(self.queue)

    @invariant()
    def the_journal_tells_all_that_the_queue_must_know(self) -> None:
        for job, journal in self.journals.items():
            assert self.queue.jobs[job].done == journal.done
            assert self.queue.jobs[job].failed.items() <= journal.failed.items()  # some are being tried again

    def teardown(self) -> None:
        """In the end, when nothing is lost any more, every frame is done exactly once."""
        self.is_disk_full = False
        for _ in range(400):
            for job in list(self.queue.jobs.values()):
                self.go_on(job)
            if all(job.state in {JobState.FINISHING, JobState.FINISHED} for job in self.queue.jobs.values()):
                break
            if not self.workers:
                self.join()
            for worker in self.workers.values():
                self.speak(worker)
            self.all_arrives()
            for worker in self.workers.values():
                while worker.to_do:
                    self.work(worker)
            self.wait(1.0)
        validate_state(self.queue)
        for name, journal in self.journals.items():
            frames = {frame for start, stop in journal.done for frame in range(start, stop)}
            assert frames | set(journal.failed) == set(range(journal.stop)), name
            assert not frames & set(journal.failed), name
            assert set(journal.failed) <= {BAD_FRAME}, "a frame without a fault failed"

    def go_on(self, job: Job) -> None:
        if job.state is JobState.STOPPING:
            self.happen(e.JobClosed(now=self.now, job=job.id))
        if job.state is JobState.STOPPED:
            self.add(job.id)
        elif job.state is JobState.PAUSED:
            self.happen(e.JobResumed(now=self.now, job=job.id))
        elif job.state is JobState.RUNNING and not job.is_sealed:
            self.journals[job.id].is_sealed = True
            self.happen(e.FramesReleased(now=self.now, job=job.id, stop=job.stop, is_last=True))


def spec_of(job: str) -> m.JobSpec:
    return m.JobSpec(job=job, kind="fit", movie="m", identity="i", n_frames=40, settings=JobSettings(), output="o")


Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestQueueOverALossyLink = Cluster.TestCase
