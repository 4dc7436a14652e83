"""What is true of a queue at any time."""

from __future__ import annotations

from pointillist.pipeline_protocol.messages import JobState
from pointillist.pipeline_server.queue.job import Job
from pointillist.pipeline_server.queue.queue import Queue
from pointillist.pipeline_server.queue.task import TaskState


def validate_state(queue: Queue) -> None:
    """Check all records of a queue.

    Raises
    ------
    AssertionError
        If a frame of a job is in no place or in two, or if jobs and workers disagree on who holds what.
    """
    for job in queue.jobs.values():
        _validate_frames(job)
        _validate_tasks(queue, job)
    for name, worker in queue.workers.items():
        for (job_id, start), task in worker.tasks.items():
            _claim(
                queue.jobs[job_id].tasks.get(start) is task,
                f"{name} holds {task}, which its job does not know",
            )
            _claim(name in task.holdings, f"{name} holds {task}, which does not know it")


def _validate_frames(job: Job) -> None:
    pieces = [
        *job.unassigned,
        *job.done,
        *((frame, frame + 1) for frame in job.failed),
        *((task.start, task.stop) for task in job.tasks.values()),
    ]
    at = job.start
    for start, stop in sorted(pieces):
        _claim(
            start == at and stop > start,
            f"job {job.id}: frame {at} and [{start}, {stop}) in {sorted(pieces)}",
        )
        at = stop
    _claim(at == job.stop, f"job {job.id}: ends at {at} instead of {job.stop}")
    unassigned = sum(stop - start for start, stop in job.unassigned)
    _claim(
        unassigned == job.unassigned.n_frames,
        f"job {job.id}: {job.unassigned.n_frames} unassigned frames, counted {unassigned}",
    )
    is_whole = job.state in {JobState.FINISHING, JobState.FINISHED}
    _claim(not is_whole or job.is_complete, f"job {job.id}: {job.state.name} and not complete")


def _validate_tasks(queue: Queue, job: Job) -> None:
    waiting = sorted(start for start, task in job.tasks.items() if task.state is TaskState.WAITING)
    listed = sorted([*job.waiting, *job.suspects])
    _claim(waiting == listed, f"job {job.id}: waiting are {waiting}, listed {listed}")
    _claim(all(job.tasks[start].is_suspect for start in job.suspects), f"job {job.id}: {job.suspects} suspects?")
    for start, task in job.tasks.items():
        _claim(task.start == start and task.job == job.id, f"{task} is listed as {start} of {job.id}")
        is_live = task.state in {TaskState.WAITING, TaskState.LEASED, TaskState.SYNCING}
        _claim(is_live, f"{task} is over and listed")
        _claim(bool(task.holdings) == (task.state is TaskState.LEASED), f"{task}: holders against state")
        for name in task.holdings:
            holder = queue.workers.get(name)
            _claim(holder is not None and holder.tasks.get((job.id, start)) is task, f"{task}: {name} differs")
    for name in job.unassigned.owned:
        _claim(name in queue.workers, f"job {job.id}: a reservation is kept for {name}, who is gone")


def _claim(is_true: object, message: str) -> None:
    if not is_true:
        raise AssertionError(message)
