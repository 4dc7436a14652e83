"""A job: the frames of a movie on their way through tasks."""

from __future__ import annotations

from bisect import bisect_left, insort
from enum import Enum, auto

from pointillist.pipeline_protocol.messages import JobState, Ref
from pointillist.pipeline_server.queue.builds import Builds
from pointillist.pipeline_server.queue.events import JobAdded
from pointillist.pipeline_server.queue.lifecycle import Lifecycle
from pointillist.pipeline_server.queue.ranges import Ranges
from pointillist.pipeline_server.queue.reservations import Reservations
from pointillist.pipeline_server.queue.speed import Speed
from pointillist.pipeline_server.queue.task import Holding, Task, TaskEvent, TaskState
from pointillist.pipeline_server.queue.task_size import QueueSettings, task_frames


class JobEvent(Enum):
    """What happens to a job."""

    GROW = auto()
    RETRY = auto()
    PAUSE = auto()
    RESUME = auto()
    COMPLETE = auto()
    FINISH = auto()
    STOP = auto()
    CLOSE = auto()
    """Its files are closed."""


OUTER_EVENTS = frozenset({JobEvent.GROW, JobEvent.RETRY, JobEvent.RESUME, JobEvent.STOP})
"""What users and cameras may let happen at any time while a job is not over."""

JOB_TRANSITIONS = {
    (JobState.RUNNING, JobEvent.GROW): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.RETRY): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.RESUME): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.PAUSE): JobState.PAUSED,
    (JobState.RUNNING, JobEvent.COMPLETE): JobState.FINISHING,
    (JobState.RUNNING, JobEvent.STOP): JobState.STOPPING,
    (JobState.PAUSED, JobEvent.GROW): JobState.PAUSED,
    (JobState.PAUSED, JobEvent.RETRY): JobState.PAUSED,
    (JobState.PAUSED, JobEvent.PAUSE): JobState.PAUSED,
    (JobState.PAUSED, JobEvent.RESUME): JobState.RUNNING,
    (JobState.PAUSED, JobEvent.STOP): JobState.STOPPING,
    # Its frames are settled: what is asked for changes nothing until its results stand, or cannot be written.
    **{(JobState.FINISHING, event): JobState.FINISHING for event in OUTER_EVENTS},
    (JobState.FINISHING, JobEvent.PAUSE): JobState.PAUSED,
    (JobState.FINISHING, JobEvent.FINISH): JobState.FINISHED,
    **{(JobState.STOPPING, event): JobState.STOPPING for event in OUTER_EVENTS},
    (JobState.STOPPING, JobEvent.CLOSE): JobState.STOPPED,
}


