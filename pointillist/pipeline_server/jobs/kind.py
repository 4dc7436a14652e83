"""The plan of a job: what a movie and settings make of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import ResultsDescription
from pointillist.pipeline_protocol.messages import JobSettings
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.output_writer import OutputWriter


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What a movie and settings make of a job.

    Parameters
    ----------
    description
        Contents of the output file.
    writer
        Makes the writer of the output file from its path and the job's journal.
    ending
        Ending of the output file's name.
    default_output
        Output file where the user names none.
    start, stop
        Frames ``[start, stop)`` to compute.
    context
        Number of frames that a range needs besides its own.
    max_frames
        Greatest length of a task, frames.
    """

    description: ResultsDescription
    writer: Callable[[Path, Journal], OutputWriter]
    ending: str
    default_output: Path
    start: int
    stop: int
    context: int
    max_frames: int


Kinds = Mapping[str, Callable[[MovieFile, JobSettings], Plan]]
"""How a job of each kind is planned: from its open movie and its settings, with the errors of both."""
