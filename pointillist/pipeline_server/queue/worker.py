"""A worker and its tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pointillist.pipeline_protocol.messages import Ref
from pointillist.pipeline_server.queue.events import Grant
from pointillist.pipeline_server.queue.job import Job
from pointillist.pipeline_server.queue.speed import RecentRate
from pointillist.pipeline_server.queue.task import Task


@dataclass(kw_only=True)
class Worker:
    """A worker as the queue knows it.

    Attributes
    ----------
    heard_at
        Time of its latest sign of life, s.
    unmet
        Number of tasks that it asks for and that could not be given so far.
    computing
        Range that it computes.
    tasks
        Leased tasks, by job and first frame.
    last_job
        Job of its latest range.
    build
        Build of its kernels; None until they are loaded.
    rate, n_frames
        Recent rate, and number of frames computed so far.
    """

    name: str
    heard_at: float
    unmet: int = 0
    computing: Ref | None = None
    tasks: dict[tuple[str, int], Task] = field(default_factory=dict)
    last_job: str | None = None
    build: str | None = None
    n_frames: int = 0
    rate: RecentRate = field(default_factory=RecentRate)

    def note_answer(self, n_frames: int, now: float) -> None:
        """Count a range that it computed."""
        self.n_frames += n_frames
        self.rate.add(now, n_frames)

    def is_computing(self, task: Task) -> bool:
        """Whether it is at this very range."""
        ref = self.computing
        return ref is not None and (ref.job, ref.start, ref.stop) == (task.job, task.start, task.stop)

    @property
    def is_in_quarantine(self) -> bool:
        """Whether it holds a range that may kill it."""
        return any(task.is_suspect for task in self.tasks.values())

    def holds(self, ref: Ref) -> bool:
        """Whether it holds this range by this very lease."""
        task = self.tasks.get((ref.job, ref.start))
        return task is not None and task.stop == ref.stop and task.holdings[self.name].generation == ref.generation

    def grant(self, job: Job, task: Task, now: float) -> Grant:
        """Lease a task to it."""
        lease_s = job.lease(task, self.name, now)
        self.tasks[task.job, task.start] = task
        self.unmet -= 1
        self.last_job = job.id
        return Grant(worker=self.name, ref=task.ref, lease_s=lease_s)

    def adopt(self, job: Job, task: Task, generation: int, now: float) -> None:
        """Record that it holds a task, from before a silence or a restart."""
        job.adopt(task, self.name, generation, now)
        self.tasks[task.job, task.start] = task

    def give_back(self, job: Job, task: Task, now: float) -> None:
        """End its lease of a task."""
        del self.tasks[task.job, task.start]
        job.give_back(task, self.name, now)


def count_builds(workers: Iterable[Worker]) -> Counter[str | None]:
    """Return how many workers have each build of the kernels."""
    return Counter(worker.build for worker in workers)
