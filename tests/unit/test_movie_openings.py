"""What is named as a movie, and is no file, or no file yet."""

from __future__ import annotations

import importlib.util
import os
import socket
import struct
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from pointillist.errors import MovieError, SettingError
from pointillist.pipeline_files.maps.formats import read_map_file
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.verified_movie import LostMovieError, VerifiedMovie
from pointillist.settings.yaml_json import read_yaml_json

FRAMES = np.random.default_rng(0).integers(1, 4000, (6, 16, 12)).astype(np.uint16)


def make(kind: str, path: Path) -> Path:
    if kind == "a folder":
        path.mkdir()
    elif kind == "a named pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        place = os.open(path.parent, os.O_RDONLY)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{place}/{path.name}")  # a path in full may be too long for a socket
        os.close(place)
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["a folder", "a named pipe", "a socket", "a device"])
def test_what_is_no_file_gets_one_line_wherever_it_is_named(tmp_path: Path, kind: str) -> None:
    irregular = make(kind, tmp_path / "thing.json")
    with pytest.raises(MovieError, match=rf"is {kind}; name a movie file"):
        open_movie(irregular)
    with pytest.raises(MovieError, match=rf"is {kind}"):
        read_map_file(irregular, "", is_movie_x_first=False)
    with pytest.raises(SettingError, match=rf"is {kind}; name a file"):
        read_yaml_json(irregular)
    np.save(tmp_path / "thing.npy", FRAMES)
    with open_movie(tmp_path / "thing.npy") as movie:
        assert movie.remarks == (f"thing.json is {kind} and is not read",)


class Growing:
    """A file to which a byte is appended all the time, while the block lasts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_done = threading.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def _write(self) -> None:
        while not self._is_done.wait(0.01):
            with self._path.open("ab") as file:
                file.write(b"\0")
            self._has_begun.set()

    def __enter__(self) -> threading.Event:
        self._thread.start()
        return self._has_begun

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()


def unfinished(path: Path) -> Path:
    """Write a movie that ends before it should."""
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["ImageData"] = FRAMES
    elif path.suffix == ".npy":
        np.save(path, FRAMES)
    else:
        tifffile.imwrite(path, FRAMES, photometric="minisblack")
    if path.stem == "empty":
        path.write_bytes(b"")
    else:
        os.truncate(path, path.stat().st_size - 1000)
    return path


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.h5", "empty.tif"])
def test_a_movie_that_ends_too_early_and_grows_is_still_being_written(tmp_path: Path, name: str) -> None:
    path = unfinished(tmp_path / name)
    with (
        Growing(path),
        pytest.raises(MovieError, match=r"is still being written; wait until the acquisition has ended"),
    ):
        open_movie(path)


@pytest.mark.parametrize("name", ["a.tif", "a.npy", "a.h5", "empty.tif"])
def test_a_movie_that_ends_too_early_and_does_not_grow_is_truncated(tmp_path: Path, name: str) -> None:
    path = unfinished(tmp_path / name)
    os.utime(path, (0, 0))
    with pytest.raises(MovieError, match=r"is truncated|is empty"):
        open_movie(path)


def test_a_movie_that_grows_while_it_is_analysed_is_still_being_written(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", FRAMES, photometric="minisblack")
    with open_movie(tmp_path / "a.tif") as movie:
        identity = movie.identity
    same = VerifiedMovie(tmp_path / "a.tif", identity)
    with Growing(tmp_path / "a.tif") as has_begun:
        has_begun.wait()
        with pytest.raises(LostMovieError, match=r"is still being written"):
            same.check()
    same.close()


def packed_12_bit(path: Path) -> None:
    """Pages of 12-bit pixels, two of which take three bytes."""
    content, link = bytearray(b"II*\0" + bytes(4)), 4
    for _ in range(3):
        data = len(content)
        content += bytes(range(1, 13)) * 24
        content[link : link + 4] = struct.pack("<I", len(content))
        tags = [(256, 12), (257, 16), (258, 12), (259, 1), (262, 1), (273, data), (277, 1), (278, 16), (279, 288)]
        content += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", code, 4, 1, n) for code, n in tags)
        link = len(content)
        content += bytes(4)
    path.write_bytes(content)


def with_tag(path: Path, tag: str, value: int) -> None:
    """Pages that say that they are compressed in a certain way."""
    with tifffile.TiffWriter(path) as writer:
        for frame in FRAMES:
            writer.write(frame, metadata=None, contiguous=False, compression="zlib", predictor=True, photometric=1)
    with tifffile.TiffFile(path) as file:
        places = [page.aspage().tags[tag].valueoffset for page in file.pages]
    content = bytearray(path.read_bytes())
    for place in places:
        content[place : place + 2] = struct.pack("<H", value)
    path.write_bytes(content)


@pytest.mark.skipif(importlib.util.find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
@pytest.mark.parametrize(
    ("tag", "value", "what"),
    [
        ("Compression", 5, "compressed with LZW"),
        ("Compression", 7, "compressed with JPEG"),
        ("Compression", 34712, "compressed with JPEG2000"),
        ("Compression", 34887, "compressed with LERC"),
        ("Compression", 50000, "compressed with ZSTD"),
        ("Compression", 50001, "compressed with WEBP"),
        ("Compression", 50002, "compressed with JPEGXL"),
        ("Compression", 65530, "compressed with method 65530"),
        ("Predictor", 3, "compressed with predictor 3"),
        ("", 12, "has pixels of 12 bits"),
    ],
)
def test_a_codec_that_is_not_installed_is_named(tmp_path: Path, tag: str, value: int, what: str) -> None:
    if tag:
        with_tag(tmp_path / "a.tif", tag, value)
    else:
        packed_12_bit(tmp_path / "a.tif")
    with pytest.raises(MovieError, match=rf"{what}.* not installed; pip install 'pointillist\[codecs\]'") as error:
        open_movie(tmp_path / "a.tif")
    assert "\n" not in str(error.value)
