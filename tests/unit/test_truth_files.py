"""Truth files keep what was simulated, and say clearly when they are something else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from pointillist.errors import MovieError, ResultsError
from pointillist.fitting.scoring.truth import TRUTH_DTYPE
from pointillist.pipeline_files.movies.truth import Conditions, create_truth, read_truth, truth_path

CONDITIONS = Conditions(
    n_frames=7, frame_shape=(30, 40), pixel_size_nm=107.5, noise_factor=1.41, read_variance=0.36, seed=9
)


def test_what_is_written_in_portions_is_read_as_a_whole(tmp_path: Path) -> None:
    rows = np.zeros(5000, dtype=TRUTH_DTYPE)
    rows["x"], rows["blink"] = np.arange(5000) / 7, np.arange(5000)
    with create_truth(tmp_path / "movie.truth.h5", CONDITIONS) as truth:
        for start in (0, 10, 4000):
            truth.append(rows[start : {0: 10, 10: 4000, 4000: 5000}[start]])
    recorded = read_truth(tmp_path / "movie.truth.h5")
    np.testing.assert_array_equal(recorded.rows, rows)
    assert recorded.conditions == CONDITIONS


def test_the_read_noise_of_each_pixel_is_kept(tmp_path: Path) -> None:
    variance = np.random.default_rng(1).random((30, 40), np.float32)
    with create_truth(tmp_path / "a.truth.h5", replace(CONDITIONS, read_variance=variance)):
        pass
    np.testing.assert_array_equal(read_truth(tmp_path / "a.truth.h5").conditions.read_variance, variance)
    with h5py.File(tmp_path / "a.truth.h5", "r+") as file:
        assert file.attrs["read_variance"] == np.median(variance)
        file.attrs["frame_shape"] = (31, 40)
    with pytest.raises(MovieError, match="damaged"):
        read_truth(tmp_path / "a.truth.h5")


def test_a_movie_without_emitters_has_a_truth(tmp_path: Path) -> None:
    with create_truth(tmp_path / "a.truth.h5", CONDITIONS):
        pass
    assert len(read_truth(tmp_path / "a.truth.h5").rows) == 0


def test_truth_stands_beside_its_movie() -> None:
    assert truth_path(Path("/data/cells.tif")) == Path("/data/cells.truth.h5")


def test_a_truth_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.truth.h5").write_text("precious")
    with pytest.raises(ResultsError, match="exists already"), create_truth(tmp_path / "a.truth.h5", CONDITIONS):
        pass


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n cut off"])
def test_another_file_is_no_truth_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.truth.h5"
    path.write_bytes(content)
    with pytest.raises(MovieError, match=r"not a truth file|not a readable HDF5|is empty"):
        read_truth(path)


def test_another_hdf5_file_is_no_truth_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "movie.h5", "w") as file:
        file["ImageData"] = np.zeros((1, 2, 2))
    with pytest.raises(MovieError, match=r"name the \.truth\.h5"):
        read_truth(tmp_path / "movie.h5")


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.truth.h5"
    with create_truth(path, CONDITIONS):
        pass
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(MovieError, match="later version"):
        read_truth(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(MovieError, match="no such file"):
        read_truth(tmp_path / "a.truth.h5")
