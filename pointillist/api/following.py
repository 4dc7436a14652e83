"""Following a job to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from pointillist.errors import ServerError, UnknownJobError
from pointillist.pipeline_files import journal_path
from pointillist.pipeline_protocol.messages import JobState
from pointillist.system import without_locks

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.messages import Progress

POLL_S = 0.2
"""Interval between two reports of the progress, s."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Functions that are told of a job while it runs.

    Parameters
    ----------
    on_progress
        Function of the job's progress, called every 0.2 s.
    on_message
        Function that shows a line to the user.
    """

    on_progress: Callable[[Progress], None] = lambda _: None
    on_message: Callable[[str], None] = lambda _: None


def follow(client: Client, job: str, listener: Listener) -> Progress:
    """Report the progress of a job until it has ended.

    Returns
    -------
    Progress
        Final state of the job.

    Raises
    ------
    UnknownJobError
        If the server has gone with the job unfinished, and another one answers.
    ServerError
        If it was stopped, or is paused and needs the user.
    """
    progress = client.progress(job)
    if remark := without_locks(journal_path(Path(progress.output))):
        listener.on_message(f"note: {remark}")
    if progress.n_resumed:
        listener.on_message(f"resuming: {progress.n_resumed} of {progress.n_frames} frames are done")
    told: set[str] = set()
    while not progress.is_over:
        for note in [note for note in progress.notes if note not in told]:
            told.add(note)
            listener.on_message(f"note: {note}")
        if progress.state == "paused":
            raise _paused(progress)
        listener.on_progress(progress)
        time.sleep(POLL_S)
        try:
            progress = client.progress(job)
        except UnknownJobError:
            if not Path(progress.output).exists():
                raise
            # A file of that name is whole: the server ended right after it.
            progress = structs.replace(progress, state=JobState.FINISHED, n_done=progress.n_frames)
    if progress.state == "stopped":
        raise ServerError(progress.output, "the job was stopped", "give the same command again to resume")
    listener.on_progress(progress)
    return progress


def _paused(progress: Progress) -> ServerError:
    reason = progress.reason or "the reason is in the server's log"
    remedy = "finished frames are kept" if "same command" in reason else "give the same command again to resume"
    return ServerError(progress.output, f"paused: {reason}", remedy)
