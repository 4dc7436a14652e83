"""Events that the queue takes, and instructions that it returns.

Events go in, instructions come out; time is a field of each event, in seconds from any origin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pointillist.pipeline_protocol.messages import Answer, Heartbeat, Ref

FaultOutcome = Literal["tried again", "halved", "given up"]


@dataclass(frozen=True, kw_only=True)
class JobAdded:
    """A job is to be done, or taken up again.

    Parameters
    ----------
    job
        Identifier of the job.
    start, stop
        Frames to analyse; of an open-ended job those that are safely on disk.
    context
        Frames of the background window: a task should be long against it.
    max_frames
        Length of a task that a worker's memory surely bears.
    done
        Ranges that the journal has.
    failed
        Frames that the journal has as failed, with their errors.
    n_items, build
        Localizations that the journal has, and the build of the kernels that they come from; None without any.
    is_sealed
        Whether no more frames will come.
    is_mixed
        Whether workers of any build may take part.
    """

    now: float
    job: str
    start: int
    stop: int
    context: int = 0
    max_frames: int = 4096
    done: tuple[tuple[int, int], ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    n_items: int = 0
    is_sealed: bool = True
    build: str | None = None
    is_mixed: bool = False


@dataclass(frozen=True, kw_only=True)
class FramesReleased:
    """An open-ended job has grown to ``stop`` frames; ``is_last`` if its source is complete."""

    now: float
    job: str
    stop: int
    is_last: bool = False


@dataclass(frozen=True, kw_only=True)
class JobPaused:
    """The job cannot go on until it is resumed."""

    now: float
    job: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class JobResumed:
    """What paused the job is mended."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class JobStopped:
    """The user ends the job; it is over once its files are closed."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class JobClosed:
    """The files of a job that was stopped are closed."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class BuildsMixed:
    """The user lets workers of any build of the kernels take part."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class JobFinished:
    """The results of a complete job stand."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class FailedRetried:
    """The failed frames of a job are to be tried again."""

    now: float
    job: str


@dataclass(frozen=True, kw_only=True)
class WorkerHeartbeat:
    """A worker lives: what it holds, which of it it computes, how many more it wants, which build its kernels are."""

    now: float
    worker: str
    holds: tuple[Ref, ...] = ()
    computing: Ref | None = None
    wants: int = 0
    build: str | None = ""

    @classmethod
    def of(cls, heartbeat: Heartbeat, now: float) -> WorkerHeartbeat:
        """Return what a message says."""
        holds, computing, build = tuple(heartbeat.holds), heartbeat.computing, heartbeat.build
        return cls(
            now=now, worker=heartbeat.worker, holds=holds, computing=computing, wants=heartbeat.wants, build=build
        )


@dataclass(frozen=True, kw_only=True)
class WorkerLeft:
    """A worker ended: in peace, or in the midst of a range."""

    now: float
    worker: str
    is_dead: bool = False


@dataclass(frozen=True, kw_only=True)
class RangeAnswered:
    """A worker has done a range in ``seconds``."""

    now: float
    worker: str
    ref: Ref
    n_items: int
    seconds: float
    build: str = ""

    @classmethod
    def of(cls, said: Answer, now: float) -> RangeAnswered:
        """Return what a message says."""
        result = said.result
        seconds = sum(result.seconds.values())
        return cls(
            now=now, worker=said.worker, ref=said.ref, n_items=result.n_items, seconds=seconds, build=result.build
        )


@dataclass(frozen=True, kw_only=True)
class RangeFaulted:
    """A range raised an error in a worker."""

    now: float
    worker: str
    ref: Ref
    error: str


@dataclass(frozen=True, kw_only=True)
class RangeBlocked:
    """A worker cannot do any range of the job."""

    now: float
    worker: str
    ref: Ref
    reason: str


@dataclass(frozen=True, kw_only=True)
class RangeSynced:
    """The journal has the range (its rows, or its error)."""

    now: float
    ref: Ref


@dataclass(frozen=True, kw_only=True)
class RangeLost:
    """The journal could not take the range."""

    now: float
    ref: Ref


@dataclass(frozen=True, kw_only=True)
class Tick:
    """Time goes by."""

    now: float


Event = (
    JobAdded
    | FramesReleased
    | JobPaused
    | JobResumed
    | JobStopped
    | BuildsMixed
    | JobClosed
    | JobFinished
    | FailedRetried
    | WorkerHeartbeat
    | WorkerLeft
    | RangeAnswered
    | RangeFaulted
    | RangeBlocked
    | RangeSynced
    | RangeLost
    | Tick
)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Give the range to the worker, which is taken to be stuck after ``lease_s`` of computing it."""

    worker: str
    ref: Ref
    lease_s: float


@dataclass(frozen=True, kw_only=True)
class Release:
    """Tell the worker that the range needs no more of it."""

    worker: str
    ref: Ref


@dataclass(frozen=True, kw_only=True)
class Record:
    """Write the answer that came with this event into the journal; then say synced or lost."""

    ref: Ref


@dataclass(frozen=True, kw_only=True)
class RecordFailure:
    """Write the frame's error into the journal; then say synced or lost."""

    ref: Ref
    error: str


@dataclass(frozen=True, kw_only=True)
class Complete:
    """Every frame of the job is done or failed: write its results, then say finished."""

    job: str


@dataclass(frozen=True, kw_only=True)
class Paused:
    """The queue itself paused the job."""

    job: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class NoteFault:
    """Tell people that a range raised an error, or that its worker died of it, and what follows from that."""

    worker: str
    ref: Ref
    error: str
    n_faults: int
    outcome: FaultOutcome


@dataclass(frozen=True, kw_only=True)
class NoteLoss:
    """Tell people that a worker is gone, dead or silent, and which ranges are free again."""

    worker: str
    refs: tuple[Ref, ...]
    is_dead: bool


@dataclass(frozen=True, kw_only=True)
class NotePassOver:
    """Tell people that a worker gets nothing of a job, since its kernels are of another build."""

    worker: str
    job: str


Instruction = Grant | Release | Record | RecordFailure | Complete | Paused | NoteFault | NoteLoss | NotePassOver
