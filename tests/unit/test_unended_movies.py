"""Movies that were not written to their end, or were damaged since: no frame is read as zeros, none is left out."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import LostFrameError, MovieError
from pointillist.pipeline_files.movies import open_movie

FRAMES = np.random.default_rng(3).integers(90, 4000, (24, 64, 48)).astype(np.uint16)


def lost(path: Path) -> list[int]:
    frames = []
    with open_movie(path) as movie:
        for frame in range(movie.n_frames):
            try:
                assert np.array_equal(movie.read(frame, frame + 1)[0], FRAMES[frame])
            except LostFrameError:
                frames.append(frame)
    return frames


@pytest.mark.parametrize("chunks", [(1, 48, 64), (5, 48, 64), (1, 24, 64), (4, 20, 30)], ids=str)
@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}], ids=["plain", "gzip"])
def test_frames_that_were_never_written_fail_alone(tmp_path: Path, chunks: tuple[int, ...], options: Any) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        data = file.create_dataset("ImageData", (24, 48, 64), "u2", chunks=chunks, **options)
        for start, stop in ((0, 5), (10, 20)):
            data[start:stop] = FRAMES[start:stop].transpose(0, 2, 1)
    depth = chunks[0]
    blocks = {frame // depth for frame in [*range(5), *range(10, 20)]}
    expected = [frame for frame in range(24) if frame // depth not in blocks]
    with open_movie(tmp_path / "m.h5") as movie:
        unread = [frame for frame in range(24) if not is_read(movie, frame)]
    assert unread == expected


def is_read(movie: Any, frame: int) -> bool:
    try:
        movie.read(frame, frame + 1)
    except LostFrameError:
        return False
    return True


def test_a_movie_of_which_nothing_was_written_is_refused(tmp_path: Path) -> None:
    for name, chunks in (("a.h5", (1, 48, 64)), ("b.h5", None)):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_dataset("ImageData", (24, 48, 64), "u2", chunks=chunks)
        with pytest.raises(MovieError, match="has frames, but no pixels"):
            open_movie(tmp_path / name)


@pytest.mark.parametrize("options", ["", ", metadata=None", ", bigtiff=True", ", imagej=True", ", ome=True"])
def test_a_tiff_whose_writer_was_killed_is_refused(tmp_path: Path, options: str) -> None:
    np.save(tmp_path / "f.npy", np.concatenate([FRAMES] * 3))
    opening = options if "tiff" in options or "imagej" in options or "ome" in options else ""
    writing = options if "metadata" in options else ""
    code = (
        "import numpy, os, sys, tifffile\n"
        f"file = tifffile.TiffWriter(sys.argv[1] + '/m.tif'{opening})\n"
        f"for frame in numpy.load(sys.argv[1] + '/f.npy'): file.write(frame, contiguous=True{writing})\n"
        "file._fh.flush(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    with pytest.raises(MovieError, match=r"not ended|truncated|damaged"):
        open_movie(tmp_path / "m.tif")


@pytest.mark.parametrize("page", [0, 7, 23])
@pytest.mark.parametrize("compression", ["zlib", "lzma"])
def test_a_damaged_page_fails_alone(tmp_path: Path, compression: str, page: int) -> None:
    tifffile.imwrite(tmp_path / "m.tif", FRAMES, compression=compression, metadata=None, photometric="minisblack")
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        where, length = file.pages[page].dataoffsets[0], file.pages[page].databytecounts[0]
    content = bytearray((tmp_path / "m.tif").read_bytes())
    content[where + length // 2 : where + length // 2 + 40] = bytes(40)
    (tmp_path / "m.tif").write_bytes(bytes(content))
    assert lost(tmp_path / "m.tif") == [page]


def ome_part(path: Path, frames: NDArray[Any], uuid: int, names: list[str]) -> None:
    planes, n_frames = [], 0
    for number, name in enumerate(names):
        for index in range(12):
            planes.append(
                f'<TiffData FirstT="{number * 12 + index}" IFD="{index}" PlaneCount="1">'
                f'<UUID FileName="{name}">urn:uuid:{number}</UUID></TiffData>'
            )
            n_frames += 1
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        f'UUID="urn:uuid:{uuid}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" '
        f'SizeX="48" SizeY="64" SizeC="1" SizeZ="1" SizeT="{n_frames}"><Channel ID="Channel:0" SamplesPerPixel="1"/>'
        f"{''.join(planes)}</Pixels></Image></OME>"
    )
    with tifffile.TiffWriter(path) as file:
        for index, frame in enumerate(frames):
            file.write(frame, description=xml if index == 0 else None, metadata=None)


def test_parts_of_a_series_are_the_files_that_they_say_they_are(tmp_path: Path) -> None:
    names = ["p0.ome.tif", "p1.ome.tif"]
    for number, name in enumerate(names):
        ome_part(tmp_path / name, FRAMES[number * 12 : number * 12 + 12], number, names)
    assert lost(tmp_path / names[0]) == []
    first, second = ((tmp_path / name).read_bytes() for name in names)
    for contents in itertools.product((first, second), repeat=2):
        if contents == (first, second):
            continue
        for name, content in zip(names, contents, strict=True):
            (tmp_path / name).write_bytes(content)
        for name in names:
            with pytest.raises(MovieError, match="renamed or copied"):
                open_movie(tmp_path / name)


@pytest.mark.parametrize("shape", ["(-1, 24, 32)", "(True, 24, 32)", "(9999999999,"])
def test_an_array_whose_shape_cannot_be_is_no_movie(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    (tmp_path / "m.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(MovieError, match="is not a NumPy array"):
        open_movie(tmp_path / "m.npy")
