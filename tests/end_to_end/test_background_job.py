"""``pointillist background`` as a user runs it: real processes, real files, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import PATIENCE_S, eventually

from pointillist.pipeline_files.movies.movie import open_movie

BIN = Path(sys.executable).parent
WINDOW = ("-s", "Analysis.BGRange=-10:0")


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [str(BIN / "pointillist"), "background", *map(str, arguments), *WINDOW]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def run(*arguments: object) -> str:
    process = start(*arguments)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out


def images_of(path: Path) -> NDArray[np.float32]:
    with open_movie(path) as movie:
        return movie.read(0, movie.n_frames)


def has_answers(output: Path) -> bool:
    journal = output.with_suffix(".journal")
    return journal.exists() and journal.stat().st_size > 1_000_000


def children_of(process: subprocess.Popen[str], room: str) -> list[int]:
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc to find the processes")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split()}
    return [pid for pid, command in commands.items() if room.encode() in command]


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "movie.npy"
    np.save(path, np.random.default_rng(0).integers(90, 110, (2000, 160, 180)).astype(np.uint16))
    return path


@pytest.fixture(scope="module")
def undisturbed(movie: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("undisturbed") / "out.h5"
    out = run(movie, "-o", output, "--workers", 1)
    assert "out.h5" in out
    raw, images = np.load(movie, mmap_mode="r"), images_of(output)
    assert np.isnan(images[0]).all()
    for frame in (1, 5, 500, 1999):
        np.testing.assert_allclose(images[frame], raw[max(0, frame - 10) : frame].mean(axis=0), rtol=1e-6)
    return output.read_bytes()


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "out.h5"
    yield path
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.h5"]  # no journal, no unfinished file


@pytest.mark.parametrize("room", ["pipeline_worker", "pipeline_server"])
def test_a_killed_worker_or_server_changes_nothing(movie: Path, output: Path, undisturbed: bytes, room: str) -> None:
    process = start(movie, "-o", output, "--workers", 2)
    assert eventually(lambda: has_answers(output))
    os.kill(children_of(process, room)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert output.read_bytes() == undisturbed


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_the_same_command_goes_on_after_it_was_ended(
    movie: Path, output: Path, undisturbed: bytes, sent: signal.Signals, status: int
) -> None:
    process = start(movie, "-o", output, "--workers", 2)
    assert eventually(lambda: has_answers(output))
    process.send_signal(sent)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status
    assert not output.exists()
    run(movie, "-o", output, "--workers", 2, *([] if sent is signal.SIGKILL else ["--resume"]))
    assert output.read_bytes() == undisturbed


def test_every_process_being_killed_at_once_loses_nothing(movie: Path, output: Path, undisturbed: bytes) -> None:
    process = start(movie, "-o", output, "--workers", 2)
    assert eventually(lambda: has_answers(output))
    for pid in [*children_of(process, "python"), process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    run(movie, "-o", output, "--workers", 2)
    assert output.read_bytes() == undisturbed
