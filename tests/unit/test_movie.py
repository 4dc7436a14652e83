from __future__ import annotations

import contextlib
import os
import shutil
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.identity import data_file_id, identify
from pointillist.pipeline_files.movies.movie import open_movie

FRAMES = np.random.default_rng(0).integers(0, 4000, (5, 16, 12)).astype(np.uint16)


def save(path: Path) -> Path:
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["ImageData"] = FRAMES.transpose(0, 2, 1)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, FRAMES, photometric="minisblack")
    else:
        np.save(path, FRAMES)
    return path


@pytest.fixture(params=[".h5", ".tif", ".npy"])
def movie_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return save(tmp_path / f"movie{request.param}")


def test_all_formats_give_the_same_frames(movie_path: Path) -> None:
    with open_movie(movie_path) as movie:
        frames = movie.read(0, 5)
        assert frames.dtype == np.uint16
        assert frames.flags.c_contiguous
        assert frames.flags.writeable
        np.testing.assert_array_equal(frames, FRAMES)


def test_content_decides_and_not_the_name(movie_path: Path) -> None:
    renamed = movie_path.rename(movie_path.with_name("movie.dat"))
    with open_movie(str(renamed)) as movie:
        np.testing.assert_array_equal(movie.read(0, 5), FRAMES)


def test_an_empty_range_is_an_empty_array(movie_path: Path) -> None:
    with open_movie(movie_path) as movie:
        assert movie.read(5, 5).shape == (0, 16, 12)
        assert movie.read(0, 0).dtype == np.uint16


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (0, 6), (6, 6), (3, 2)])
def test_a_range_outside_the_movie_is_refused(movie_path: Path, start: int, stop: int) -> None:
    with open_movie(movie_path) as movie, pytest.raises(MovieError, match="has 5 frames"):
        movie.read(start, stop)


def test_identity_is_of_the_content_and_not_of_the_place(movie_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copy(movie_path, copy)
    with open_movie(movie_path) as movie, open_movie(copy) as same:
        assert movie.identity == same.identity
    with copy.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert identify([copy]) != identify([movie_path])


def test_a_missing_file_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(MovieError) as error:
        open_movie(tmp_path / "nowhere.h5")
    assert str(error.value) == f"{tmp_path}/nowhere.h5: there is no such file; check its name and folder"


def test_a_directory_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="is a folder; name a movie file"):
        open_movie(tmp_path)


def test_a_name_below_a_file_gets_one_line(movie_path: Path) -> None:
    with pytest.raises(MovieError):
        open_movie(movie_path / "below.h5")


@pytest.mark.parametrize("name", ["text.h5", "text.tif", "text.npy"])
@pytest.mark.parametrize(("content", "problem"), [("This is a text.\n", "is neither HDF5"), ("", "is empty")])
def test_what_is_no_movie_gets_one_line_whatever_its_name(
    tmp_path: Path, name: str, content: str, problem: str
) -> None:
    (tmp_path / name).write_text(content)
    os.utime(tmp_path / name, (0, 0))  # nobody is writing it
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / name)


def test_a_movie_that_vanishes_while_it_is_open_is_read_on_or_gets_one_line(movie_path: Path) -> None:
    with open_movie(movie_path) as movie:
        movie_path.unlink()
        with contextlib.suppress(MovieError):
            np.testing.assert_array_equal(movie.read(2, 4), FRAMES[2:4])
    with pytest.raises(MovieError, match="there is no such file"):
        open_movie(movie_path)


def test_a_movie_that_is_emptied_while_it_is_open_gets_one_line(movie_path: Path) -> None:
    with open_movie(movie_path) as movie:
        with movie_path.open("r+b") as file:
            file.truncate(0)
        with pytest.raises(MovieError):
            movie.read(2, 4)


@pytest.mark.parametrize("suffix", [".h5", ".tif", ".npy"])
def test_memory_is_bounded_by_the_range(tmp_path: Path, suffix: str) -> None:
    frames = np.zeros((400, 128, 128), np.uint16)
    path = tmp_path / f"movie{suffix}"
    if suffix == ".h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("ImageData", data=frames, chunks=(2, 128, 128), compression="gzip")
    elif suffix == ".tif":
        tifffile.imwrite(path, frames, photometric="minisblack", compression="zlib")
    else:
        np.save(path, frames)
    tracemalloc.start()
    try:
        with open_movie(path) as movie:
            for start in range(0, 400, 10):
                movie.read(start, start + 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < frames.nbytes / 4


def test_data_file_id_is_of_the_first_33_pixels_in_pymes_order() -> None:
    assert data_file_id(FRAMES[0]) == data_file_id(FRAMES[0].copy())
    assert data_file_id(FRAMES[0]) != data_file_id(FRAMES[0][::-1])
    changed = FRAMES[0].copy()
    changed[:, 3:] = 0
    assert data_file_id(changed) == data_file_id(FRAMES[0])
    assert 0 < data_file_id(FRAMES[0]) < 2**31