class Job:
    """The frames ``[start, stop)`` of a job, each of them unassigned, in a task, done or failed.

    Parameters
    ----------
    added
        The event that begins it.
    settings
        Constants of the queue.
    """

    def __init__(self, added: JobAdded, settings: QueueSettings) -> None:
        self.id = added.job
        self.settings = settings
        self.start = added.start
        self.stop = added.start
        self.context = added.context
        self.max_frames = added.max_frames
        self.is_sealed = added.is_sealed
        self.life = Lifecycle(f"job {added.job}", JobState.RUNNING, JOB_TRANSITIONS)
        self.unassigned = Reservations()
        self.tasks: dict[int, Task] = {}
        self.waiting: list[int] = []
        self.suspects: list[int] = []
        self.done = Ranges()
        self.failed: dict[int, str] = {}
        self.n_items = added.n_items
        self.n_poison = 0
        self.served_s = 0.0
        self.reason: str | None = None
        self.speed = Speed()
        self.builds = Builds(build=added.build, is_mixed=added.is_mixed)
        self.grow(added.stop)
        for start, stop in added.done:
            self.unassigned.take_exactly(start, stop)
            self.done.add(start, stop)
        for frame, error in added.failed.items():
            self.unassigned.take_exactly(frame, frame + 1)
            self.failed[frame] = error

    @property
    def state(self) -> JobState:
        """Its state."""
        return self.life.state

    @property
    def is_over(self) -> bool:
        """Whether no frame of it will be computed any more."""
        return self.state.is_over

    @property
    def is_closed(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state in {JobState.FINISHED, JobState.STOPPED}

    @property
    def takes_frames(self) -> bool:
        """Whether frames may be added, or wait again."""
        return self.state in {JobState.RUNNING, JobState.PAUSED}

    @property
    def has_work(self) -> bool:
        """Whether there is a range to give out."""
        return self.state is JobState.RUNNING and bool(self.waiting or self.suspects or self.unassigned.n_frames)

    @property
    def is_complete(self) -> bool:
        """Whether no frame is left, and none will come."""
        return self.is_sealed and self.done.n_frames + len(self.failed) == self.stop - self.start

    def grow(self, stop: int) -> None:
        """Add the frames up to ``stop``."""
        if stop > self.stop:
            self.unassigned.add(self.stop, stop)
            self.stop = stop

    def expected_s(self, task: Task, worker: str) -> float:
        """Return the time that a worker should need for a task."""
        rate = self.speed.of(worker)
        return self.settings.task_s if rate is None else task.n_frames / rate

    def lease_s(self, task: Task, worker: str) -> float:
        """Return the time after which a worker that computes the task is taken to be stuck."""
        return max(self.settings.lease_s, self.settings.lease_factor * self.expected_s(task, worker))

    def next_task(self, worker: str, n_workers: int) -> Task | None:
        """Return a waiting task for a worker, or a new one; None if there is nothing to do.

        A range that failed in a worker goes to another one where there is one.
        """
        for start in self.waiting:
            task = self.tasks[start]
            if worker not in task.faulted_by or len(task.faulted_by) >= n_workers:
                return task
        n_frames = min(
            self.max_frames,
            task_frames(
                self.settings,
                rate=self.speed.of(worker),
                context=self.context,
                n_left=self.unassigned.n_frames,
                n_workers=n_workers,
            ),
        )
        fair_share = -(-self.unassigned.n_frames // max(1, n_workers))
        n_reserved = max(n_frames, min(fair_share, n_frames * self.settings.reservation_tasks))
        taken = self.unassigned.take(worker, n_frames, n_reserved)
        return None if taken is None else self._put(*taken)

    def find(self, ref: Ref) -> Task | None:
        """Return the unfinished task that is exactly this range; one is made if the range is wholly unassigned."""
        task = self.tasks.get(ref.start)
        if task is not None:
            return task if task.stop == ref.stop else None
        if ref.start < ref.stop and self.unassigned.take_exactly(ref.start, ref.stop):
            return self._put(ref.start, ref.stop)
        return None

    def stragglers(self, now: float) -> list[Task]:
        """Return the tasks that one worker has had for too long, oldest first."""
        late: list[tuple[float, Task]] = []
        for task in self.tasks.values():
            if task.state is TaskState.LEASED and len(task.holdings) == 1 and not task.is_suspect:
                (holding,) = task.holdings.values()
                patience = self.settings.straggler_factor * self.expected_s(task, holding.worker)
                if now - holding.since > max(self.settings.straggler_s, patience):
                    late.append((holding.since, task))
        return [task for _, task in sorted(late, key=lambda pair: pair[0])]

    def lease(self, task: Task, worker: str, now: float) -> float:
        """Give a task to a worker; return the length of the lease in s."""
        lease_s = self.lease_s(task, worker)
        self.served_s += self.expected_s(task, worker)
        # A worker holds one task while it computes another: the lease must bear both.
        task.lease(worker, now, 2.0 * lease_s)
        self._index(task)
        return lease_s

    def adopt(self, task: Task, worker: str, generation: int, now: float) -> None:
        """Record that a worker holds a task."""
        until = now + 2.0 * self.lease_s(task, worker)
        task.adopt(Holding(worker=worker, generation=generation, since=now, until=until), now)
        self._index(task)

    def give_back(self, task: Task, worker: str, now: float) -> None:
        """End a worker's lease of a task."""
        task.give_back(worker, now)
        self._index(task)

    def answer(self, task: Task, worker: str, n_items: int, now: float) -> None:
        """Accept the answer to a task."""
        task.take_answer(worker, n_items, now)
        self._index(task)

    def is_given_up(self, task: Task, error: str, now: float) -> bool:
        """Halve a task, or give a single frame up, once it has raised too often.

        Returns
        -------
        bool
            Whether its error is to be recorded.
        """
        task.error = error
        if task.faults < self.settings.n_faults:
            return False
        if task.n_frames == 1:
            task.life.apply(TaskEvent.GIVE_UP, now)
            self._index(task)
            return True
        task.life.apply(TaskEvent.HALVE, now)
        self._index(task)
        middle = (task.start + task.stop) // 2
        self._put(task.start, middle, is_suspect=task.is_suspect)
        self._put(middle, task.stop, is_suspect=task.is_suspect)
        return False

    def settle(self, task: Task, now: float) -> None:
        """Record that the journal has the answer, or the error, of a task."""
        if task.answered_by:
            task.life.apply(TaskEvent.COMMIT, now)
            self.done.add(task.start, task.stop)
            self.n_items += task.n_items
            self.speed.done.add(now, task.n_frames)
        else:
            task.life.apply(TaskEvent.COMMIT_ERROR, now)
            self.failed[task.start] = task.error or "unknown error"
            self.n_poison += 1
        self._index(task)

    def lose(self, task: Task, now: float) -> None:
        """Let a task wait again, whose answer the journal could not take."""
        task.life.apply(TaskEvent.LOSE, now)
        task.answered_by = ()
        self._index(task)

    def retry_failed(self) -> None:
        """Let all failed frames wait again."""
        for frame in sorted(self.failed):
            self.unassigned.add(frame, frame + 1)
        self.failed.clear()
        self.n_poison = 0

    def first_suspect(self) -> Task:
        """Return a task that may kill its worker."""
        return self.tasks[self.suspects[0]]

    def suspect(self, task: Task) -> None:
        """Mark a waiting task whose worker died."""
        task.is_suspect = True
        if task.start in self.waiting:
            self.waiting.remove(task.start)
        self._index(task)

    def _put(self, start: int, stop: int, *, is_suspect: bool = False) -> Task:
        task = Task(self.id, start, stop)
        task.is_suspect = is_suspect
        self.tasks[start] = task
        self._index(task)
        return task

    def _index(self, task: Task) -> None:
        """Keep ``waiting``, ``suspects`` and ``tasks`` true after a step of a task."""
        listed = self.suspects if task.is_suspect else self.waiting
        at = bisect_left(listed, task.start)
        is_listed = at < len(listed) and listed[at] == task.start
        if task.state is TaskState.WAITING and not is_listed:
            insort(listed, task.start)
        elif task.state is not TaskState.WAITING and is_listed:
            del listed[at]
        if task.state in {TaskState.DONE, TaskState.FAILED, TaskState.SPLIT}:
            del self.tasks[task.start]
