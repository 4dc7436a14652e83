"""Jobs, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointillist.api import short_ids
from pointillist.cli.console import printable
from pointillist.cli.durations import duration

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from pointillist.pipeline_protocol.messages import Progress

N_FAILURES = 3
"""Failed frames whose errors are shown; the log has all."""

_NARROW = 100
"""Columns of a terminal, below which what can be done without is left out."""


def job_facts(job: Progress) -> dict[str, Any]:
    """Return what programs are told of a job."""
    from msgspec import to_builtins

    facts = {**to_builtins(job, str_keys=True), "left_s": job.left_s}
    return {name: value for name, value in facts.items() if name not in {"request", "type"}}


def job_table(jobs: Sequence[Progress], width: int) -> RenderableType:
    """Return jobs as a table, and below it what is wrong with them.

    Parameters
    ----------
    jobs
        Jobs to show, at least one.
    width
        Width of the terminal, in columns.
    """
    from rich.console import Group

    ids = short_ids([job.job for job in jobs])
    is_wide = width >= _NARROW
    table = plain_table()
    table.add_column("job", no_wrap=True)
    table.add_column("movie", overflow="fold")
    table.add_column("state", no_wrap=True)
    for heading in ("done", "frames/s", "left", "found", "failed") if is_wide else ("done", "left", "failed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for job in jobs:
        figures = _figures(job)
        shown = figures if is_wide else (figures[0], figures[2], figures[4])
        table.add_row(ids[job.job], printable(Path(job.movie).name), job.state, *shown)
    return Group(table, *(line for job in jobs for line in _remarks(ids[job.job], job)))


def plain_table() -> Table:
    """Return a table without lines, that shows text as it is."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def _figures(job: Progress) -> tuple[str, ...]:
    took = duration(job.elapsed_s) if job.is_over else None
    left = duration(job.left_s) if job.left_s is not None else "-"
    rate = (job.n_done - job.n_resumed) / job.elapsed_s if took and job.elapsed_s > 0 else job.rate
    return (
        f"{100 * job.n_done // max(1, job.n_frames)} %",
        f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}",
        f"took {took}" if took else left,
        f"{job.n_items}",
        f"{job.n_failed}",
    )


def _remarks(job_id: str, job: Progress) -> list[RenderableType]:
    from rich.text import Text

    lines = [f"paused: {job.reason}"] if job.state == "paused" else []
    lines += job.notes
    lines += [f"frame {frame} failed: {error}" for frame, error in list(job.failures.items())[:N_FAILURES]]
    if job.n_failed > N_FAILURES:
        lines.append(f"and {job.n_failed - N_FAILURES} more frames failed")
    return [Text(f"{job_id}  {printable(line)}", style="yellow", overflow="fold") for line in lines]
