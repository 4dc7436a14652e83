"""Workers, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pointillist.cli.console import printable
from pointillist.cli.job_table import plain_table

if TYPE_CHECKING:
    from rich.table import Table

    from pointillist.pipeline_protocol.messages import WorkerReport

MAX_WORKER_ROWS = 20
"""Workers, above which the machines are shown instead, and only those workers that do not work as they should."""


def worker_table(workers: Sequence[WorkerReport]) -> Table:
    """Return workers as a table."""
    table = _table(("machine", "pid", "core", "health", "frames/s", "frames"))
    for worker in workers:
        core = "-" if worker.core is None else str(worker.core)
        health = f"silent for {worker.silent_s:.0f} s" if worker.health == "silent" else worker.health
        row = (printable(worker.host), str(worker.pid), core, health, f"{worker.rate:.1f}", str(worker.n_frames))
        table.add_row(*row, style="yellow" if worker.health == "silent" else None)
    return table


def machine_table(workers: Sequence[WorkerReport]) -> Table:
    """Return the machines of many workers as a table."""
    table = _table(("machine", "workers", "health", "frames/s", "frames"))
    machines: dict[str, list[WorkerReport]] = {}
    for worker in workers:
        machines.setdefault(worker.host, []).append(worker)
    for host, those in sorted(machines.items()):
        figures = f"{sum(worker.rate for worker in those):.1f}", str(sum(worker.n_frames for worker in those))
        table.add_row(printable(host), str(len(those)), count_healths(those), *figures)
    return table


def count_healths(workers: Sequence[WorkerReport]) -> str:
    """Say how many workers are how."""
    counts = Counter(worker.health for worker in workers)
    return ", ".join(f"{n} {health}" for health, n in counts.most_common())


def _table(headings: Sequence[str]) -> Table:
    table = plain_table()
    for heading in headings:
        is_text = heading in {"machine", "health"}
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=heading != "machine")
    return table
