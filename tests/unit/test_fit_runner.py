from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.localizations import LOCALIZATION_DTYPE
from pointillist.fitting.localizer import localize
from pointillist.pipeline_files.maps.camera import camera_model
from pointillist.pipeline_files.movies.movie import MovieFile, open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_worker import movie_reader
from pointillist.pipeline_worker.tasks.fit import FitRunner
from pointillist.pipeline_worker.tasks.kind import BlockedError
from pointillist.settings.encoding import job_settings, read_settings
from pointillist.settings.typed_settings import AnalysisSettings

N_FRAMES = 60
SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100", "Analysis.BGRange=-10:0"),
]


def frames() -> NDArray[np.uint16]:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:24, :24]
    movie = rng.poisson(20.0, (N_FRAMES, 24, 24)).astype(np.float64)
    for frame in range(0, N_FRAMES, 2):
        at_x, at_y = rng.uniform(7, 17, 2)
        movie[frame] += rng.poisson(200.0 * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / 3.4))
    return (100 + movie).astype(np.uint16)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    np.save(tmp_path / "movie.npy", frames())
    return tmp_path / "movie.npy"


def spec_of(path: Path, settings: list[str] | None = None) -> JobSpec:
    with open_movie(path) as movie:
        known, _ = prepare(movie, None, settings or SETTINGS)
        return JobSpec(
            job="j",
            kind="fit",
            movie=str(path),
            identity=movie.identity,
            n_frames=movie.n_frames,
            settings=job_settings(known),
            output="o",
        )


def rows_of(runner: FitRunner, start: int, stop: int) -> NDArray[np.void]:
    runner.prepare(start, stop)
    result, buffers = runner.compute(start, stop)
    rows = np.frombuffer(buffers[0], LOCALIZATION_DTYPE)
    assert result.n_items == len(rows)
    return rows


