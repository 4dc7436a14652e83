"""Answers of the server to questions on itself, its workers, its jobs and their logs."""

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
"""Number of jobs that are over and still listed."""

_N_WORKERS, _N_JOBS = 100, 16
"""Greatest numbers in one message: a job may have long errors."""

_N_NOTES, _N_CHARACTERS = 10, 500

Question = m.Watch | m.Ping | m.ListWorkers | m.ListJobs | m.ReadLog


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that is over: its last progress, and the path of its journal."""

    progress: Progress
    journal: Path


class StatusService:
    """Answers to questions, which change nothing.

    Parameters
    ----------
    server_socket, submissions, queue, registry, open_jobs, cluster_state
        Parts of the server.
    began
        Starting time, s.

    Attributes
    ----------
    ended
        Jobs that are over, by id, the earliest first.
    """

    def __init__(  # noqa: PLR0913 - these are the parts of a server
        self,
        *,
        server_socket: ServerSocket,
        submissions: SubmissionHandler,
        queue: Queue,
        registry: WorkerRegistry,
        open_jobs: Mapping[str, JobRun],
        cluster_state: ClusterState,
        began: float,
    ) -> None:
        self.ended: dict[str, Ended] = {}
        self._socket = server_socket
        self._submissions = submissions
        self._queue = queue
        self._registry = registry
        self._open_jobs = open_jobs
        self._cluster_state = cluster_state
        self._began = began

    def end(self, ended: Ended) -> None:
        """Add a job that is over."""
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
                return self._submissions.wait(number) if self._submissions.is_reopening else self._jobs(request, now)
            case m.ReadLog():
                return _log(request)

    def unknown(self, request: int, job: str) -> m.Refused | m.Wait:
        """Answer a question on a job that is unknown, or not resumed yet."""
        if self._submissions.is_reopening:
            return self._submissions.wait(request)
        return refusal(request, UnknownJobError(f"job {job}", "the server does not know it", "submit it again"))

    def progress(self, job_run: JobRun, now: float) -> Progress:
        """Return the progress of a job."""
        job = self._queue.jobs[job_run.id]
        hosts = {self._registry.host_of(name) for name in job.builds.passed_over} - {""}
        notes = (
            [] if job.builds.is_mixed else [pass_over_note(host)[:_N_CHARACTERS] for host in sorted(hosts)[:_N_NOTES]]
        )
        progress = job_run.progress(job, now, job.builds.n_admitted(count_builds(self._queue.workers.values())))
        return structs.replace(progress, notes=notes, n_compiling=self._registry.n_compiling(now))

    def _watch(self, request: m.Watch, now: float) -> Progress | None:
        """Return the progress of a job; None if there is no such job."""
        job_run = self._open_jobs.get(request.job)
        if job_run is not None:
            return structs.replace(self.progress(job_run, now), request=request.request)
        ended = self.ended.get(request.job)
        return None if ended is None else structs.replace(ended.progress, request=request.request)

    def pong(self, request: int, now: float) -> Pong:
        """Return a description of the server."""
        return Pong(
            request=request,
            version=program_version(),
            pid=os.getpid(),
            epoch=self._cluster_state.epoch,
            n_workers=len(self._queue.workers),
            address=self._socket.address,
            host=socket.gethostname(),
            uptime_s=now - self._began,
            n_refused=self._socket.n_refused,
            n_jobs=len(self._open_jobs) + self._submissions.n_pending,
            n_ended=len(self.ended),
            server=self._cluster_state.server,
            cluster=self._cluster_state.cluster,
            leader=self._cluster_state.leader(),
            troubles=self._cluster_state.troubles(now),
            n_compiling=self._registry.n_compiling(now),
        )

    def _workers(self, request: m.ListWorkers, now: float) -> Workers:
        """Return reports on some of the workers."""
        found = self._registry.report(self._queue.workers, now, request.after, _N_WORKERS + 1)
        return Workers(request=request.request, workers=found[:_N_WORKERS], is_last=len(found) <= _N_WORKERS)

    def _jobs(self, request: m.ListJobs, now: float) -> Jobs:
        """Return the progress of some of the jobs."""
        numbers: dict[int, JobRun | Ended] = {job_run.number: job_run for job_run in self._open_jobs.values()}
        if request.ended:
            numbers |= {ended.progress.number: ended for ended in self.ended.values()}
        following = sorted(number for number in numbers if number > request.after)
        some = [numbers[number] for number in islice(following, _N_JOBS)]
        jobs = [self.progress(one, now) if isinstance(one, JobRun) else one.progress for one in some]
        return Jobs(request=request.request, jobs=jobs, is_last=len(following) <= _N_JOBS)


def _log(request: m.ReadLog) -> LogLines | m.Refused:
    """Return lines of the log of a job."""
    path = job_log_path(request.job)
    if path is None or not path.exists():
        error = ServerError(f"job {request.job}", "there is no log of it", "see 'pointillist jobs'")
        return refusal(request.request, error)
    lines, place = read_log(path, request.place)
    return LogLines(request=request.request, lines=lines, place=place)
