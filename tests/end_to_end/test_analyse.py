"""``analyse`` as a user runs it: real processes, real files, real signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from waiting import PATIENCE_S, eventually

from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5

BIN = Path(sys.executable).parent
SLOW = ("-s", "Analysis.DetectionThreshold=0.5", "--workers", "2")  # hundreds of fits in a frame


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [str(BIN / "analyse"), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def run(*arguments: object) -> str:
    process = start(*arguments)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out


def rows_of(path: Path) -> NDArray[np.void]:
    with h5py.File(path) as file:
        rows: NDArray[np.void] = file["FitResults"][:]
    return rows


def has_answers(results: Path) -> bool:
    journal = results.with_suffix(".journal")
    return journal.exists() and journal.stat().st_size > 20_000


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc to find the workers")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split()}
    return [pid for pid, command in commands.items() if b"pipeline_worker" in command]


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "movie.h5"
    options = ["--size", "128", "--emitters", "8", "--frames", "1500", "--seed", "3"]
    command = [str(BIN / "pointillist"), "simulate", str(path), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def undisturbed(movie: Path, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.void]:
    results = tmp_path_factory.mktemp("undisturbed") / "out.h5r"
    run(movie, "-o", results, *SLOW)
    return rows_of(results)


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "out.h5r"
    yield path
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.h5r"]  # no journal, no partial file


def test_a_killed_worker_changes_nothing(movie: Path, results: Path, undisturbed: NDArray[np.void]) -> None:
    process = start(movie, "-o", results, *SLOW)
    assert eventually(lambda: has_answers(results))
    os.kill(workers_of(process)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert rows_of(results).tobytes() == undisturbed.tobytes()
    assert "localizations" in out


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_the_same_command_goes_on_after_analyse_was_ended(
    movie: Path, results: Path, undisturbed: NDArray[np.void], sent: signal.Signals, status: int
) -> None:
    process = start(movie, "-o", results, *SLOW)
    assert eventually(lambda: has_answers(results))
    process.send_signal(sent)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == status
    assert not results.exists()
    size = results.with_suffix(".journal").stat().st_size
    assert size > 20_000

    again = () if sent is signal.SIGKILL else ("--resume",)
    run(movie, "-o", results, *SLOW, *again)
    assert rows_of(results).tobytes() == undisturbed.tobytes()


def test_every_process_being_killed_at_once_loses_nothing(
    movie: Path, results: Path, undisturbed: NDArray[np.void]
) -> None:
    process = start(movie, "-o", results, *SLOW)
    assert eventually(lambda: has_answers(results))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in [*map(int, children), process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    run(movie, "-o", results, *SLOW)
    assert rows_of(results).tobytes() == undisturbed.tobytes()


def test_one_worker_writes_the_file_that_two_write(movie: Path, results: Path, undisturbed: NDArray[np.void]) -> None:
    run(movie, "-o", results, *SLOW[:2], "--workers", "1")
    assert rows_of(results).tobytes() == undisturbed.tobytes()


def test_resume_without_anything_to_resume_is_an_error(movie: Path, tmp_path: Path) -> None:
    process = start(movie, "-o", tmp_path / "out.h5r", "--resume")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "resume" in err
    assert len(err.strip().splitlines()) == 1


def test_results_go_where_pyme_puts_them_and_nothing_is_overwritten(
    movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path))
    first, second = run(movie), run(movie)
    folders = list(tmp_path.glob("*/analysis/*"))
    assert len(folders) == 1
    assert folders[0].name == movie.parent.name
    assert sorted(path.name for path in folders[0].iterdir()) == ["movie.h5r", "movie_1.h5r"]
    assert "movie.h5r" in first
    assert "movie_1.h5r" in second


def test_the_real_movie_gives_the_same_rows_from_a_tiff_and_from_a_pyme_file(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "egfp_tirf"
    for name in ("egfp_tirf.tif", "egfp_tirf.json"):
        shutil.copy(source / name, tmp_path)
    with open_movie(tmp_path / "egfp_tirf.tif") as movie:
        assert (movie.n_frames, *movie.frame_shape) == (750, 135, 135)
        blocks = (movie.read(start, start + 150) for start in range(0, 750, 150))
        write_pyme_h5(tmp_path / "egfp_tirf.h5", blocks, movie.metadata)
    (tmp_path / "egfp_tirf.json").rename(tmp_path / "kept.json")
    settings = ("-s", "Analysis.BGRange=0:0", "-s", "Analysis.DetectionThreshold=1.5")
    run(tmp_path / "egfp_tirf.h5", "-o", tmp_path / "h5.h5r", *settings)
    (tmp_path / "kept.json").rename(tmp_path / "egfp_tirf.json")
    run(tmp_path / "egfp_tirf.tif", "-o", tmp_path / "tif.h5r", *settings)

    rows = rows_of(tmp_path / "tif.h5r")
    assert rows.tobytes() == rows_of(tmp_path / "h5.h5r").tobytes()
    assert 13 <= np.median(np.bincount(rows["tIndex"], minlength=750)) <= 32
    good = rows[rows["resultCode"] == 1]["fitResults"]
    assert len(good) > 0.9 * len(rows)
    assert 0.6 * 160 < np.median(good["sigma"]) < 0.9 * 160
    assert np.quantile(good["x0"], [0.001, 0.999]) == pytest.approx([0.5 * 134 * 160] * 2, abs=0.5 * 135 * 160)
