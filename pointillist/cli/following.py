"""Progress and outcome of a job, for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.cli.console import facts, notices, output
from pointillist.cli.durations import duration
from pointillist.cli.progress_display import progress_display

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointillist.cli.progress_display import ProgressDisplay
    from pointillist.pipeline_protocol.messages import Progress


@contextmanager
def job_display(items: str = "localizations") -> Iterator[Callable[[Progress], None]]:
    """Yield a function that shows the progress of a job; ``items`` are what it finds."""
    with ExitStack() as stack:
        displays: list[ProgressDisplay] = []

        def show(progress: Progress) -> None:
            if not displays:
                label = Path(progress.movie).name
                displays.append(stack.enter_context(progress_display(label, progress.n_frames)))
            displays[0].show(progress.n_done, describe(progress, items))

        yield show


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

    ensure_cache_folders()
    from pointillist.api import summarise_results  # numba

    output().print(facts({**summarise_results(Path(progress.output)), "took": took(progress)}))
    if not progress.n_items:
        notices().print("note: nothing was found; 'analyse MOVIE --test' shows why", markup=False)


def took(progress: Progress) -> str:
    """Say how long a finished job took, and how fast it was."""
    n_new = progress.n_done - progress.n_resumed
    rate = n_new / progress.elapsed_s if progress.elapsed_s > 0 else 0.0
    return f"{duration(progress.elapsed_s)}, {rate:.0f} frames/s with {progress.n_workers} workers"
