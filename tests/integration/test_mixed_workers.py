"""Workers whose kernels are really of another build, and kernels that vanish, with processes as users have them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.pipeline_files.results.reader import read_results
from pointillist.supervision.kernel_cache import fill_cache
from pointillist.supervision.numba_options import NUMBA_VARIABLE, for_workers

OTHER_CODE = {"NUMBA_OPT": "1"}
N_FRAMES = 1500
_WAIT_S = 250.0


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A user's machine: a folder with a movie, and an environment."""

    folder: Path
    environment: dict[str, str]

    def start(self, name: str, *arguments: object, **more: str) -> subprocess.Popen[str]:
        code = f"from pointillist.cli.main import {name} as run; run()"
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=self.environment | more,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, name: str, *arguments: object, **more: str) -> tuple[int, str]:
        with self.start(name, *arguments, **more) as process:
            printed, _ = process.communicate(timeout=_WAIT_S)
        return process.returncode, printed

    def analyse(self, output: str, *options: object, **more: str) -> str:
        status, printed = self.run("analyse", "movie.h5", "-o", output, *options, **more)
        assert status == 0, printed
        return printed

    def rows(self, output: str) -> NDArray[np.void]:
        return read_results(self.folder / output).rows

    def status(self) -> dict[str, Any]:
        status, printed = self.run("pointillist", "status", "--json")
        found: dict[str, Any] = json.loads(printed) if status == 0 else {"workers": []}
        return found

    def journal_of(self, output: str) -> Path:
        return (self.folder / output).with_suffix(".journal")

    @contextmanager
    def workers(self, *arguments: object, **more: str) -> Iterator[None]:
        process = self.start("launch_workers", *arguments, **more)
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    homes = {f"XDG_{name}_HOME": str(folder / name) for name in ("STATE", "CONFIG")}
    lab = Lab(folder=folder, environment={**os.environ, **homes, "PYMEDATADIR": str(folder), "COLUMNS": "200"})
    scene = ("--frames", N_FRAMES, "--size", 96, "--emitters", 20, "--seed", 4)
    status, printed = lab.run("pointillist", "simulate", "movie.h5", *scene)
    assert status == 0, printed
    lab.analyse("reference.h5r", "--engine", "local", "--workers", 1)
    return lab


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)


def begin(lab: Lab, output: str, *options: object, **more: str) -> subprocess.Popen[str]:
    """Return an analysis of which some rows are safe."""
    process = lab.start("analyse", "movie.h5", "-o", output, "--engine", "local", *options, **more)
    journal = lab.journal_of(output)
    wait_until(lambda: process.poll() is not None or (journal.exists() and journal.stat().st_size > 50_000))
    assert process.poll() is None, process.communicate()
    return process


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    children += [
        child
        for task in Path(f"/proc/{process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [int(pid) for pid in set(children) if b"pipeline_worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_kernels_that_vanish_are_compiled_again_and_the_rows_are_the_same(lab: Lab, tmp_path: Path) -> None:
    kernels = fill_cache(for_workers(lab.environment), print)
    shutil.copytree(kernels, tmp_path / "kernels" / "pointillist" / kernels.name)
    process = begin(lab, "vanished.h5r", "--workers", 2, **{NUMBA_VARIABLE: str(tmp_path / "kernels")})
    process.send_signal(signal.SIGSTOP)  # what is killed is not replaced before the kernels are gone
    (tmp_path / "kernels").rename(tmp_path / "gone")  # at once: workers are at it
    for worker in workers_of(process):
        os.kill(worker, signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    printed, _ = process.communicate(timeout=_WAIT_S)
    assert process.returncode == 0, printed
    assert printed.count("compiling kernels, once") == 1
    assert "workers compile kernels" in printed
    assert lab.rows("vanished.h5r").tobytes() == lab.rows("reference.h5r").tobytes()


@pytest.fixture(scope="module")
def other_code(lab: Lab) -> dict[str, str]:
    """Options of numba, whose kernels are compiled."""
    fill_cache(for_workers(lab.environment) | OTHER_CODE, print)
    return OTHER_CODE


def test_workers_of_another_build_get_no_frames_unless_the_user_lets_them(lab: Lab, other_code: dict[str, str]) -> None:
    with ExitStack() as stack:
        stack.enter_context(lab.workers(2))
        wait_until(lambda: [one["health"] for one in lab.status()["workers"]] == ["idle"] * 2)
        (own,) = {one["build"] for one in lab.status()["workers"]}
        stack.enter_context(lab.workers(1, "--no-server", **other_code))
        wait_until(lambda: len({one["build"] for one in lab.status()["workers"]} - {""}) == 2)
        printed = lab.analyse("apart.h5r", "--engine", "cluster")
        assert "get no frames of this analysis" in printed
        assert lab.rows("apart.h5r").tobytes() == lab.rows("reference.h5r").tobytes()
        assert {one["n_frames"] > 0: one["build"] == own for one in lab.status()["workers"]} == {
            True: True,
            False: False,
        }
        assert "2 kinds" in lab.run("pointillist", "status")[1]
        printed = lab.analyse("mixed.h5r", "--engine", "cluster", "--mixed-workers")
        assert "get no frames" not in printed
        assert all(one["n_frames"] > 0 for one in lab.status()["workers"])
    mixed, reference = lab.rows("mixed.h5r"), lab.rows("reference.h5r")
    assert mixed.tobytes() != reference.tobytes()  # or the builds would not be others
    assert np.abs(mixed["x"] - reference["x"]).max() < 1e-2


def test_what_one_build_began_another_one_does_not_finish(lab: Lab, other_code: dict[str, str]) -> None:
    process = begin(lab, "begun.h5r", "--workers", 1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=_WAIT_S)
    size = lab.journal_of("begun.h5r").stat().st_size
    status, printed = lab.run("analyse", "movie.h5", "-o", "begun.h5r", "--engine", "local", **other_code)
    assert status == 1
    assert "paused: the results so far differ in the last digits" in printed
    assert "--mixed-workers" in printed
    assert lab.journal_of("begun.h5r").stat().st_size == size
    lab.analyse("begun.h5r", "--engine", "local")
    assert lab.rows("begun.h5r").tobytes() == lab.rows("reference.h5r").tobytes()


@pytest.mark.parametrize(
    "spoiling",
    [
        {"PYTHONOPTIMIZE": "2"},
        {"NUMBA_NUM_THREADS": "0"},
        {"NUMBA_NUM_THREADS": "many"},
        {"NUMBA_DISABLE_JIT": "1"},
        {"NUMBA_CACHE_LOCATOR_CLASSES": "InTreeCacheLocator"},
        {"NUMBA_THREADING_LAYER": "no such layer"},
    ],
    ids=lambda spoiling: "=".join(next(iter(spoiling.items()))),
)
def test_what_a_user_has_set_for_other_programs_spoils_nothing(lab: Lab, spoiling: dict[str, str]) -> None:
    output = f"spoiled{'-'.join(spoiling)}{'-'.join(spoiling.values())}.h5r".replace(" ", "")
    printed = lab.analyse(output, "--engine", "local", **spoiling)
    assert "compiling" not in printed
    assert "Warning" not in printed
    assert lab.rows(output).tobytes() == lab.rows("reference.h5r").tobytes()
