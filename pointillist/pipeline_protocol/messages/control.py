"""What the processes say to each other: frozen, tagged, typed records.

The protocol is level-triggered. A worker's :class:`Heartbeat` says all that it holds and how much more it wants,
and the server compares that with its book; answers are sent again until the server says :class:`Release`. A
message that is lost, doubled or late therefore heals itself, and a server that starts again needs no
greeting.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pointillist.pipeline_protocol.messages.fields import Count, JobSettings, Name, Seconds, Text
from pointillist.pipeline_protocol.messages.frames import FrameData, FrameRequest, LayoutReply, Missing
from pointillist.pipeline_protocol.messages.range_result import RangeResult
from pointillist.pipeline_protocol.messages.reports import Jobs, LogLines, LogPosition, Pong, Progress, Workers

PROTOCOL_VERSION = 3
"""Peers of another version are refused."""

UNREADABLE: Count = 0
"""Number of no request: what the server calls a message that it could not read."""

ResumeRule = Literal["allowed", "required", "never"]


class Ref(Struct, frozen=True, kw_only=True):
    """A task: frames ``[start, stop)`` of a job, given out for the ``generation``-th time."""

    job: Name
    start: Count
    stop: Count
    generation: Count = 0


class JobSpec(Struct, frozen=True, kw_only=True):
    """All that a worker needs to know of a job.

    ``kind`` names the function from a range and settings to an answer, ``may_read`` is the voucher of who submitted it,
    ``mixed`` says whether workers of several builds may do it.
    """

    job: Name
    kind: Name
    movie: Text
    identity: Text
    n_frames: Count
    settings: JobSettings
    output: Text
    may_read: Text = ""
    mixed: bool = False


# --- from a worker --------------------------------------------------------------------------------


class Heartbeat(Struct, frozen=True, kw_only=True, tag=True):
    """Who I am, what I hold, what I compute, how many more I want; once a second and when that changes.

    ``core`` is the one that computed last, where the system tells. ``build`` tells kernels apart that find other last
    digits; None until they are loaded. Who holds nothing and wants nothing warms up.
    """

    worker: Name
    host: Name
    pid: Count
    holds: list[Ref] = []
    computing: Ref | None = None
    wants: Annotated[int, Meta(ge=0, le=64)] = 0
    core: Count | None = None
    build: Text | None = ""
    is_compiling: bool = False


class Answer(Struct, frozen=True, kw_only=True, tag=True):
    """The range is done; the buffers of its result follow. Sent until :class:`Release` comes."""

    worker: Name
    job: Name
    generation: Count
    result: RangeResult

    @property
    def ref(self) -> Ref:
        """The task that it answers."""
        return Ref(job=self.job, start=self.result.start, stop=self.result.stop, generation=self.generation)


class Fault(Struct, frozen=True, kw_only=True, tag=True):
    """The range raised an error."""

    worker: Name
    ref: Ref
    error: Text


class Blocked(Struct, frozen=True, kw_only=True, tag=True):
    """The job cannot go on here, whatever the range: its movie is gone, or is another one."""

    worker: Name
    ref: Ref
    error: Text


class Goodbye(Struct, frozen=True, kw_only=True, tag=True):
    """The worker ends; what it holds is free."""

    worker: Name


class WorkerDied(Struct, frozen=True, kw_only=True, tag=True):
    """The process that the sender replaces is dead, so nobody needs to wait for its silence."""

    host: Name
    pid: Count


# --- to a worker ----------------------------------------------------------------------------------


class Lease(Struct, frozen=True, kw_only=True, tag=True):
    """Do this range; the encoded :class:`JobSpec` follows as a buffer.

    A worker that computes it for longer than ``lease_s`` is stuck.
    """

    ref: Ref
    lease_s: Seconds


class Release(Struct, frozen=True, kw_only=True, tag=True):
    """The range needs no more of you: its rows are safe, or its job is over."""

    ref: Ref


class HeartbeatAck(Struct, frozen=True, kw_only=True, tag=True):
    """Reply to a beat; ``epoch`` differs after the server has started again."""

    epoch: Count


# --- from a client; every request carries a number that its reply repeats -------------------------


class Submit(Struct, frozen=True, kw_only=True, tag=True):
    """Start, join or resume a job: ``kind`` says what is to be made of the movie.

    ``output`` is the wished path of the results, or None for PYME's rule. ``resume`` says whether a journal
    of the same job may be, must be or must not be taken up. ``may_read`` and ``may_write`` are vouchers
    (:mod:`pointillist.pipeline_protocol.security.request_signature`) for the files named and for the output.
    ``mixed`` lets workers of several builds do it.
    """

    request: Count
    movie: Text
    identity: Text
    settings: JobSettings
    output: Text | None = None
    resume: ResumeRule = "allowed"
    kind: Name = "fit"
    may_read: Text = ""
    may_write: Text = ""
    mixed: bool = False


class Watch(Struct, frozen=True, kw_only=True, tag=True):
    """How far is the job."""

    request: Count
    job: Name


class Stop(Struct, frozen=True, kw_only=True, tag=True):
    """End the job; its journal stays, so that it can be resumed."""

    request: Count
    job: Name


class Ping(Struct, frozen=True, kw_only=True, tag=True):
    """Who is there."""

    request: Count


class Retry(Struct, frozen=True, kw_only=True, tag=True):
    """Try the failed frames of the job again; if it is paused or stopped, it goes on."""

    request: Count
    job: Name


class ListWorkers(Struct, frozen=True, kw_only=True, tag=True):
    """Who works: those whose names follow ``after``, in order."""

    request: Count
    after: Annotated[str, Meta(max_length=200)] = ""


class ListJobs(Struct, frozen=True, kw_only=True, tag=True):
    """What there is to do: jobs whose numbers follow ``after``; with ``ended``, also those that are over."""

    request: Count
    after: Count = 0
    ended: bool = False


class ReadLog(Struct, frozen=True, kw_only=True, tag=True):
    """What happened to the job, from a place in its log on."""

    request: Count
    job: Name
    place: LogPosition = LogPosition()


class Report(Struct, frozen=True, kw_only=True, tag=True):
    """From a ``launch-workers``: what it keeps running; answered by :class:`Pong`.

    ``troubles`` are one line each, for whoever watches. A launcher that falls silent is forgotten.
    """

    request: Count
    host: Name
    pid: Count
    n_workers: Count
    troubles: Annotated[list[Text], Meta(max_length=1000)] = []


# --- to a client ----------------------------------------------------------------------------------


class Accepted(Struct, frozen=True, kw_only=True, tag=True):
    """The job runs."""

    request: Count
    job: Name


class Wait(Struct, frozen=True, kw_only=True, tag=True):
    """The request is being worked on; its answer takes a while, and ``reason`` tells people what for."""

    request: Count
    reason: Text = "the server is working on it"


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """The request cannot be met; ``error`` names a class of :mod:`pointillist.errors`."""

    request: Count
    error: Name
    subject: Text
    problem: Text
    remedy: Text


class Moved(Struct, frozen=True, kw_only=True, tag=True):
    """Ask the server at this address: it leads the cluster."""

    request: Count
    address: Text


FromWorker = Heartbeat | Answer | Fault | Blocked | Goodbye | WorkerDied | FrameRequest
FromClient = Submit | Watch | Stop | Ping | Retry | ListWorkers | ListJobs | ReadLog | Report
ToWorker = Lease | Release | HeartbeatAck | LayoutReply | FrameData | Missing
ToClient = Accepted | Wait | Moved | Refused | Progress | Pong | Workers | Jobs | LogLines
ToServer = FromWorker | FromClient
FromServer = ToWorker | ToClient
Message = ToServer | FromServer
