"""Which worker gets which range."""

from __future__ import annotations

from collections.abc import Mapping

from pointillist.pipeline_protocol.messages import JobState
from pointillist.pipeline_server.queue.events import Grant, NotePassOver
from pointillist.pipeline_server.queue.job import Job
from pointillist.pipeline_server.queue.task_size import QueueSettings
from pointillist.pipeline_server.queue.worker import Worker, count_builds

_RISKED_SHARE = 4
"""One worker of so many is risked for ranges that other workers died of."""


class Dispatcher:
    """Gives ranges of jobs to workers that want some.

    Parameters
    ----------
    jobs, workers
        Jobs and workers of the queue.
    settings
        Constants of the queue.
    """

    def __init__(self, jobs: Mapping[str, Job], workers: Mapping[str, Worker], settings: QueueSettings) -> None:
        self._jobs = jobs
        self._workers = workers
        self._settings = settings
        self._risked: set[str] = set()
        self._hungry: dict[str, None] = {}

    def note_wants(self, worker: Worker) -> None:
        """Take note of what a worker wants: those who want something are served in turn, nobody else is looked at."""
        if worker.unmet:
            self._hungry.setdefault(worker.name)
        else:
            self._hungry.pop(worker.name, None)

    def serve(self, now: float) -> list[Grant | NotePassOver]:
        """Give out what there is."""
        grants: list[Grant | NotePassOver] = []
        if not self._hungry or not any(job.has_work for job in self._jobs.values()):
            return grants
        self._hungry = {name: None for name in self._hungry if name in self._workers and self._workers[name].unmet}
        n_of_builds = count_builds(self._workers.values())
        for job in self._jobs.values():
            if job.has_work:
                job.builds.choose(n_of_builds)
        for worker in [self._workers[name] for name in self._hungry]:
            grants += self._pass_over(worker)
            if worker.is_in_quarantine:
                continue
            suspects = self._suspects_for(worker)
            if suspects:
                if not worker.tasks:
                    grants.append(worker.grant(suspects[0], suspects[0].first_suspect(), now))
                continue
            while worker.unmet and (grant := self._next(worker, n_of_builds, now)):
                grants.append(grant)
        return grants

    def double_stragglers(self, now: float) -> list[Grant]:
        """Give the slow tasks of the end to idle workers as well."""
        grants: list[Grant] = []
        idle = [worker for worker in self._workers.values() if worker.unmet and not worker.is_in_quarantine]
        if not idle or any(job.has_work for job in self._jobs.values()):
            return grants
        for job in self._jobs.values():
            for task in job.stragglers(now) if job.state is JobState.RUNNING else ():
                able = (worker for worker in idle if worker.unmet and job.builds.admits(worker.build))
                helper = next((worker for worker in able if worker.name not in task.holdings), None)
                if helper is not None:
                    grants.append(helper.grant(job, task, now))
        return grants

    def _suspects_for(self, worker: Worker) -> list[Job]:
        """Return the jobs with ranges that may kill a worker, if this is one that is risked for them.

        Few are at a time, and each gets such a range once it has done all else that it holds.
        """
        running = [job for job in self._jobs.values() if job.suspects and job.state is JobState.RUNNING]
        suspects = [job for job in running if job.builds.admits(worker.build)]
        if suspects and worker.name not in self._risked:
            self._risked &= self._workers.keys()
            if len(self._risked) >= max(1, len(self._workers) // _RISKED_SHARE):
                return []
            self._risked.add(worker.name)
        return suspects

    def stranded(self, now: float) -> list[Job]:
        """Return the jobs with work that none of the workers may take part in."""
        n_of_builds = count_builds(self._workers.values())
        return [job for job in self._jobs.values() if job.has_work and job.builds.is_stranded(n_of_builds, now)]

    def _pass_over(self, worker: Worker) -> list[NotePassOver]:
        """Take note of the jobs that a worker gets nothing of."""
        if worker.build is None:
            return []
        over = [job for job in self._jobs.values() if job.has_work and not job.builds.admits(worker.build)]
        fresh = [job for job in over if worker.name not in job.builds.passed_over]
        for job in fresh:
            job.builds.passed_over.add(worker.name)
        return [NotePassOver(worker=worker.name, job=job.id) for job in fresh]

    def _next(self, worker: Worker, n_of_builds: Mapping[str | None, int], now: float) -> Grant | None:
        for job in in_turn(self._jobs, worker, self._settings.fair_s * len(self._workers)):
            task = job.next_task(worker.name, job.builds.n_admitted(n_of_builds))
            if task is not None:
                return worker.grant(job, task, now)
        return None


def in_turn(jobs: Mapping[str, Job], worker: Worker, lead_s: float) -> list[Job]:
    """Return the jobs with work that a worker may take part in, the least served first.

    Parameters
    ----------
    jobs
        All jobs.
    worker
        Who asks; it stays with its latest job while that is not more than ``lead_s`` ahead, since the frames
        of its background window are in memory.
    lead_s
        In seconds of work.
    """
    able = [job for job in jobs.values() if job.has_work and job.builds.admits(worker.build)]
    able.sort(key=lambda job: job.served_s)
    for at, job in enumerate(able):
        if job.id == worker.last_job and job.served_s - able[0].served_s <= lead_s:
            return [job, *able[:at], *able[at + 1 :]]
    return able
