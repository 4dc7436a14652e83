"""Workers that cannot open the files of a job, beside those that can: the rows are the same."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pipeline_files.movie import open_movie
from pipeline_files.preparation import prepare
from pipeline_files.write_movie import write_pyme_h5
from pipeline_files.write_stack import write_npy
from pipeline_protocol.client import Client
from pipeline_protocol.keys import ClusterKeys, ephemeral_keys
from pipeline_protocol.reports import Progress
from pipeline_worker.children import Lifelines, child_environment
from pipeline_worker.warm_up import load_kernels

DEADLINE_S = 120.0
SETTINGS = (
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100", "Analysis.BGRange=0:0"),
)
N_FRAMES = 150
EDGE = 48
Frames = NDArray[Any]


@pytest.fixture(scope="session")
def frames() -> Frames:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:EDGE, :EDGE]
    frames = rng.poisson(20.0, (N_FRAMES, EDGE, EDGE)).astype(np.float64)
    for number in range(N_FRAMES):
        for at_x, at_y in rng.uniform(7, EDGE - 7, (3, 2)):
            frames[number] += rng.poisson(200.0 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3.4))
    return (100 + frames).astype(np.uint16)


@dataclass
class Machines:
    """A server, and workers that live in homes of their own."""

    folder: Path
    keys: ClusterKeys = field(default_factory=ephemeral_keys)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lifelines = Lifelines()
        self.address = f"ipc://{self.folder / 'server'}"

    def start_server(self, *, allow: Path) -> None:
        state = ["--state", str(self.folder / "journals")]
        self._start("server", "pipeline_server", allow, state)

    def start_worker(self, name: str, *, allow: Path | None = None) -> None:
        self._start(name, "pipeline_worker", allow, [])

    def _start(self, name: str, module: str, allow: Path | None, options: Sequence[str]) -> None:
        home = self._home(name)
        environment = child_environment(self.keys, self.lifelines)
        del environment["PYTHONUNBUFFERED"]
        environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYMEDATADIR": ""}
        environment["POINTILLIST_LOGS"] = str(home)
        environment["POINTILLIST_ALLOW"] = str(allow) if allow else ""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-P", "-m", module, self.address, *options],
                env=environment,
                stdout=log,
                stderr=log,
                pass_fds=[self.lifelines.reader],
            )

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.lifelines.close()

    def client(self) -> Client:
        return Client(self.address, self.keys, timeout_s=60.0)

    def log(self, name: str) -> str:
        """What the workers of this name, or the server, have logged."""
        return "".join(path.read_text() for path in self._home(name).rglob("*.log"))

    def _home(self, name: str) -> Path:
        return self.folder / f"home of {name}"


@pytest.fixture
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    machines = Machines(tmp_path_factory.mktemp("m"))
    yield machines
    machines.close()


@pytest.fixture(scope="module")
def near_and_far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machines, Machines]]:
    """A server with a worker that opens all files, and one with a worker that opens none."""
    load_kernels()  # once, into the cache of all tests
    with contextlib.ExitStack() as stack:
        pair = tuple(Machines(tmp_path_factory.mktemp("m")) for _ in range(2))
        for machines in pair:
            stack.callback(machines.close)
            machines.start_server(allow=Path("/"))
        pair[0].start_worker("near", allow=Path("/"))
        pair[1].start_worker("far")
        yield pair[0], pair[1]


def submit(client: Client, movie: Path, output: Path, settings: Sequence[str] = SETTINGS, kind: str = "fit") -> str:
    with open_movie(movie) as opened:
        known, _ = prepare(opened, None, settings)
        return client.submit(str(movie), opened.identity, known, output=str(output), kind=kind)


def wait_for(client: Client, job: str, is_enough: Callable[[Progress], bool]) -> Progress:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        progress = client.progress(job)
        if is_enough(progress):
            return progress
        time.sleep(0.02)
    pytest.fail(f"timeout: {progress}")


def run(machines: Machines, movie: Path, output: Path, **more: Any) -> Progress:
    with machines.client() as client:
        return wait_for(client, submit(client, movie, output, **more), lambda progress: progress.is_over)


def content(path: Path) -> bytes:
    with h5py.File(path) as file:
        rows: NDArray[np.void] = file["FitResults"][:]
    assert len(rows) > N_FRAMES
    return rows.tobytes()


def assert_same_rows(pair: tuple[Machines, Machines], movie: Path, folder: Path, **more: Any) -> None:
    """Near and far workers write the same rows."""
    outputs = [folder / "near.h5r", folder / "far.h5r"]
    for machines, output in zip(pair, outputs, strict=True):
        assert run(machines, movie, output, **more).state == "finished"
    assert content(outputs[0]) == content(outputs[1])


def write_compressed_tiff(path: Path, frames: Frames) -> None:
    tifffile.imwrite(path, frames, photometric="minisblack", compression="zlib")


MOVIES: dict[str, Callable[[Path, Frames], object]] = {
    "zlib.h5": lambda path, frames: write_pyme_h5(path, [frames], {}),
    "plain.h5": lambda path, frames: write_pyme_h5(path, [frames], {}, is_compressed=False),
    "float.h5": lambda path, frames: write_pyme_h5(path, [frames.astype(np.float32)], {}),
    "a.tif": lambda path, frames: tifffile.imwrite(path, frames, photometric="minisblack"),
    "zlib.tif": write_compressed_tiff,
    "a.npy": lambda path, frames: write_npy(path, [frames], frames.shape, {}),
}


@pytest.mark.parametrize("name", MOVIES)
@pytest.mark.parametrize("background", ["0:0", "-30:0"])
def test_fetched_frames_give_the_rows_of_opened_ones(
    near_and_far: tuple[Machines, Machines], frames: Frames, tmp_path: Path, name: str, background: str
) -> None:
    MOVIES[name](tmp_path / name, frames)
    settings = [*SETTINGS, f"Analysis.BGRange={background}"]
    assert_same_rows(near_and_far, tmp_path / name, tmp_path, settings=settings)
    assert (tmp_path / name).name in near_and_far[1].log("far")
