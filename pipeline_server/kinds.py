"""What the server has to know of a kind of job: how it is planned, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline_files.metadata import Metadata
from pipeline_files.movie import MovieFile
from pipeline_files.results import ResultsDescription
from pipeline_protocol.messages import Answer
from pipeline_protocol.wire import Buffer
from pipeline_server.journal import Journal


class Form(Protocol):
    """What the answers of a job are like, and how files are made of them."""

    ending: str
    """Of the file's name."""

    has_partial: bool
    """Whether there is a file to look at while the job runs."""

    def check(self, answer: Answer, buffers: Sequence[Buffer]) -> None:
        """Make sure that an answer is what the file can hold.

        Raises
        ------
        MessageError
            If it is not.
        """

    def begin_partial(self, path: Path) -> None:
        """Make the file to look at, without anything in it."""

    def extend_partial(self, path: Path, journal: Journal, starts: Sequence[int]) -> None:
        """Append the answers of the ranges that begin at some frames, next in order."""

    def write(self, path: Path, journal: Journal) -> None:
        """Write all that the journal has into a file that appears whole, or not at all.

        Raises
        ------
        ResultsError
            If there is no room, or it cannot be written.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What a movie and settings make of a job.

    Parameters
    ----------
    description
        What the file says of itself.
    form
        Of answers and file.
    default_output
        Where the file goes if nobody says.
    start, stop
        Frames to do.
    context
        Frames that a range needs besides its own.
    max_frames
        Length of a task, at most.
    """

    description: ResultsDescription
    form: Form
    default_output: Path
    start: int
    stop: int
    context: int
    max_frames: int


Kinds = Mapping[str, Callable[[MovieFile, Metadata], Plan]]
"""How a job of each kind is planned: from its open movie and its settings, with the errors of both."""
