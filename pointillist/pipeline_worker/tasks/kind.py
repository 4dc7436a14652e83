"""What a kind of task is: a function from a range and settings to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pointillist.pipeline_protocol.messages import JobSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The answer to a range.

    Parameters
    ----------
    n_items
        How many things were found.
    failures
        Frames that could not be done, with the reason.
    buffers
        What was found; the kind knows its form.
    seconds
        Time that each stage took.
    """

    n_items: int
    failures: Mapping[int, str]
    buffers: Sequence[bytes]
    seconds: Mapping[str, float]


class BlockedError(Exception):
    """No range of the job can be done here: its movie is gone, or has changed."""


class Runner(Protocol):
    """A job in a worker.

    ``read`` and ``close`` are called by one thread, ``compute`` by another one, which is at an earlier range
    meanwhile. A worker is to take one core: what costs time belongs into ``compute``. Both may raise anything: the
    range is tried again, then halved; after BlockedError the job is paused.
    """

    def read(self, start: int, stop: int) -> Any:  # noqa: ANN401 - whatever compute takes
        """Prepare a range, and return what ``compute`` needs of it."""

    def compute(self, inputs: Any) -> Result:  # noqa: ANN401 - whatever read returned
        """Do the range."""

    def close(self) -> None:
        """Let go of files."""


Kinds = Mapping[str, Callable[[JobSpec], Runner]]
