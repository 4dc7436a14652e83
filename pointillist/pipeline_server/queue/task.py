"""A task: a range of frames on its way from waiting to done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from pointillist.pipeline_protocol.messages import Ref
from pointillist.pipeline_server.queue.lifecycle import Lifecycle


class TaskState(Enum):
    """State of a task."""

    WAITING = auto()
    LEASED = auto()
    SYNCING = auto()
    """Its answer is on its way into the journal."""
    DONE = auto()
    FAILED = auto()
    """A single frame, recorded with its error."""
    SPLIT = auto()
    """Replaced by its two halves."""


class TaskEvent(Enum):
    """What happens to a task."""

    LEASE = auto()
    RETURN = auto()
    """One holder gives it back, another goes on."""
    RETURN_LAST = auto()
    ANSWER = auto()
    GIVE_UP = auto()
    """Its error is to be recorded."""
    HALVE = auto()
    COMMIT = auto()
    COMMIT_ERROR = auto()
    LOSE = auto()
    """The journal could not take it."""


TASK_TRANSITIONS = {
    (TaskState.WAITING, TaskEvent.LEASE): TaskState.LEASED,
    (TaskState.WAITING, TaskEvent.ANSWER): TaskState.SYNCING,
    (TaskState.WAITING, TaskEvent.GIVE_UP): TaskState.SYNCING,
    (TaskState.WAITING, TaskEvent.HALVE): TaskState.SPLIT,
    (TaskState.LEASED, TaskEvent.LEASE): TaskState.LEASED,
    (TaskState.LEASED, TaskEvent.RETURN): TaskState.LEASED,
    (TaskState.LEASED, TaskEvent.RETURN_LAST): TaskState.WAITING,
    (TaskState.LEASED, TaskEvent.ANSWER): TaskState.SYNCING,
    (TaskState.SYNCING, TaskEvent.COMMIT): TaskState.DONE,
    (TaskState.SYNCING, TaskEvent.COMMIT_ERROR): TaskState.FAILED,
    (TaskState.SYNCING, TaskEvent.LOSE): TaskState.WAITING,
}


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Who holds a task, since when and until when (s)."""

    worker: str
    generation: int
    since: float
    until: float


class Task:
    """Frames ``[start, stop)`` of a job.

    Attributes
    ----------
    generation
        Number of its leases so far.
    holdings
        Leases by worker; two when a straggler has been given to a second worker.
    faults
        Number of errors, and of workers that died while they computed it.
    faulted_by
        Workers that it raised in.
    is_suspect
        Whether a worker died that held it: then a worker gets it that holds nothing else.
    overdue
        Workers whose lease ran out.
    error
        The latest error.
    answered_by
        Worker whose answer is being recorded, then those that held the task at that time.
    """

    def __init__(self, job: str, start: int, stop: int) -> None:
        self.job = job
        self.start = start
        self.stop = stop
        self.life = Lifecycle(f"task [{start}, {stop}) of job {job}", TaskState.WAITING, TASK_TRANSITIONS)
        self.generation = 0
        self.holdings: dict[str, Holding] = {}
        self.faults = 0
        self.faulted_by: set[str] = set()
        self.is_suspect = False
        self.overdue: set[str] = set()
        self.error: str | None = None
        self.answered_by: tuple[str, ...] = ()
        self.n_items = 0

    @property
    def state(self) -> TaskState:
        """Its state."""
        return self.life.state

    @property
    def n_frames(self) -> int:
        """Its length."""
        return self.stop - self.start

    @property
    def ref(self) -> Ref:
        """Its name, with the latest generation."""
        return Ref(job=self.job, start=self.start, stop=self.stop, generation=self.generation)

    def lease(self, worker: str, now: float, lease_s: float) -> None:
        """Give it to a worker."""
        self.life.apply(TaskEvent.LEASE, now)
        self.generation += 1
        self.holdings[worker] = Holding(worker=worker, generation=self.generation, since=now, until=now + lease_s)

    def adopt(self, holding: Holding, now: float) -> None:
        """Record that a worker holds it, from before a silence or a restart."""
        self.life.apply(TaskEvent.LEASE, now)
        self.generation = max(self.generation, holding.generation)
        self.holdings[holding.worker] = holding

    def give_back(self, worker: str, now: float) -> None:
        """End a worker's lease."""
        is_last = len(self.holdings) == 1
        self.life.apply(TaskEvent.RETURN_LAST if is_last else TaskEvent.RETURN, now)
        del self.holdings[worker]

    def take_answer(self, worker: str, n_items: int, now: float) -> None:
        """Accept the first answer; all leases end."""
        self.life.apply(TaskEvent.ANSWER, now)
        self.answered_by = tuple({worker: None} | dict.fromkeys(self.holdings))
        self.n_items = n_items
        self.holdings.clear()

    def __repr__(self) -> str:
        return f"Task([{self.start}, {self.stop}) {self.state.name} {sorted(self.holdings)})"
