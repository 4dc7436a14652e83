from __future__ import annotations

import itertools
import os
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.pyme_h5 import open_pyme_h5
from pointillist.pipeline_files.movies.source import EVENT_DTYPE

FRAMES = np.random.default_rng(0).integers(0, 4000, (11, 16, 12)).astype(np.uint16)


def write_pyme(path: Path, frames: NDArray[Any], **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("ImageData", data=frames.transpose(0, 2, 1), **options)


@pytest.mark.parametrize("chunks", [None, (1, 12, 16), (2, 12, 8), (4, 5, 7), (11, 12, 16)])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_frames_come_with_y_before_x_whatever_the_chunks(
    tmp_path: Path, chunks: tuple[int, ...] | None, compression: str | None
) -> None:
    write_pyme(tmp_path / "a.h5", FRAMES, chunks=chunks, compression=compression if chunks else None)
    with open_movie(tmp_path / "a.h5") as movie:
        assert (movie.n_frames, *movie.frame_shape) == FRAMES.shape
        for start, stop in itertools.combinations(range(12), 2):
            frames = movie.read(start, stop)
            assert frames.flags.c_contiguous
            np.testing.assert_array_equal(frames, FRAMES[start:stop])


@pytest.mark.parametrize("n_frames", [1, 2])
def test_frames_are_put_where_they_are_wanted(tmp_path: Path, n_frames: int) -> None:
    write_pyme(tmp_path / "a.h5", FRAMES, chunks=(1, 12, 16))
    out = np.zeros((n_frames, 16, 12), np.uint16)
    with closing(open_pyme_h5(tmp_path / "a.h5").frames) as source:
        assert source.read(3, 3 + n_frames, out) is out  # not by way of another array
    np.testing.assert_array_equal(out, FRAMES[3 : 3 + n_frames])


@pytest.mark.parametrize(
    ("stored", "read"),
    [("u1", "u1"), ("<u2", "u2"), (">u2", "u2"), ("<f4", "f4"), (">f4", "f4"), ("<f8", "f4"), (">f8", "f4")],
)
def test_pixels_are_of_this_machine_and_of_a_known_type(tmp_path: Path, stored: str, read: str) -> None:
    frames = (FRAMES % 250).astype(stored)
    write_pyme(tmp_path / "a.h5", frames)
    with open_movie(tmp_path / "a.h5") as movie:
        assert movie.dtype == np.dtype(read)
        assert movie.dtype.isnative
        assert movie.read(0, 3).dtype == movie.dtype
        np.testing.assert_array_equal(movie.read(0, 3), frames[:3])
        assert list(movie.remarks) == (["pixels of type float64 are read as float32"] if "8" in stored else [])


def test_an_old_file_without_attributes_events_or_metadata_is_a_movie(tmp_path: Path) -> None:
    write_pyme(tmp_path / "a.h5", FRAMES)
    with open_movie(tmp_path / "a.h5") as movie:
        assert len(movie.events) == 0
        assert movie.events.dtype == EVENT_DTYPE
        assert {key for key in movie.metadata if not key.startswith("Pointillist.")} == set()


def test_metadata_and_events_come_with_the_frames(tmp_path: Path) -> None:
    write_pyme(tmp_path / "a.h5", FRAMES)
    events = np.array([(b"0", b"StartAq", 1.5), (b"0, 2.0", b"ProtocolFocus", 2.5)], EVENT_DTYPE)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["Events"] = events
        file.create_group("MetaData/Camera").attrs["ADOffset"] = 100.0
    with open_movie(tmp_path / "a.h5") as movie:
        assert movie.metadata["Camera.ADOffset"] == 100.0
        np.testing.assert_array_equal(movie.events, events)


def write_pzf(path: Path, frames: NDArray[Any], numbers: list[int], compression: int = 0) -> None:
    """Frames in the order of ``numbers``, as PYME's cluster stores them."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("PZFImageData", (len(numbers),), h5py.vlen_dtype(np.uint8))
        for position, n in enumerate(numbers):
            _, n_y, n_x = frames.shape
            header = struct.pack(
                "<2sBBBBcxqIIIIQffI12x", b"BD", 3, 1, compression, 0, b"C", 0, n, n_x, n_y, 1, 0, 0, 0, 64
            )
            data[position] = np.frombuffer(header + frames[n].T.tobytes(), np.uint8)
        index = np.zeros(len(numbers), [("FrameNum", "<i4"), ("Position", "<i4")])
        index["FrameNum"], index["Position"] = numbers, range(len(numbers))
        file["PZFImageIndex"] = index


def test_pzf_frames_are_found_in_their_order(tmp_path: Path) -> None:
    write_pzf(tmp_path / "a.h5", FRAMES, [3, 0, 2, 1, 4])
    with open_movie(tmp_path / "a.h5") as movie:
        assert (movie.n_frames, *movie.frame_shape) == (5, 16, 12)
        np.testing.assert_array_equal(movie.read(1, 5), FRAMES[1:5])
        assert movie.remarks == ()


def test_missing_pzf_frames_are_remarked(tmp_path: Path) -> None:
    write_pzf(tmp_path / "a.h5", FRAMES, [0, 1, 4])
    with open_movie(tmp_path / "a.h5") as movie:
        np.testing.assert_array_equal(movie.read(0, 3), FRAMES[[0, 1, 4]])
        assert len(movie.remarks) == 1


@pytest.mark.parametrize(("numbers", "problem"), [([0, 1], "Huffman-coded"), ([], "holds no frames")])
def test_pzf_that_cannot_be_read_gets_one_line(tmp_path: Path, numbers: list[int], problem: str) -> None:
    write_pzf(tmp_path / "a.h5", FRAMES, numbers, compression=1)
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.h5")


def test_a_damaged_pzf_frame_is_named(tmp_path: Path) -> None:
    write_pzf(tmp_path / "a.h5", FRAMES, [0, 1, 2])
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["PZFImageData"][1] = file["PZFImageData"][1][:80]
    with open_movie(tmp_path / "a.h5") as movie, pytest.raises(MovieError, match="frame 1 is truncated"):
        movie.read(0, 3)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("data", np.zeros((3, 4)), "not a movie of PYME"),
        ("FitResults", np.zeros(3), "holds results, not a movie"),
        ("ImageData", np.zeros((3, 4)), "2 dimensions"),
        ("ImageData", np.zeros((0, 20, 20), np.uint16), "holds no frames"),
        ("ImageData", np.zeros((3, 20, 20), np.int32), "type int32"),
    ],
)
def test_other_hdf5_files_get_one_line(tmp_path: Path, name: str, content: NDArray[Any], problem: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[name] = content
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.h5")


def test_a_truncated_file_gets_one_line_wherever_it_is_cut(tmp_path: Path) -> None:
    write_pyme(tmp_path / "whole.h5", FRAMES, chunks=(2, 12, 16), compression="gzip")
    content = (tmp_path / "whole.h5").read_bytes()
    for n_bytes in range(8, len(content), 311):
        (tmp_path / "a.h5").write_bytes(content[:n_bytes])
        os.utime(tmp_path / "a.h5", (0, 0))  # nobody is writing it
        with pytest.raises(MovieError) as error:
            open_movie(tmp_path / "a.h5")
        assert "\n" not in str(error.value)


def test_a_damaged_chunk_gets_one_line(tmp_path: Path) -> None:
    write_pyme(tmp_path / "a.h5", FRAMES, chunks=(11, 12, 16), compression="gzip")
    with h5py.File(tmp_path / "a.h5") as file:
        place = file["ImageData"].id.get_chunk_info(0)
    content = bytearray((tmp_path / "a.h5").read_bytes())
    content[place.byte_offset + 20 : place.byte_offset + place.size] = bytes(place.size - 20)
    (tmp_path / "a.h5").write_bytes(bytes(content))
    with open_movie(tmp_path / "a.h5") as movie, pytest.raises(MovieError, match="frames 0 to 2 cannot be read"):
        movie.read(0, 2)


def test_a_file_that_is_being_written_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    # A program of its own: whether PyTables locks what it writes depends on what loaded it first in this process.
    code = "import h5py, sys; file = h5py.File(sys.argv[1], 'w', locking=True); print('open', flush=True); input()"
    command = [sys.executable, "-c", code, str(tmp_path / "a.h5")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        assert writer.stdout.readline() == "open\n"
        with pytest.raises(MovieError, match="is open for writing in another program"):
            open_movie(tmp_path / "a.h5")
        writer.communicate("\n")
