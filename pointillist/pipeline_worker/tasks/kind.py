"""What a kind of task is: a function from a range and settings to a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from pointillist.pipeline_protocol.messages import JobSpec, RangeResult

MAX_ERROR = 2000
"""Greatest length of an error message, characters."""


Computed = tuple[RangeResult, Sequence[bytes]]
"""The result of a range, and its buffers, whose contents depend on the kind of task."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What computing a range has led to: a result or an error.

    Parameters
    ----------
    computed
        Result with its buffers; None if there is an error.
    error
        Error message for the log; empty if there is none.
    is_blocked
        Whether no range of the job can be computed here.
    """

    computed: Computed | None = None
    error: str = ""
    is_blocked: bool = False

    @classmethod
    def of_error(cls, error: Exception) -> Self:
        """Return the outcome of a range that raised an error."""
        if isinstance(error, BlockedError):
            return cls(error=str(error)[:MAX_ERROR], is_blocked=True)
        return cls(error=f"{type(error).__name__}: {error}"[:MAX_ERROR])


class BlockedError(Exception):
    """No range of the job can be computed here: its movie is gone, or has changed."""


class Runner(Protocol):
    """A job in a worker.

    ``prepare`` and ``close`` are called by one thread, ``compute`` by another one, which computes an earlier range
    meanwhile. A worker is to take one core: what costs time belongs in ``compute``. Both may raise anything: the
    range is tried again, then halved; after BlockedError the job is paused.
    """

    def prepare(self, start: int, stop: int) -> None:
        """Have the system fetch what a range begins with."""

    def compute(self, start: int, stop: int) -> Computed:
        """Compute a range."""

    def close(self) -> None:
        """Close the files."""


Kinds = Mapping[str, Callable[[JobSpec], Runner]]


def new_runner(kinds: Kinds, spec: JobSpec) -> Runner:
    """Open the movie of a job.

    Raises
    ------
    BlockedError
        If this worker does not know the kind of the job, or cannot have its movie.
    """
    if spec.kind not in kinds:
        raise BlockedError(f"{spec.kind}: this worker has no such kind; use the same version everywhere")
    return kinds[spec.kind](spec)
