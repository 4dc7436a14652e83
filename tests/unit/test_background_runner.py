from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import deflate
import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, Pack
from pointillist.pipeline_files.backgrounds.preparation import background_layout, prepare_background
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_worker.tasks.background import BackgroundRunner
from pointillist.pipeline_worker.tasks.kind import BlockedError
from pointillist.settings.encoding import job_settings, read_settings
from pointillist.settings.typed_settings import BackgroundSettings

N_FRAMES, SHAPE = 60, (9, 11)
FRAMES = np.random.default_rng(2).integers(0, 500, (N_FRAMES, *SHAPE)).astype(np.uint16)
METHODS = ("mean:b=-10^e=0", "percentile:b=-5^e=5^p=0.3", "rollmed:k=9", "rollmed:k=8^d=1", "sparsemed:k=7^i=12")

methods = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    np.save(tmp_path / "movie.npy", FRAMES)
    return tmp_path / "movie.npy"


def spec_of(path: Path, method: str, *, is_mapped: bool = False) -> JobSpec:
    with open_movie(path) as movie:
        settings = prepare_background(movie, None, [f"Analysis.Background={method}"], is_mapped=is_mapped)
        identity = movie.identity
    return JobSpec(
        job="j",
        kind="background",
        movie=str(path),
        identity=identity,
        n_frames=N_FRAMES,
        settings=job_settings(settings, "background"),
        output="o",
    )


def layout_of(spec: JobSpec) -> ImageLayout:
    with open_movie(spec.movie) as movie:
        return background_layout(read_settings(spec.settings, BackgroundSettings), movie)


def images_of(spec: JobSpec, *cuts: int) -> list[NDArray[Any] | None]:
    layout, found = layout_of(spec), list[NDArray[Any] | None]()
    runner = BackgroundRunner(spec)
    for start, stop in itertools.pairwise([0, *cuts, N_FRAMES]):
        runner.prepare(start, stop)
        result, buffers = runner.compute(start, stop)
        pack = Pack.from_buffers(buffers)
        assert result.n_items == len(pack.chunks)
        assert len(pack.frames) == stop - start
        assert set(result.seconds) == {"read", "background"}
        for row in pack.frames:
            found.append(None if row["image"] < 0 else image(layout, pack.chunks[row["image"]]) + row["offset"])
    runner.close()
    return found


def image(layout: ImageLayout, chunk: bytes | memoryview) -> NDArray[Any]:
    planes = np.frombuffer(deflate.zlib_decompress(chunk, layout.image_bytes), np.uint8)
    return planes.reshape(layout.dtype.itemsize, -1).T.copy().view(layout.dtype).reshape(SHAPE[::-1]).T


@methods
@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_background_does_not_depend_on_how_the_movie_is_cut(movie: Path, method: str, is_mapped: bool) -> None:  # noqa: FBT001
    spec = spec_of(movie, method, is_mapped=is_mapped)
    for whole, cut in zip(images_of(spec), images_of(spec, 1, 7, 30, 31), strict=True):
        np.testing.assert_array_equal(whole, cut)


@methods
def test_mapped_or_not_a_frame_has_the_same_background(movie: Path, method: str) -> None:
    own, mapped = images_of(spec_of(movie, method)), images_of(spec_of(movie, method, is_mapped=True))
    for one, other in zip(own, mapped, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mean_is_that_of_the_frames_before(movie: Path) -> None:
    found = images_of(spec_of(movie, "mean:b=-10^e=0"))
    assert found[0] is None
    assert found[25] is not None
    np.testing.assert_allclose(found[25], FRAMES[15:25].mean(axis=0), rtol=1e-6)


def test_the_movies_own_median_of_an_upper_rank_keeps_the_movies_type(movie: Path) -> None:
    spec = spec_of(movie, "rollmed:k=8^d=1")
    assert layout_of(spec).dtype == np.uint16
    np.testing.assert_array_equal(images_of(spec)[20], np.sort(FRAMES[20:28], axis=0)[4])
    assert layout_of(spec_of(movie, "rollmed:k=9")).dtype == np.float32


@pytest.mark.parametrize("method", ["none", "copy", "sparsemed"])
def test_a_method_that_gives_no_background_here_is_refused(movie: Path, method: str) -> None:
    with pytest.raises(SettingError):
        spec_of(movie, method)


def test_a_movie_that_is_gone_blocks_the_job(movie: Path) -> None:
    spec = spec_of(movie, "mean")
    runner = BackgroundRunner(spec)
    movie.unlink()
    with pytest.raises(BlockedError, match="no such file"):
        runner.compute(0, 5)
    runner.close()
    with pytest.raises(BlockedError):
        BackgroundRunner(spec)
