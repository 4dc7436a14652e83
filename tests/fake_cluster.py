"""A server and fake workers on this machine, and a movie to analyse, for tests of the service."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results.reader import Results, read_results
from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.security.keys import ClusterKeys, ephemeral_keys
from pointillist.settings.encoding import job_settings
from pointillist.supervision.process_supervisor import ProcessSupervisor

FAKE_WORKER = str(Path(__file__).parent / "integration" / "fake_worker.py")
N_FRAMES = 300
SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]


@dataclass
class Cluster:
    """A server and fake workers on this machine, and a movie to analyse."""

    folder: Path
    keys: ClusterKeys = field(default_factory=ephemeral_keys)
    news: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=lambda: list(SETTINGS))

    def __post_init__(self) -> None:
        self.movie = self.folder / "movie.npy"
        self.output = self.folder / "results.h5r"
        np.save(self.movie, np.random.default_rng(3).integers(90, 110, (N_FRAMES, 16, 16)).astype(np.uint16))
        self.supervisor: ProcessSupervisor
        self.address = ""

    @contextlib.contextmanager
    def running(self, n_workers: int = 2) -> Iterator[Client]:
        self.supervisor = ProcessSupervisor(self.keys, self.news.append)
        try:
            address = f"ipc://{self.folder / 'server'}"
            self.address = self.supervisor.start_server(address, ["--state", str(self.folder / "journals")])
            self.supervisor.start_workers(self.address, n_workers, [FAKE_WORKER])
            with Client(self.address, self.keys, check=self.supervisor.check) as client:
                yield client
        finally:
            self.supervisor.stop()

    def submit(self, client: Client, **more: Any) -> str:
        with open_movie(self.movie) as movie:
            settings, _ = prepare(movie, None, self.settings)
            identity = movie.identity
        return client.submit(str(self.movie), identity, job_settings(settings), **{"output": str(self.output), **more})

    def kill_all(self) -> None:
        """Kill everything as a power cut would."""
        self.supervisor._is_over.set()
        self.supervisor._thread.join()
        for child in self.supervisor._children:
            assert child.process is not None
            child.process.kill()
            child.process.wait()

    def results(self) -> Results:
        return read_results(self.output)


def order(monkeypatch: pytest.MonkeyPatch, **orders: object) -> None:
    monkeypatch.setenv("FAKE_ORDERS", json.dumps(orders))


def expected_frames(*without: int) -> list[int]:
    return [frame for frame in range(N_FRAMES) for _ in range(frame % 3) if frame not in without]
