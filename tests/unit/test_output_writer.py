from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pointillist.fitting.localizations import LOCALIZATION_DTYPE, Rows
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.paths import journal_path, unfinished_path
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_files.results import writer as results_writer
from pointillist.pipeline_files.results.reader import read_results
from pointillist.pipeline_files.results.writer import ResultsWriter
from pointillist.pipeline_files.storage import DiskFullError
from pointillist.pipeline_protocol.messages import RangeResult
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_server.jobs.fit import plan_fit
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.records import JobEntry
from pointillist.settings.encoding import job_settings

N_FRAMES, N_RANGE, N_IN_FRAME = 400, 50, 20
STARTS = list(range(0, N_FRAMES, N_RANGE))
SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]


def rows_of(start: int) -> Rows:
    rows = np.zeros(N_RANGE * N_IN_FRAME, LOCALIZATION_DTYPE)
    for name in LOCALIZATION_DTYPE.names or ():
        rows[name] = np.random.default_rng(start).integers(1, 100, len(rows))
    rows["frame"] = np.repeat(np.arange(start, start + N_RANGE), N_IN_FRAME)
    return rows


class Job:
    """A job whose answers are at hand, and its file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        np.save(folder / "movie.npy", np.zeros((N_FRAMES, 16, 16), np.uint16))
        with open_movie(folder / "movie.npy") as movie:
            settings, _ = prepare(movie, None, SETTINGS)
            plan = plan_fit(movie, job_settings(settings))
        self.path = folder / "results.h5r"
        movie_path, output = str(folder / "movie.npy"), str(self.path)
        self.spec = JobSpec(
            job="j",
            kind="fit",
            movie=movie_path,
            identity="i",
            n_frames=N_FRAMES,
            settings=JobSettings(),
            output=output,
        )
        self.journal = Journal.create(journal_path(self.path), JobEntry(digest="d", spec=self.spec))
        self.output = plan.writer(self.path, self.journal)

    def answer(self, *starts: int) -> None:
        for start in starts:
            body = rows_of(start).tobytes()
            n_items = N_RANGE * N_IN_FRAME
            entry = RangeResult(
                start=start, stop=start + N_RANGE, n_items=n_items, failures={}, seconds={}, sizes=[len(body)]
            )
            self.journal.append_range(entry, [body])
        self.journal.sync()

    def finished(self) -> bytes:
        self.output.finish()
        rows = read_results(self.path).rows
        assert np.array_equal(rows["frame"], np.repeat(np.arange(N_FRAMES), N_IN_FRAME))
        assert [path.name for path in sorted(self.path.parent.iterdir())] == ["movie.npy", "results.h5r"]
        with self.path.open("rb") as file:
            return file.read()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results_writer, "_N_CHUNKS", 2)  # of 1213 rows each
    return tmp_path / "job"


@pytest.fixture
def undisturbed(folder: Path) -> bytes:
    job = Job(folder)
    job.answer(*STARTS)
    content = job.finished()
    shutil.rmtree(folder)  # the file says where its movie was
    return content


@pytest.fixture
def job(folder: Path) -> Job:
    return Job(folder)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def test_a_file_that_grew_is_the_one_that_is_written_at_once(undisturbed: bytes, folder: Path) -> None:
    job = Job(folder)
    sizes = [0]
    for start in STARTS[:-1]:
        job.answer(start)
        assert job.output.extend([start])
        assert job.output.extend([start])  # tried again, since the partial file was open elsewhere
        sizes.append(size(unfinished_path(job.path)))
    assert len(set(sizes)) > 3
    job.answer(STARTS[-1])
    assert job.finished() == undisturbed


def test_a_range_that_comes_after_those_that_follow_it_has_its_place(job: Job) -> None:
    job.answer(*STARTS[:2], *STARTS[3:])
    job.output.extend([*STARTS[:2], *STARTS[3:]])
    job.answer(STARTS[2])
    job.finished()


def test_a_file_that_somebody_has_deleted_is_made_anew(job: Job) -> None:
    job.answer(*STARTS)
    job.output.extend(STARTS)
    unfinished_path(job.path).unlink()
    job.finished()


def test_a_job_goes_on_without_a_file_that_there_is_no_room_for(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.answer(*STARTS)

    def full(*_: object) -> None:
        raise DiskFullError("disk", "is full", "make room")

    job.output.extend(STARTS[:3])
    with monkeypatch.context() as patch:
        patch.setattr(ResultsWriter, "extend", full)
        assert job.output.extend(STARTS[3:6])
    assert not unfinished_path(job.path).exists()
    assert job.output.extend(STARTS[6:])
    job.finished()


def test_nothing_is_left_of_a_job_that_was_stopped_but_what_it_goes_on_from(job: Job) -> None:
    job.answer(*STARTS)
    job.output.extend(STARTS)
    assert unfinished_path(job.path).exists()
    job.output.discard()
    assert not unfinished_path(job.path).exists()
    assert job.journal.starts() == STARTS
