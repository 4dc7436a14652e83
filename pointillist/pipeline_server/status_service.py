"""What the server tells those who watch it: of itself, its workers, its jobs, and what happened to them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from msgspec import structs

from pointillist.errors import ServerError, UnknownJobError
from pointillist.pipeline_protocol.messages import Jobs, LogLines, Pong, Progress, Workers, control as m
from pointillist.pipeline_server.cluster import ClusterState, ServerSocket, WorkerRegistry
from pointillist.pipeline_server.jobs import JobRun, SubmissionHandler, refusal
from pointillist.pipeline_server.queue import Queue, count_builds, pass_over_note
from pointillist.supervision import job_log_path, read_log
from pointillist.version import program_version

N_ENDED = 1000
"""Jobs that are over and still known."""

_N_WORKERS, _N_JOBS = 100, 16
"""In one message: a job may have long errors to tell."""

_N_NOTES, _N_CHARACTERS = 10, 500

Question = m.Watch | m.Ping | m.ListWorkers | m.ListJobs | m.ReadLog


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that is over: how it was at its end, and where its journal is, if it is kept."""

    progress: Progress
    journal: Path


class StatusService:
    """Answers to questions, which change nothing.

    Parameters
    ----------
    door, reception, queue, roster, works
        Of the server.
    standing
        Of the server among others.
    began
        When it started, s.

    Attributes
    ----------
    ended
        Jobs that are over, the earliest first.
    """

    def __init__(  # noqa: PLR0913 - these are the parts of a server
        self,
        *,
        door: ServerSocket,
        reception: SubmissionHandler,
        queue: Queue,
        roster: WorkerRegistry,
        works: Mapping[str, JobRun],
        standing: ClusterState,
        began: float,
    ) -> None:
        self.ended: dict[str, Ended] = {}
        self._door = door
        self._reception = reception
        self._queue = queue
        self._roster = roster
        self._works = works
        self._standing = standing
        self._began = began

    def end(self, ended: Ended) -> None:
        """Take note that a job is over."""
        self.ended[ended.progress.job] = ended
        while len(self.ended) > N_ENDED:
            del self.ended[next(iter(self.ended))]

    def answer(self, request: Question, now: float) -> m.ToClient:
        """Answer a question."""
        match request:
            case m.Watch(request=number, job=job):
                return self._watch(request, now) or self.unknown(number, job)
            case m.Ping():
                return self.pong(request.request, now)
            case m.ListWorkers():
                return self._workers(request, now)
            case m.ListJobs(request=number):
                return self._reception.wait(number) if self._reception.is_reopening else self._jobs(request, now)
            case m.ReadLog():
                return _log(request)

    def unknown(self, request: int, job: str) -> m.Refused | m.Wait:
        """Answer who asks for a job that is not here, or not yet here again."""
        if self._reception.is_reopening:
            return self._reception.wait(request)
        return refusal(request, UnknownJobError(f"job {job}", "the server does not know it", "submit it again"))

    def progress(self, work: JobRun, now: float) -> Progress:
        """Say how far a job is."""
        job = self._queue.jobs[work.id]
        hosts = {self._roster.host_of(name) for name in job.builds.passed_over} - {""}
        notes = (
            [] if job.builds.is_mixed else [pass_over_note(host)[:_N_CHARACTERS] for host in sorted(hosts)[:_N_NOTES]]
        )
        progress = work.progress(job, now, job.builds.n_admitted(count_builds(self._queue.workers.values())))
        return structs.replace(progress, notes=notes, n_compiling=self._roster.n_compiling(now))

    def _watch(self, request: m.Watch, now: float) -> Progress | None:
        """Say how far a job is; None if there is no such job."""
        work = self._works.get(request.job)
        if work is not None:
            return structs.replace(self.progress(work, now), request=request.request)
        ended = self.ended.get(request.job)
        return None if ended is None else structs.replace(ended.progress, request=request.request)

    def pong(self, request: int, now: float) -> Pong:
        """Say what the server is."""
        return Pong(
            request=request,
            version=program_version(),
            pid=os.getpid(),
            epoch=self._standing.epoch,
            n_workers=len(self._queue.workers),
            address=self._door.address,
            host=socket.gethostname(),
            uptime_s=now - self._began,
            n_refused=self._door.n_refused,
            n_jobs=len(self._works) + self._reception.n_pending,
            n_ended=len(self.ended),
            server=self._standing.server,
            cluster=self._standing.cluster,
            leader=self._standing.leader(),
            troubles=self._standing.troubles(now),
            n_compiling=self._roster.n_compiling(now),
        )

    def _workers(self, request: m.ListWorkers, now: float) -> Workers:
        """Say how some of the workers are."""
        found = self._roster.report(self._queue.workers, now, request.after, _N_WORKERS + 1)
        return Workers(request=request.request, workers=found[:_N_WORKERS], is_last=len(found) <= _N_WORKERS)

    def _jobs(self, request: m.ListJobs, now: float) -> Jobs:
        """Say how far some of the jobs are."""
        numbers: dict[int, JobRun | Ended] = {work.number: work for work in self._works.values()}
        if request.ended:
            numbers |= {ended.progress.number: ended for ended in self.ended.values()}
        following = sorted(number for number in numbers if number > request.after)
        some = [numbers[number] for number in islice(following, _N_JOBS)]
        jobs = [self.progress(one, now) if isinstance(one, JobRun) else one.progress for one in some]
        return Jobs(request=request.request, jobs=jobs, is_last=len(following) <= _N_JOBS)


def _log(request: m.ReadLog) -> LogLines | m.Refused:
    """Say what happened to a job."""
    path = job_log_path(request.job)
    if path is None or not path.exists():
        error = ServerError(f"job {request.job}", "there is no log of it", "pointillist jobs lists the jobs")
        return refusal(request.request, error)
    lines, place = read_log(path, request.place)
    return LogLines(request=request.request, lines=lines, place=place)
