from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.pipeline_files.backgrounds import file as background_file
from pointillist.pipeline_files.backgrounds.file import write_background
from pointillist.pipeline_files.backgrounds.image_packs import ImageLayout, Pack
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.source import EVENT_DTYPE
from pointillist.pipeline_files.results.reader import is_finished
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.pipeline_files.results.writer import FAILURE_DTYPE

N_FRAMES, SHAPE = 40, (20, 24)
DESCRIPTION = ResultsDescription(
    metadata={"Camera.Name": "Zyla µ", "Analysis.BGRange": (-30, 0)},
    movie_path="/data/movie.h5",
    movie_identity="identity",
    n_frames=N_FRAMES,
    settings_digest="digest",
    events=np.array([(b"0", b"StartAq", 1.5)], EVENT_DTYPE),
    versions={"pointillist": "1"},
)

layouts = pytest.mark.parametrize(
    "layout",
    [
        ImageLayout(frame_shape=SHAPE, dtype=np.dtype(dtype), is_compressed=is_compressed, is_mapped=is_mapped)
        for dtype, is_compressed, is_mapped in itertools.product(["u1", "u2", "f4"], [True, False], [True, False])
    ],
    ids=lambda one: f"{one.dtype}-{'zlib' if one.is_compressed else 'raw'}-{'mapped' if one.is_mapped else 'own'}",
)


def images(dtype: np.dtype[Any]) -> list[NDArray[Any] | None]:
    """Two frames without, then three frames for each image."""
    pattern = np.arange(480).reshape(SHAPE) % 200
    return [None, None, *((pattern + frame // 3).astype(dtype) for frame in range(2, N_FRAMES))]


def write(path: Path, layout: ImageLayout, cuts: tuple[int, ...] = (0, N_FRAMES), **failures: str) -> int:
    found = [(one, 0.0) for one in images(layout.dtype)]
    packs = [(start, Pack.of(layout, found[start:stop])) for start, stop in itertools.pairwise(cuts)]
    named = {int(frame.removeprefix("frame")): reason for frame, reason in failures.items()}
    return write_background(path, DESCRIPTION, layout, packs, named, n_bytes=100_000)


@layouts
def test_a_background_is_read_back_as_a_movie(tmp_path: Path, layout: ImageLayout) -> None:
    n_images = write(tmp_path / "a.h5", layout)
    with open_movie(tmp_path / "a.h5") as movie:
        assert (movie.n_frames, movie.frame_shape, movie.dtype) == (N_FRAMES, SHAPE, layout.dtype)
        assert movie.metadata["Camera.Name"] == "Zyla µ"
        assert movie.events["EventName"].tolist() == [b"StartAq"]
        read, alone = movie.read(0, N_FRAMES), movie.read(7, 8)
    for frame, expected in enumerate(images(layout.dtype)):
        none = np.full(SHAPE, np.nan if layout.dtype.kind == "f" else 0, layout.dtype)
        np.testing.assert_array_equal(read[frame], none if expected is None else expected)
    np.testing.assert_array_equal(alone[0], read[7])
    assert n_images == (14 if layout.is_mapped else N_FRAMES - 2)


@layouts
def test_the_file_is_the_same_however_the_movie_was_cut(tmp_path: Path, layout: ImageLayout) -> None:
    write(tmp_path / "whole.h5", layout)
    write(tmp_path / "cut.h5", layout, (0, 1, 2, 7, 8, 31, N_FRAMES))
    assert (tmp_path / "cut.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@layouts
def test_hdf5_itself_reads_every_image(tmp_path: Path, layout: ImageLayout) -> None:
    write(tmp_path / "a.h5", layout)
    with h5py.File(tmp_path / "a.h5") as file:
        stored = file["MappedImageData" if layout.is_mapped else "ImageData"]
        rows = file["Pointillist/Frames"][:]
        for row, expected in zip(rows, images(layout.dtype), strict=True):
            assert (row["image"] < 0) == (expected is None)
            if expected is not None:
                np.testing.assert_array_equal(stored[row["image"]].T, expected)
        assert stored.compression == ("gzip" if layout.is_compressed else None)


def test_offsets_of_mapped_images_are_added_when_they_are_read(tmp_path: Path) -> None:
    layout = ImageLayout(frame_shape=SHAPE, dtype=np.dtype("u2"), is_compressed=True, is_mapped=True)
    found = [(np.full(SHAPE, 100, np.uint16), frame / 4) for frame in range(N_FRAMES)]
    write_background(tmp_path / "a.h5", DESCRIPTION, layout, [(0, Pack.of(layout, found))], {}, n_bytes=100_000)
    with open_movie(tmp_path / "a.h5") as movie:
        read = movie.read(0, N_FRAMES)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read[:, 0, 0], 100 + np.arange(N_FRAMES) / 4)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["MappedImageData"].shape[0] == 1


def test_the_file_says_what_it_is_of(tmp_path: Path) -> None:
    layout = ImageLayout(frame_shape=SHAPE, dtype=np.dtype("u2"), is_compressed=True, is_mapped=False)
    write(tmp_path / "a.h5", layout, (0, 30), frame31="ValueError: bad")
    assert is_finished(tmp_path / "a.h5", DESCRIPTION, [31])
    assert not is_finished(tmp_path / "a.h5", DESCRIPTION, [])
    with tables.open_file(tmp_path / "a.h5") as file:
        about = file.root.Pointillist
        assert about._v_attrs.movie_identity == "identity"
        assert about._v_attrs.settings_digest == "digest"
        assert about.Failures.read().tolist() == np.array([(31, b"ValueError: bad")], FAILURE_DTYPE).tolist()
        assert about.Frames.col("image").tolist() == [-1, -1, *range(2, 30), *[-1] * 10]


def test_what_exists_is_not_overwritten(tmp_path: Path) -> None:
    layout = ImageLayout(frame_shape=SHAPE, dtype=np.dtype("u2"), is_compressed=True, is_mapped=False)
    (tmp_path / "a.h5").write_bytes(b"precious")
    with pytest.raises(ResultsError, match="exists already"):
        write(tmp_path / "a.h5", layout)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.h5", b"precious")]


def test_a_disk_that_keeps_something_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = ImageLayout(frame_shape=SHAPE, dtype=np.dtype("u2"), is_compressed=False, is_mapped=False)

    def damage(path: Path, failures: object) -> None:
        del failures
        with h5py.File(path, "r+") as file:
            file["ImageData"][17, 3, 3] = 9999

    monkeypatch.setattr(background_file, "_complete", damage)
    with pytest.raises(ResultsError, match="does not hold what was written"):
        write(tmp_path / "a.h5", layout)
    assert not list(tmp_path.iterdir())
