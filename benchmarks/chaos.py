"""A cluster under faults: rows lost, rows doubled, and how long it takes to recover.

    python benchmarks/chaos.py [--minutes 5] [--seed 1]

Five machines in network namespaces (so it wants root): a server on a small disk, three machines with four workers, one
of which does not see the movie and one of which reaches the server through a relay, and a machine of two users, whose
analyses follow one another. The fits are real, slowed down so that there is always something under way. Meanwhile fault
follows fault, sometimes two at once; the seed deals their kinds, their victims and their lengths. Each results file
must be, row by row, that of an undisturbed run without a cluster.

A recovery is the time until frames are safe again, among them all that were in the hands of workers that were hit; it
begins with the fault, or with its end where nothing can go on before. The kernel here has no ``tc netem``: messages are
held up and lost by a relay that is stopped or killed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from disturbance import Disturbance, StalledError
from disturbed_cluster import disturbed_cluster
from faults import FAULTS
from network import lacking

N_FRAMES = 3000
SECONDS_PER_FRAME = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="of faults")
    parser.add_argument("--seed", type=int, default=1, help="of what happens, and when")
    options = parser.parse_args(arguments)
    reason = lacking()
    if reason is not None:
        print(f"chaos is left out: {reason}")
        return 0
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        disturbed_cluster(Path(folder), N_FRAMES, SECONDS_PER_FRAME) as cluster,
    ):
        disturbance = Disturbance(cluster, options.seed)
        try:
            disturbance.run(60.0 * options.minutes)
        except StalledError as error:
            print(f"{error}\n{cluster.logs()}")
        return report(disturbance, options.minutes)


def report(disturbance: Disturbance, minutes: float) -> int:
    """Print what has happened; return whether something went wrong."""
    verdict, recoveries = disturbance.cluster.verdict, disturbance.recoveries
    table = Table("fault", "injected", "median recovery, s", "longest, s", box=MARKDOWN)
    for name in [fault.name for fault in FAULTS if fault.name in recoveries]:
        times = recoveries[name]
        table.add_row(name, str(len(times)), f"{statistics.median(times):.1f}", f"{max(times):.1f}")
    every = [time for times in recoveries.values() for time in times]
    table.add_row("all", str(len(every)), f"{statistics.median(every):.1f}", f"{max(every):.1f}")
    Console(width=120).print(table)
    print(f"seed {disturbance.seed}, {minutes:g} minutes, {verdict.n_analyses} analyses, {verdict.n_rows} rows")
    print(f"longest recovery: {disturbance.slowest[0]:.1f} s, after {disturbance.slowest[1]}")
    print(f"rows lost: {verdict.n_lost}, rows doubled: {verdict.n_doubled}")
    print(f"commands that ended with a line that says what to do: {len(verdict.told)}")
    for line in [*sorted(set(verdict.told)), *verdict.complaints]:
        print(f"  {line}")
    return int(disturbance.is_stalled or bool(verdict.n_lost or verdict.n_doubled or verdict.complaints))


if __name__ == "__main__":
    sys.exit(main())
