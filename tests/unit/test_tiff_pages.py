"""What the pages of a TIFF are, whoever wrote them: none is lost, none is invented."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.movies.contiguous import ContiguousFrames
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.tiff.pages import read_pages

FRAMES = np.random.default_rng(0).integers(1, 4000, (24, 16, 12)).astype(np.uint16)
GREY: dict[str, Any] = {"photometric": "minisblack"}


def write_all(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, FRAMES, **GREY, **options)


def write_one_by_one(path: Path, **options: Any) -> None:
    with tifffile.TiffWriter(path) as writer:
        for frame in FRAMES:
            writer.write(frame, contiguous=False, **GREY, **options)


def write_appending(path: Path) -> None:
    for number, frame in enumerate(FRAMES):
        tifffile.imwrite(path, frame, append=number > 0, **GREY)


def write_chunks(path: Path, *sizes: int, **options: Any) -> None:
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as writer:
        for part in np.split(FRAMES, np.cumsum(sizes)[:-1]):
            writer.write(part, **GREY, **options)


def write_half_compressed(path: Path, metadata: Any) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, frame in enumerate(FRAMES):
            compression = "zlib" if number > 11 else None
            writer.write(frame, metadata=metadata, compression=compression, **GREY)


def write_stripped_and_tiled(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(FRAMES[:8], rowsperstrip=5, **GREY)
        writer.write(FRAMES[8:16], tile=(16, 16), **GREY)
        writer.write(FRAMES[16:], predictor=True, compression="zlib", rowsperstrip=3, **GREY)


WRITERS: dict[str, Callable[[Path], None]] = {
    "at once": write_all,
    "at once, without metadata": lambda path: write_all(path, metadata=None),
    "big-endian": lambda path: write_all(path, byteorder=">"),
    "BigTIFF": lambda path: write_all(path, bigtiff=True),
    "big-endian BigTIFF": lambda path: write_all(path, bigtiff=True, byteorder=">"),
    "at once, with axes": lambda path: write_all(path, metadata={"axes": "TYX"}),
    "ImageJ": lambda path: write_all(path, imagej=True, metadata={"axes": "TYX"}),
    "one by one": write_one_by_one,
    "one by one, without metadata": lambda path: write_one_by_one(path, metadata=None),
    "one by one, deflated": lambda path: write_one_by_one(path, compression="zlib"),
    "appended": write_appending,
    "in chunks": lambda path: write_chunks(path, 6, 6, 6, 6),
    "in chunks of several sizes": lambda path: write_chunks(path, 1, 20, 3),
    "in chunks, BigTIFF, deflated": lambda path: write_chunks(path, 10, 14, bigtiff=True, compression="zlib"),
    "half compressed": lambda path: write_half_compressed(path, {}),
    "half compressed, without metadata": lambda path: write_half_compressed(path, None),
    "in strips, then tiles, then deflated": write_stripped_and_tiled,
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_all_pages_are_frames_however_they_were_written(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "a.tif")
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
        np.testing.assert_array_equal(movie.read(11, 14), FRAMES[11:14])
        out = np.empty((3, 16, 12), np.uint16)
        assert movie.read(5, 8, out) is out
        np.testing.assert_array_equal(out, FRAMES[5:8])
        assert movie.remarks == ()


@pytest.mark.parametrize("name", ["at once", "ImageJ", "in chunks", "big-endian BigTIFF"])
def test_frames_that_follow_one_another_are_read_as_one_run(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / "a.tif")
    with open_movie(tmp_path / "a.tif") as movie:
        assert isinstance(movie._frames, ContiguousFrames) == (name != "in chunks")


def with_other(path: Path, other: NDArray[Any], at: int, **options: Any) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, frame in enumerate(FRAMES):
            if number == at:
                writer.write(other, metadata=None, **options)
            writer.write(frame, metadata=None, contiguous=False, **GREY)


@pytest.mark.parametrize("at", [0, 12], ids=["before", "in between"])
@pytest.mark.parametrize(
    ("other", "options", "name"),
    [
        (np.zeros((8, 6), np.uint16), GREY, "6 x 8 px, uint16"),
        (np.zeros((512, 512), np.uint16), GREY, "512 x 512 px, uint16"),
        (np.zeros((16, 12), np.uint8), GREY, "12 x 16 px, uint8"),
        (np.zeros((16, 12), np.float32), GREY, "12 x 16 px, float32"),
        (np.zeros((16, 12, 3), np.uint8), {"photometric": "rgb"}, "12 x 16 px, uint8, 3 samples"),
        (np.zeros((16, 12), np.uint16), {**GREY, "subfiletype": 1}, "12 x 16 px, uint16"),
    ],
    ids=["thumbnail", "overview", "8 bits", "float", "colours", "reduced"],
)
def test_a_page_of_another_kind_is_told_and_the_frames_are_all_there(
    tmp_path: Path, other: NDArray[Any], options: dict[str, Any], name: str, at: int
) -> None:
    with_other(tmp_path / "a.tif", other, at, **options)
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
        (remark,) = movie.remarks
        assert "1 other page" in remark
        assert f"({name})" in remark
        assert "24 frames" in remark


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ([(12, 16, 12), (12, 8, 8)], "12 pages of 12 x 16 px, uint16 and 12 of 8 x 8 px"),
        ([(12, 16, 12), (3, 64, 64)], "which are the movie"),
    ],
)
def test_two_movies_in_one_file_are_refused_by_their_numbers(
    tmp_path: Path, shapes: list[tuple[int, ...]], problem: str
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for shape in shapes:
            writer.write(np.zeros(shape, np.uint16), metadata=None, **GREY)
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.tif")


def test_smaller_copies_within_the_pages_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in FRAMES[:3]:
            writer.write(frame, subifds=1, metadata=None, **GREY)
            writer.write(frame[::2, ::2], subfiletype=1, metadata=None, **GREY)
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES[:3])
        assert "3 of its pages hold smaller copies" in movie.remarks[0]


def test_frames_within_pages_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in FRAMES[:3]:
            writer.write(frame, subifds=1, metadata=None, **GREY)
            writer.write(frame, metadata=None, **GREY)
    with pytest.raises(MovieError, match=r"of the same size within 3 of its pages"):
        open_movie(tmp_path / "a.tif")


def test_pages_that_hold_larger_images_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in FRAMES[:3]:
            writer.write(frame[::2, ::2], subifds=1, metadata=None, **GREY)
            writer.write(frame, metadata=None, **GREY)
    with pytest.raises(
        MovieError, match=r"3 of its pages \(6 x 8 px, uint16\) hold larger images \(12 x 16 px, uint16\)"
    ):
        open_movie(tmp_path / "a.tif")


@pytest.mark.parametrize("n_bytes", [1, 600])
def test_a_last_frame_in_tiles_that_is_cut_fails_alone(tmp_path: Path, n_bytes: int) -> None:
    frames = np.random.default_rng(1).integers(0, 4000, (4, 32, 32), np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in frames:
            writer.write(frame, tile=(16, 16), contiguous=False, metadata=None, **GREY)
    os.truncate(tmp_path / "a.tif", (tmp_path / "a.tif").stat().st_size - n_bytes)
    os.utime(tmp_path / "a.tif", (0, 0))
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, 3), frames[:3])
        with pytest.raises(LostFrameError, match=r"frame 3 .* is beyond the end of the file"):
            movie.read(3, 4)


IMAGEJ = "ImageJ=1.54f\nimages={0}\nframes={0}\nhyperstack=true\n"


@pytest.mark.parametrize(
    ("description", "promised"),
    [
        (IMAGEJ.format(30), 30),
        (IMAGEJ.format(10), 10),
        ("ImageJ=1.54f\nimages=7\nslices=7\n", 7),
        (json.dumps({"shape": [30, 16, 12]}), 30),
        (json.dumps({"shape": [4, 16, 12], "axes": "ZYX"}), 4),
    ],
)
def test_a_description_that_counts_other_than_the_pages_is_told(
    tmp_path: Path, description: str, promised: int
) -> None:
    write_all(tmp_path / "a.tif", metadata=None, description=description)
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
        assert f"counts {promised} frames, but 24 were found" in movie.remarks[0]


@pytest.mark.parametrize("n_bytes", [1, 384, 5000])
def test_frames_without_pages_that_are_cut_off_are_counted(tmp_path: Path, n_bytes: int) -> None:
    description = IMAGEJ.format(24)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(FRAMES[0], description=description, metadata=None, **GREY)
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(FRAMES[1:].tobytes())
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES)
    os.truncate(tmp_path / "a.tif", (tmp_path / "a.tif").stat().st_size - n_bytes)
    os.utime(tmp_path / "a.tif", (0, 0))
    with pytest.raises(
        MovieError, match=rf"counts 24 frames, but only {24 - -(-n_bytes // 384)} are complete, {n_bytes} bytes"
    ):
        open_movie(tmp_path / "a.tif")


def test_a_single_image_that_was_taken_out_of_a_stack_is_one_frame(tmp_path: Path) -> None:
    content = b"II*\0" + struct.pack("<I", 8 + 384) + FRAMES[0].tobytes()
    description = IMAGEJ.format(24).encode() + b"\0"
    tags = [(256, 12), (257, 16), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 16), (279, 384)]
    end = len(content) + 2 + 12 * (len(tags) + 1) + 4
    entries = [struct.pack("<HHII", code, 4, 1, value) for code, value in tags]
    entries.insert(5, struct.pack("<HHII", 270, 2, len(description), end))
    (tmp_path / "a.tif").write_bytes(content + struct.pack("<H", 10) + b"".join(entries) + bytes(4) + description)
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, movie.n_frames), FRAMES[:1])
        assert "counts 24 frames, but 1 were found" in movie.remarks[0]


def broken(path: Path, page: int, tag: str, value: int, **options: Any) -> None:
    """Write the frames, and another value into a tag of one page."""
    write_one_by_one(path, metadata=None, **options)
    with tifffile.TiffFile(path) as file:
        place = file.pages[page].aspage().tags[tag].valueoffset
    with path.open("r+b") as stream:
        stream.seek(place)
        stream.write(struct.pack("<I", value))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("page", [0, 12])
@pytest.mark.parametrize(
    ("tag", "value"),
    [("StripOffsets", 0), ("StripByteCounts", 0), ("StripOffsets", 1 << 30)],
    ids=["no offset", "no length", "beyond the end"],
)
def test_a_page_without_pixels_fails_alone(
    tmp_path: Path, tag: str, value: int, page: int, compression: str | None
) -> None:
    broken(tmp_path / "a.tif", page, tag, value, compression=compression)
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.n_frames == 24
        assert f"frame {page} has no data" in movie.remarks[0]
        for frame in range(24):
            if frame != page:
                np.testing.assert_array_equal(movie.read(frame, frame + 1), FRAMES[frame : frame + 1])
        with pytest.raises(LostFrameError, match=rf"frame {page} \(page {page} of a.tif\)"):
            movie.read(0, 24)


def test_a_strip_without_pixels_fails_alone(tmp_path: Path) -> None:
    write_one_by_one(tmp_path / "a.tif", metadata=None, compression="zlib", rowsperstrip=4)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[5].aspage().tags["StripOffsets"].valueoffset
    with (tmp_path / "a.tif").open("r+b") as stream:
        stream.seek(place + 4)
        stream.write(bytes(4))
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(6, 24), FRAMES[6:])
        with pytest.raises(LostFrameError, match=r"frame 5 "):
            movie.read(5, 6)


def test_a_movie_without_any_pixels_is_refused(tmp_path: Path) -> None:
    write_one_by_one(tmp_path / "a.tif", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        places = [page.aspage().tags["StripByteCounts"].valueoffset for page in file.pages]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for place in places:
        content[place : place + 4] = bytes(4)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(MovieError, match=r"no pixels"):
        open_movie(tmp_path / "a.tif")


@pytest.mark.parametrize(("target", "fault"), [(0, "refers back to page 3"), (1 << 30, "page 10 should begin at byte")])
def test_a_chain_of_pages_that_breaks_off_is_refused_with_the_page(tmp_path: Path, target: int, fault: str) -> None:
    write_one_by_one(tmp_path / "a.tif", metadata=None)
    directories = read_pages(tmp_path / "a.tif").directories
    with (tmp_path / "a.tif").open("r+b") as file:
        file.seek(int(directories[9]))
        (n_tags,) = struct.unpack("<H", file.read(2))
        file.seek(int(directories[9]) + 2 + 12 * n_tags)
        file.write(struct.pack("<I", target or int(directories[3])))
    os.utime(tmp_path / "a.tif", (0, 0))
    with pytest.raises(MovieError, match=fault):
        open_movie(tmp_path / "a.tif")


def test_any_byte_may_be_wrong_and_the_message_is_one_line(tmp_path: Path) -> None:
    write_one_by_one(tmp_path / "whole.tif", compression="zlib")
    content = (tmp_path / "whole.tif").read_bytes()
    random = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(content[: 2000 + int(random.integers(len(content)))])
        for place in random.integers(0, len(damaged), 6):
            damaged[place] = random.integers(256)
        (tmp_path / "a.tif").write_bytes(damaged)
        os.utime(tmp_path / "a.tif", (0, 0))
        try:
            with open_movie(tmp_path / "a.tif") as movie:
                for frame in range(min(movie.n_frames, 40)):
                    movie.read(frame, frame + 1)
        except MovieError as error:
            assert "\n" not in str(error)  # noqa: PT017 - not all damage is noticed
