"""How far a command is: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Protocol

from pointillist.cli.console import notices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 5.0


class ProgressDisplay(Protocol):
    """Something that shows how far a command is."""

    def show(self, n_done: int, details: str = "") -> None:
        """Show that ``n_done`` frames are done, and what else there is to say."""


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, n_done: int, details: str = "") -> None:
        self._progress.update(self._task, completed=n_done, details=details)


class Lines:
    """Progress as plain lines, for logs.

    Parameters
    ----------
    label
        What is going on.
    n_frames
        How many frames there are.
    write
        Takes a line.
    clock
        Seconds, from any start.
    """

    def __init__(
        self,
        label: str,
        n_frames: int,
        write: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._n_frames = n_frames
        self._write = write
        self._clock = clock
        self._due = clock() + SECONDS_BETWEEN_LINES

    def show(self, n_done: int, details: str = "") -> None:
        """Write a line if the last one is some seconds ago."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + SECONDS_BETWEEN_LINES
        share = f"{100 * n_done // max(self._n_frames, 1)} %"
        line = f"{self._label}: {n_done} of {self._n_frames} frames ({share})"
        self._write(f"{line}, {details}" if details else line)


@contextlib.contextmanager
def progress_display(label: str, n_frames: int) -> Iterator[ProgressDisplay]:
    """Show progress on stderr while the context lasts.

    Parameters
    ----------
    label
        What is going on.
    n_frames
        How many frames there are.
    """
    console = notices()
    if not console.is_terminal:
        yield Lines(label, n_frames, lambda line: console.print(line, markup=False, soft_wrap=True))
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[details]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        yield _Bar(progress, progress.add_task(label, total=n_frames, details=""))
