from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pointillist.pipeline_files.results.reader import read_results
from pointillist.supervision.kernel_cache import fill_cache
from pointillist.supervision.numba_options import NUMBA_VARIABLE, for_workers

HEAVY = ("numba", "scipy", "tables", "h5py", "matplotlib", "zmq", "zeroconf", "numpy")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tests' kernels."""
    folder = fill_cache(for_workers(os.environ), print)
    copy = tmp_path_factory.mktemp("cache") / folder.name
    shutil.copytree(folder, copy)
    return copy


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a user who has no server."""
    folders = {"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", NUMBA_VARIABLE: "cache"}
    return {**os.environ, **{name: str(tmp_path / folder) for name, folder in folders.items()}}


def run(environment: Mapping[str, str], name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = f"from pointillist.cli.main import {name} as run; run()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False, timeout=250)


def damage(folder: Path) -> None:
    """Empty some files, and take the second half, or the last byte, of others."""
    for path, share in zip(sorted(folder.rglob("*.nb?")), itertools.cycle([0.0, 0.5, 0.999]), strict=False):
        os.truncate(path, int(share * path.stat().st_size))


def test_help_imports_nothing_that_takes_long() -> None:
    code = (
        "import sys; from pointillist.cli.main import analyse\n"
        "try: analyse()\n"
        f"finally: print(*(set({HEAVY!r}) & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "Localize the molecules of a movie" in done.stdout
    assert done.stderr.split() == []


def test_a_server_without_a_job_and_a_client_need_no_compiler_and_a_worker_no_writer() -> None:
    rooms = {
        "pointillist.pipeline_server.service": "numba",
        "pointillist.pipeline_files.preparation": "numba",
        "pointillist.pipeline_worker.tasks.fit": "tables",
    }
    for room, heavy in rooms.items():
        code = f"import sys, {room}; sys.exit({heavy!r} in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, (room, heavy)


def test_a_worker_loads_its_kernels_without_linear_algebra() -> None:
    code = (
        "import sys; from pointillist.supervision.warm_up import load_kernels; load_kernels()\n"
        "assert 'scipy.linalg' not in sys.modules\n"
        "import scipy.linalg"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_damaged_cache_heals_itself(tmp_path: Path, environment: dict[str, str], filled: Path) -> None:
    shutil.copytree(filled, tmp_path / "cache" / "pointillist" / filled.name)
    damage(tmp_path / "cache")
    movie, results = tmp_path / "movie.h5", tmp_path / "movie.h5r"
    simulated = run(environment, "pointillist", "simulate", movie, "--frames", "60", "--size", "64", "--emitters", "4")
    assert simulated.returncode == 0, simulated.stderr
    done = run(environment, "analyse", movie, "-o", results, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiling kernels") == 1
    assert read_results(results).is_complete
