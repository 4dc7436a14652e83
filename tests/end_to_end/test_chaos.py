"""Less than half a minute of faults; ``benchmarks/chaos.py`` goes on for longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from disturbance import Disturbance, StalledError, workers_in_sight
from disturbed_cluster import N_WORKERS, disturbed_cluster
from waiting import eventually

SEED = 515  # deals first a machine, the server, workers, the network and the disk
SECONDS = 25.0


def test_whatever_happens_to_machines_and_network_the_results_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    with disturbed_cluster(tmp_path, n_frames=1000, seconds_per_frame=0.02) as cluster:
        disturbance = Disturbance(cluster, SEED)
        try:
            verdict = disturbance.run(SECONDS)
        except StalledError as error:
            pytest.fail(f"{error}\n{cluster.logs()}")
        assert verdict.complaints == []
        assert (verdict.n_lost, verdict.n_doubled) == (0, 0)
        assert verdict.n_analyses >= len(cluster.users)
        assert eventually(lambda: workers_in_sight(cluster) == N_WORKERS), cluster.logs()
        assert list(cluster.users[0].movie.parent.glob("*.journal")) == []
