"""What the server tells of itself, its workers and its jobs."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from pointillist.pipeline_protocol.messages.fields import Count, Name, Seconds, Text


class JobState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHING = "finishing"
    """Every frame is done or failed; the results are being written."""
    STOPPING = "stopping"
    """Its user has ended it; its files are being closed."""
    FINISHED = "finished"
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """Whether no frame of the job will be computed any more."""
        return self in {JobState.STOPPING, JobState.FINISHED, JobState.STOPPED}


Health = Literal["busy", "idle", "warming up", "compiling kernels", "restarting", "silent"]


class Progress(Struct, frozen=True, kw_only=True, tag=True):
    """How far a job is.

    ``n_frames`` counts the frames to analyse (from ``Analysis.StartAt`` on), ``n_done`` those that are settled: their
    rows are safe, or they are recorded as failed. ``n_failed`` of them failed, and another try may mend
    ``n_retriable`` of these; ``failures`` has the first of them with their errors. ``n_resumed`` frames came from the
    journal of an earlier run. ``rate`` is in frames per second over the last seconds, and 0.0 before the first.
    ``seconds`` sums each stage over all workers. ``reason`` says why the job is paused. ``number`` counts the jobs of
    the server; ``began_at`` and ``ended_at`` are in s since 1970. ``notes`` are what its user should know, one line
    each; ``n_compiling`` workers compile kernels.
    """

    request: Count
    job: Name
    state: JobState
    movie: Text
    output: Text
    n_frames: Count
    n_done: Count
    n_failed: Count
    n_items: Count
    n_resumed: Count
    rate: float
    n_workers: Count
    elapsed_s: Seconds
    seconds: dict[str, Seconds]
    failures: dict[int, Text]
    reason: Text | None = None
    n_retriable: Count = 0
    kind: Name = "fit"
    number: Count = 0
    began_at: Seconds = 0.0
    ended_at: Seconds | None = None
    notes: list[Text] = []
    n_compiling: Count = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state.is_over

    @property
    def left_s(self) -> float | None:
        """Time that the rest takes at the present rate, s; None if nobody can say."""
        return (self.n_frames - self.n_done) / self.rate if self.state is JobState.RUNNING and self.rate > 0 else None


class Pong(Struct, frozen=True, kw_only=True, tag=True):
    """The server that answers: where it listens, for how long, and what it has to do.

    ``n_refused`` counts connections of peers without the key; ``n_jobs`` jobs that are not over, ``n_ended`` those that
    it remembers. ``server`` is its name, which no other has. ``leader`` is the address of the server that leads the
    cluster, if it is another one: this one finishes its jobs, and ends. ``troubles`` are what launchers report, one
    line each. ``n_compiling`` of the workers compile kernels.
    """

    request: Count
    version: Text
    pid: Count
    epoch: Count
    n_workers: Count
    address: Text = ""
    host: Text = ""
    uptime_s: Seconds = 0.0
    n_refused: Count = 0
    n_jobs: Count = 0
    n_ended: Count = 0
    server: Text = ""
    cluster: Text = "default"
    leader: Text | None = None
    troubles: list[Text] = []
    n_compiling: Count = 0


class WorkerReport(Struct, frozen=True, kw_only=True):
    """How a worker is.

    ``core`` is the one that it computed on last. ``rate`` is in frames per second over the last seconds, ``n_frames``
    what it has done so far. It was heard of ``silent_s`` ago. ``job`` is what it computes. ``build`` tells apart
    kernels whose results differ in the last digits; empty until they are loaded.
    """

    worker: Name
    host: Name
    pid: Count
    core: Count | None
    health: Health
    rate: float
    n_frames: Count
    silent_s: Seconds
    job: Name | None
    build: Text = ""


class Workers(Struct, frozen=True, kw_only=True, tag=True):
    """Some of the workers, in order of their names; whether these are the last."""

    request: Count
    workers: list[WorkerReport]
    is_last: bool


class Jobs(Struct, frozen=True, kw_only=True, tag=True):
    """Some of the jobs, in order of their numbers; whether these are the last."""

    request: Count
    jobs: list[Progress]
    is_last: bool


class LogPosition(Struct, frozen=True, kw_only=True):
    """How far a log has been read: which of its files, and where in it."""

    file: Count = 0
    offset: Count = 0


class LogLines(Struct, frozen=True, kw_only=True, tag=True):
    """What follows in a log, one JSON object each, and where to go on; no line, if nothing has happened since."""

    request: Count
    lines: list[str]
    place: LogPosition
