from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.movie import open_movie

FRAMES = np.random.default_rng(0).integers(0, 4000, (7, 12, 13)).astype(np.uint16)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy warns of versions that older ones cannot read
        np.lib.format.write_array(file, FRAMES, version)
    with open_movie(tmp_path / "a.npy") as movie:
        np.testing.assert_array_equal(movie.read(2, 5), FRAMES[2:5])


def test_a_single_image_is_a_movie_of_one_frame(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FRAMES[0])
    with open_movie(tmp_path / "a.npy") as movie:
        assert movie.n_frames == 1
        np.testing.assert_array_equal(movie.read(0, 1), FRAMES[:1])


def test_python_objects_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((2, 12, 12), None))
    with pytest.raises(MovieError, match="holds Python objects"):
        open_movie(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("frames", "problem"),
    [
        (np.zeros((2, 2, 12, 12), np.uint8), "has shape"),
        (np.zeros(12, np.uint8), "has shape"),
        (np.asfortranarray(FRAMES), "Fortran order"),
        (np.zeros((0, 12, 12), np.uint8), "holds no frames"),
        (np.zeros((2, 12, 12), np.int64), "type int64"),
        (np.zeros((2, 12, 12), np.complex64), "type complex64"),
    ],
)
def test_what_is_no_movie_is_refused(tmp_path: Path, frames: NDArray[Any], problem: str) -> None:
    np.save(tmp_path / "a.npy", frames)
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.npy")


@pytest.mark.parametrize("n_bytes", [6, 20, 128, 300, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, n_bytes: int) -> None:
    np.save(tmp_path / "a.npy", FRAMES)
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content[:n_bytes])
    os.utime(tmp_path / "a.npy", (0, 0))  # nobody is writing it
    with pytest.raises(MovieError):
        open_movie(tmp_path / "a.npy")


def test_a_file_that_loses_its_end_while_it_is_read_gets_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FRAMES)
    with open_movie(tmp_path / "a.npy") as movie:
        with (tmp_path / "a.npy").open("r+b") as file:
            file.truncate(700)
        with pytest.raises(MovieError, match="ended while frames 4 to 6 were read"):
            movie.read(4, 6)
