"""Stacks are read back as they were written, with their metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_stack import write_map, write_npy, write_tiff
from pointillist.settings.metadata import Metadata

FRAMES = np.random.default_rng(1).integers(0, 65536, size=(9, 20, 30)).astype(np.uint16)
METADATA: Metadata = {"voxelsize.x": 0.1, "Camera.ADOffset": 100, "Camera.Name": "µ"}
WRITERS = {"movie.tif": write_tiff, "movie.npy": write_npy}


def blocks() -> Iterator[NDArray[np.uint16]]:
    for start in range(0, 9, 4):
        yield FRAMES[start : start + 4]


@pytest.mark.parametrize("name", WRITERS)
def test_a_stack_is_read_back_with_its_metadata(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name, blocks(), (9, 20, 30), METADATA)
    with open_movie(tmp_path / name) as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
        assert METADATA.items() <= dict(movie.metadata).items()


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("existing", ["movie.json", None])
def test_nothing_is_overwritten(tmp_path: Path, name: str, existing: str | None) -> None:
    (tmp_path / (existing or name)).write_text("precious")
    with pytest.raises(ResultsError, match="exists already"):
        WRITERS[name](tmp_path / name, blocks(), (9, 20, 30), METADATA)
    assert (tmp_path / (existing or name)).read_text() == "precious"


@pytest.mark.parametrize("name", WRITERS)
def test_a_place_that_cannot_be_written_gets_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResultsError, match="cannot be written"):
        WRITERS[name](tmp_path / "missing" / name, blocks(), (9, 20, 30), METADATA)


def test_a_map_is_one_page_of_float32(tmp_path: Path) -> None:
    write_map(tmp_path / "dark.tif", FRAMES[0])
    page = tifffile.imread(tmp_path / "dark.tif")
    assert page.dtype == np.float32
    np.testing.assert_array_equal(page, FRAMES[0])
