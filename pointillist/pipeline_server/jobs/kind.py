"""What the server has to know of a kind of job: how it is planned, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import ResultsDescription
from pointillist.pipeline_protocol.messages import Answer, Buffer
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.settings import Metadata


class Draft(Protocol):
    """The file of a job on its way: it grows with the journal, and appears whole, or not at all."""

    def extend(self, journal: Journal, starts: Sequence[int]) -> None:
        """Take in the answers of the ranges that begin at some frames, in order; it can do without.

        Raises
        ------
        ResultsError
            If there is no room, or they cannot be written.
        """

    def finish(self, path: Path, journal: Journal) -> None:
        """Take in all that the journal has, and give the file its name.

        Raises
        ------
        ResultsError
            If there is no room, or it cannot be written.
        """

    def discard(self) -> None:
        """Delete what there is."""


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

    def draft(self, path: Path) -> Draft:
        """Return what becomes the file of a job."""


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