@pytest.mark.parametrize("background", ["mean:b=-10", "rollmed:k=9", "percentile:b=-10^e=3", "sparsemed:k=8^i=10"])
@pytest.mark.parametrize("block_bytes", [1, 7 * 1152, movie_reader.BLOCK_BYTES])
def test_a_frame_that_the_movie_lacks_fails_alone_and_is_in_no_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, background: str
) -> None:
    monkeypatch.setattr(movie_reader, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(movie_reader, "_BLOCK_FRAMES", 1)
    with_nan = frames().astype(np.float32)
    with_nan[20] = np.nan
    np.save(tmp_path / "nan.npy", with_nan)
    with tifffile.TiffWriter(tmp_path / "lost.tif") as writer:
        for frame in frames():
            writer.write(frame, metadata=None, contiguous=False, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "lost.tif") as file:
        place = file.pages[20].aspage().tags["StripOffsets"].valueoffset
    with (tmp_path / "lost.tif").open("r+b") as stream:
        stream.seek(place)
        stream.write(bytes(4))
    settings = [*SETTINGS, f"Analysis.Background={background}"]
    lost, expected = (FitRunner(spec_of(tmp_path / name, settings)) for name in ("lost.tif", "nan.npy"))
    for start, stop in [(0, 60), (19, 22), (20, 21), (21, 40), (5, 20)]:
        np.testing.assert_array_equal(rows_of(lost, start, stop), rows_of(expected, start, stop))
    assert list(lost.compute(15, 25)[0].failures) == [20]
    assert "frame 20 (page 20 of lost.tif) has no data" in lost.compute(20, 21)[0].failures[20]
    lost.close()
    expected.close()


@pytest.mark.parametrize("background", ["mean:b=-10", "rollmed:k=9", "percentile:b=-10^e=3", "sparsemed:k=8^i=10"])
@pytest.mark.parametrize("block_bytes", [1, 7 * 1152, movie_reader.BLOCK_BYTES])
def test_any_order_and_cutting_gives_the_rows_of_the_whole(
    movie: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, background: str
) -> None:
    monkeypatch.setattr(movie_reader, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(movie_reader, "_BLOCK_FRAMES", 1)
    spec = spec_of(movie, [*SETTINGS, f"Analysis.Background={background}"])
    known = read_settings(spec.settings, AnalysisSettings)
    settings, camera = known.fit, camera_model(known.camera, (24, 24), movie.parent)
    block = BlockReader(lambda start, stop: frames()[start:stop], N_FRAMES, settings).block(0, N_FRAMES)
    whole = localize(block, 0, N_FRAMES, camera, settings).rows
    assert len(whole) > 20
    runner = FitRunner(spec)
    ranges = [(0, 7), (7, 8), (8, 30), (55, 60), (40, 55), (30, 40)]
    parts = {start: rows_of(runner, start, stop) for start, stop in ranges}
    runner.close()
    assert np.concatenate([parts[start] for start in sorted(parts)]).tobytes() == whole.tobytes()


def test_frames_of_the_window_are_read_once(movie: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[int, int]] = []
    original = MovieFile.read

    def spy(self: MovieFile, start: int, stop: int, out: NDArray[np.uint16]) -> NDArray[np.uint16]:
        if start < stop:
            read.append((start, stop))
        return original(self, start, stop, out)

    runner = FitRunner(spec_of(movie))
    monkeypatch.setattr(MovieFile, "read", spy)
    for start in range(0, N_FRAMES, 20):
        rows_of(runner, start, start + 20)
    rows_of(runner, 5, 10)
    runner.close()
    assert read == [(0, 20), (20, 40), (40, 60), (0, 10)]


def test_it_says_what_each_stage_took(movie: Path) -> None:
    runner = FitRunner(spec_of(movie))
    seconds = runner.compute(0, 10)[0].seconds
    runner.close()
    assert set(seconds) == {"read", "fit"}
    assert min(seconds.values()) > 0.0


def test_a_movie_that_vanishes_blocks_the_job(movie: Path) -> None:
    runner = FitRunner(spec_of(movie))
    movie.unlink()
    with pytest.raises(BlockedError, match=r"movie\.npy: there is no such file"):
        rows_of(runner, 0, 10)
    runner.close()


def test_a_movie_that_becomes_another_one_blocks_the_job(movie: Path) -> None:
    runner = FitRunner(spec_of(movie))
    np.save(movie, frames()[::-1])
    with pytest.raises(BlockedError, match="has changed since the job was submitted"):
        rows_of(runner, 0, 10)
    runner.close()


def test_a_movie_that_was_merely_touched_goes_on(movie: Path) -> None:
    runner = FitRunner(spec_of(movie))
    os.utime(movie, (1.0, 1.0))
    assert len(rows_of(runner, 0, 10))
    runner.close()


def test_another_movie_than_submitted_blocks_the_job(movie: Path) -> None:
    spec = spec_of(movie)
    np.save(movie, frames()[::-1])
    with pytest.raises(BlockedError, match="has changed since the job was submitted"):
        FitRunner(spec)


def test_frames_that_cannot_be_read_are_the_fault_of_their_range_alone(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: MovieFile, start: int, stop: int, _: NDArray[np.uint16]) -> NDArray[np.uint16]:
        raise MovieError(self.path, f"frames {start} to {stop} cannot be read", "copy it again")

    runner = FitRunner(spec_of(movie))
    with monkeypatch.context() as patch:
        patch.setattr(MovieFile, "read", fail)
        with pytest.raises(MovieError, match="frames 0 to 10"):
            rows_of(runner, 0, 10)
    assert len(rows_of(runner, 0, 10))
    runner.close()


def test_a_map_that_has_changed_blocks_the_job(movie: Path) -> None:
    dark = movie.with_name("dark.npy")
    np.save(dark, np.full((24, 24), 100.0, np.float32))
    spec = spec_of(movie, [*SETTINGS, f"Camera.DarkMapID={dark}"])
    np.save(dark, np.full((24, 24), 90.0, np.float32))
    with pytest.raises(BlockedError, match=r"Camera\.DarkMapID"):
        FitRunner(spec)


def test_memory_does_not_grow_with_the_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "movie.npy"
    np.save(path, np.full((4000, 24, 24), 100, np.uint16))
    monkeypatch.setattr(movie_reader, "BLOCK_BYTES", 100 * 1152)
    runner = FitRunner(spec_of(path))
    rows_of(runner, 0, 10)
    tracemalloc.start()
    rows_of(runner, 0, 4000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    runner.close()
    assert peak < 4000 * 1152 / 2
