from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.source import EVENT_DTYPE
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.settings.metadata import Value

FRAMES = np.random.default_rng(0).integers(0, 4000, (11, 16, 12)).astype(np.uint16)
METADATA: dict[str, Value] = {"Camera.ADOffset": 100.0, "Analysis.BGRange": (-30, 0), "Camera.Name": "µ", "on": True}
EVENTS = np.array([(b"0", b"StartAq", 1.5)], EVENT_DTYPE)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("is_compressed", [True, False])
def test_what_is_written_is_read(tmp_path: Path, dtype: type, *, is_compressed: bool) -> None:
    frames: NDArray[Any] = FRAMES.astype(dtype)
    n = write_pyme_h5(tmp_path / "a.h5", np.split(frames, [4, 5]), METADATA, EVENTS, is_compressed=is_compressed)
    with open_movie(tmp_path / "a.h5") as movie:
        assert n == movie.n_frames == 11
        assert movie.dtype == dtype
        np.testing.assert_array_equal(movie.read(0, 11), frames)
        np.testing.assert_array_equal(movie.events, EVENTS)
        assert METADATA.items() <= movie.metadata.items()


def test_a_file_is_as_pyme_lays_it_out(tmp_path: Path) -> None:
    write_pyme_h5(tmp_path / "a.h5", [FRAMES], METADATA)
    with h5py.File(tmp_path / "a.h5") as file:
        data = file["ImageData"]
        assert data.shape == (11, 12, 16)
        assert data.maxshape == (None, 12, 16)
        assert (data.compression, data.compression_opts, data.shuffle) == ("gzip", 6, True)
        assert bytes(data.attrs["DimOrder"]) == b"XYCZT"
        assert [int(data.attrs[f"Size{axis}"]) for axis in "CZT"] == [1, 1, 11]
        assert file["Events"].dtype == EVENT_DTYPE


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("precious")
    with pytest.raises(ResultsError, match="exists already"):
        write_pyme_h5(tmp_path / "a.h5", [FRAMES], METADATA)
    assert (tmp_path / "a.h5").read_text() == "precious"


def test_a_writer_that_fails_leaves_no_part_of_a_movie(tmp_path: Path) -> None:
    def blocks() -> Iterator[NDArray[Any]]:
        yield FRAMES
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_pyme_h5(tmp_path / "a.h5", blocks(), METADATA)
    assert list(tmp_path.iterdir()) == []


def test_the_real_movie_is_the_same_as_a_movie_of_pyme(shared_data: Path, tmp_path: Path) -> None:
    with open_movie(shared_data / "egfp_tirf" / "egfp_tirf.tif") as tiff:
        write_pyme_h5(tmp_path / "a.h5", (tiff.read(i, i + 20) for i in range(0, 100, 20)), tiff.metadata)
        with open_movie(tmp_path / "a.h5") as movie:
            np.testing.assert_array_equal(movie.read(0, 100), tiff.read(0, 100))
            assert tiff.metadata.items() <= movie.metadata.items()
