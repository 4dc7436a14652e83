from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import ResultsError, SettingError
from pointillist.pipeline_files.backgrounds.file import write_background
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, Pack
from pointillist.pipeline_files.backgrounds.reader import BackgroundFile
from pointillist.pipeline_files.backgrounds.stored import copied_images, find_background
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.settings.metadata import Value
from pointillist.settings.typed_settings import copied_background

N_FRAMES, SHAPE = 20, (8, 10)
COPY: dict[str, Value] = {"Analysis.Background": "copy", "Analysis.BackgroundFile": "background.h5"}


def background(frame: int) -> NDArray[np.uint16]:
    return np.full(SHAPE, 100 + frame // 5, np.uint16)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    np.save(tmp_path / "movie.npy", np.zeros((N_FRAMES, *SHAPE), np.uint16))
    return tmp_path / "movie.npy"


def write(movie: Path, *, is_mapped: bool = True) -> Path:
    path = movie.with_name("background.h5")
    path.unlink(missing_ok=True)
    layout = ImageLayout(frame_shape=SHAPE, dtype=np.dtype("u2"), is_compressed=True, is_mapped=is_mapped)
    images = [(None, 0.0), *((background(frame), 0.5 * is_mapped) for frame in range(1, N_FRAMES))]
    with open_movie(movie) as opened:
        description = ResultsDescription.of(opened, {"Analysis.Background": "rollmed:k=5"})
    write_background(path, description, layout, [(0, Pack.of(layout, images))], {}, n_bytes=10_000)
    return path


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_range_of_frames_has_its_images_once(movie: Path, is_mapped: bool) -> None:  # noqa: FBT001 - pytest's
    with BackgroundFile(write(movie, is_mapped=is_mapped)) as file:
        about, found = file.about, file.images(0, 12)
    assert (about.method, about.movie_path, about.n_frames) == ("rollmed:k=5", str(movie), N_FRAMES)
    assert (about.frame_shape, about.is_mapped) == (SHAPE, is_mapped)
    assert len(found.images) == (3 if is_mapped else 11)
    assert found.of(0) is None
    for frame in range(1, 12):
        np.testing.assert_array_equal(found.of(frame), background(frame) + np.float32(0.5 * is_mapped))


def test_frames_beyond_the_end_are_refused(movie: Path) -> None:
    with BackgroundFile(write(movie)) as file, pytest.raises(ResultsError, match="has 20 frames"):
        file.images(15, 21)


def test_the_background_of_a_movie_is_found_beside_it(movie: Path) -> None:
    path = write(movie)
    with open_movie(movie) as opened:
        settings = {**COPY, **find_background(opened, COPY)}
        assert find_background(opened, {"Analysis.Background": "mean"}) == {}
    assert settings["Analysis.BackgroundFile"] == str(path)
    assert settings["Pointillist.CopiedBackground"] == "rollmed:k=5"
    with copied_images(copied_background(settings)) as images:
        assert images is not None
        assert images(3, 9).stop == 9
    with copied_images(copied_background({"Analysis.Background": "mean"})) as images:
        assert images is None


def test_the_background_of_another_movie_is_refused(movie: Path) -> None:
    write(movie)
    np.save(movie, np.ones((N_FRAMES, *SHAPE), np.uint16))
    with open_movie(movie) as opened, pytest.raises(SettingError, match="of another movie"):
        find_background(opened, COPY)


def test_a_background_that_has_changed_is_not_taken(movie: Path) -> None:
    write(movie)
    with open_movie(movie) as opened:
        settings = {**COPY, **find_background(opened, COPY)}
    write(movie, is_mapped=False)
    with pytest.raises(SettingError, match="has changed"), copied_images(copied_background(settings)):
        pass


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_what_is_no_background_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(ResultsError) as error:
        BackgroundFile(tmp_path / "a.h5")
    assert "\n" not in str(error.value)
