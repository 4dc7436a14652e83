"""Following a job to its end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from pointillist.cli.console import facts, notices, output, printable
from pointillist.cli.durations import duration
from pointillist.cli.progress_display import progress_display
from pointillist.errors import ServerError, UnknownJobError
from pointillist.pipeline_files import journal_path
from pointillist.pipeline_protocol.messages import JobState
from pointillist.system import without_locks

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.messages import Progress

POLL_S = 0.2


def follow(client: Client, job: str, items: str = "localizations") -> Progress:
    """Show how far a job is until it is over; ``items`` are what it finds.

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
        notices().print(f"note: {remark}", markup=False, soft_wrap=True)
    if progress.n_resumed:
        notices().print(f"resuming: {progress.n_resumed} of {progress.n_frames} frames are done")
    told: set[str] = set()
    with progress_display(Path(progress.movie).name, progress.n_frames) as display:
        while not progress.is_over:
            for note in [note for note in progress.notes if note not in told]:
                told.add(note)
                notices().print(f"note: {printable(note)}", markup=False, soft_wrap=True)
            if progress.state == "paused":
                raise _paused(progress)
            display.show(progress.n_done, describe(progress, items))
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
    return progress


def _paused(progress: Progress) -> ServerError:
    reason = progress.reason or "the reason is in the server's log"
    remedy = "finished frames are kept" if "same command" in reason else "give the same command again to resume"
    return ServerError(progress.output, f"paused: {reason}", remedy)


def describe(progress: Progress, items: str = "localizations") -> str:
    """Say in a few words how far a job is, and how many items it has found."""
    if progress.state == "finishing":
        return f"{progress.n_items} {items}, writing the file"
    parts = [f"{progress.n_items} {items}"]
    if progress.n_failed:
        parts.append(f"{progress.n_failed} frames failed")
    if progress.n_compiling:
        parts.append(f"{progress.n_compiling} workers compile kernels")
    if progress.left_s is not None:
        parts = [f"{progress.rate:.0f} frames/s", *parts, f"{duration(progress.left_s)} left"]
    return ", ".join(parts)


def show_outcome(progress: Progress) -> None:
    """Print where the results are, and what is in them."""
    from pointillist.cli.kernels import ensure_cache_folders
    from pointillist.cli.results_summary import summarise_results

    ensure_cache_folders()
    output().print(facts({**summarise_results(Path(progress.output)), "took": took(progress)}))
    if not progress.n_items:
        notices().print("note: nothing was found; 'analyse MOVIE --test' shows why", markup=False)


def took(progress: Progress) -> str:
    """Say how long a finished job took, and how fast it was."""
    n_new = progress.n_done - progress.n_resumed
    rate = n_new / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
    return f"{duration(progress.elapsed_s)}, {rate:.0f} frames/s with {progress.n_workers} workers"
