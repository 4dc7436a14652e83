from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.movie import open_movie

FRAMES = np.random.default_rng(0).integers(0, 4000, (9, 16, 12)).astype(np.uint16)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "zlib", "predictor": True},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"photometric": "minisblack", "metadata": None},
        {"rowsperstrip": 5},
        {"tile": (16, 16)},
    ],
)
def test_every_kind_of_stack_gives_its_frames(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / ("a.ome.tif" if options.get("ome") else "a.tif")
    tifffile.imwrite(path, FRAMES, **{"photometric": "minisblack", **options})
    with open_movie(path) as movie:
        assert (movie.n_frames, *movie.frame_shape) == FRAMES.shape
        assert movie.dtype == np.uint16
        np.testing.assert_array_equal(movie.read(0, 9), FRAMES)
        np.testing.assert_array_equal(movie.read(4, 5), FRAMES[4:5])
        np.testing.assert_array_equal(movie.read(7, 9), FRAMES[7:])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixel_types_are_kept(tmp_path: Path, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", FRAMES.astype(dtype), photometric="minisblack")
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.read(1, 3).dtype == dtype
        np.testing.assert_array_equal(movie.read(1, 3), FRAMES.astype(dtype)[1:3])


def test_a_single_image_is_a_movie_of_one_frame(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", FRAMES[0])
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, 1), FRAMES[:1])


def test_a_stack_written_page_by_page_is_one_movie(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in FRAMES:
            writer.write(frame, contiguous=False, metadata=None)
    with open_movie(tmp_path / "a.tif") as movie:
        np.testing.assert_array_equal(movie.read(0, 9), FRAMES)


def test_an_imagej_stack_beyond_4_gb_has_all_its_frames(tmp_path: Path) -> None:
    # ImageJ writes one directory, says in its description how many images there are, and lets them follow.
    n_frames = 2200
    last = np.full((1024, 1024), 7, np.uint16)
    description = f"ImageJ=1.54f\nimages={n_frames}\nframes={n_frames}\n"
    tifffile.imwrite(tmp_path / "a.tif", np.zeros_like(last), description=description, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset = file.pages[0].dataoffsets[0]
    with (tmp_path / "a.tif").open("r+b") as sparse:
        sparse.seek(offset + (n_frames - 1) * last.nbytes)
        sparse.write(last.tobytes())
    with open_movie(tmp_path / "a.tif") as movie:
        assert movie.n_frames == n_frames
        assert (movie.read(n_frames - 2, n_frames).mean(axis=(1, 2)) == [0, 7]).all()


def multi_file_ome(folder: Path) -> list[Path]:
    """Three files of three frames each, tied together by their OME-XML."""
    names = [f"part{i}.ome.tif" for i in range(3)]
    uuids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{i}" for i in range(3)]
    data = "".join(
        f'<TiffData FirstT="{frame}" FirstC="0" FirstZ="0" IFD="{frame % 3}" PlaneCount="1">'
        f'<UUID FileName="{names[frame // 3]}">{uuids[frame // 3]}</UUID></TiffData>'
        for frame in range(9)
    )
    for i, name in enumerate(names):
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{uuids[i]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            'SizeX="12" SizeY="16" SizeZ="1" SizeC="1" SizeT="9" PhysicalSizeX="108" PhysicalSizeXUnit="nm" '
            f'PhysicalSizeY="0.108"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            folder / name, FRAMES[3 * i : 3 * i + 3], photometric="minisblack", description=xml, metadata=None
        )
    return [folder / name for name in names]


def test_the_files_of_an_ome_series_are_one_movie(tmp_path: Path) -> None:
    first, second, _ = multi_file_ome(tmp_path)
    with open_movie(first) as movie, open_movie(second) as again:
        np.testing.assert_array_equal(movie.read(0, 9), FRAMES)
        np.testing.assert_array_equal(movie.read(2, 7), FRAMES[2:7])
        assert movie.identity == again.identity


def test_a_missing_file_of_an_ome_series_is_missed(tmp_path: Path) -> None:
    first, second, _ = multi_file_ome(tmp_path)
    second.unlink()
    with pytest.raises(MovieError, match="some are missing"):
        open_movie(first)


def test_the_pixel_size_of_an_ome_tiff_is_metadata(tmp_path: Path) -> None:
    first, *_ = multi_file_ome(tmp_path)
    with open_movie(first) as movie:
        assert movie.metadata == pytest.approx({"voxelsize.x": 0.108, "voxelsize.y": 0.108})


@pytest.mark.parametrize(
    ("shape", "options", "problem"),
    [
        ((5, 16, 12, 3), {"photometric": "rgb"}, "colour"),
        ((3, 16, 12), {"imagej": True, "metadata": {"axes": "CYX"}}, "3 channels"),
        ((4, 2, 16, 12), {"imagej": True, "metadata": {"axes": "TCYX"}}, "has the axes TCYX"),
        ((4, 2, 16, 12), {"imagej": True, "metadata": {"axes": "TZYX"}}, "has the axes TZYX"),
    ],
)
def test_colours_channels_and_planes_are_refused(
    tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any], problem: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint8), **{"photometric": "minisblack", **options})
    with pytest.raises(MovieError, match=problem):
        open_movie(tmp_path / "a.tif")


def read_all(path: Path) -> None:
    with open_movie(path) as movie:
        movie.read(0, movie.n_frames)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("is_page_by_page", [True, False])
def test_a_truncated_stack_gets_one_line_wherever_it_is_cut(
    tmp_path: Path, compression: str | None, *, is_page_by_page: bool
) -> None:
    with tifffile.TiffWriter(tmp_path / "whole.tif") as writer:
        for frames in FRAMES if is_page_by_page else [FRAMES]:
            writer.write(frames, contiguous=False, metadata=None, compression=compression, photometric="minisblack")
    content = (tmp_path / "whole.tif").read_bytes()
    for n_bytes in range(8, len(content) - 1, 97):
        (tmp_path / "a.tif").write_bytes(content[:n_bytes])
        os.utime(tmp_path / "a.tif", (0, 0))  # nobody is writing it
        with pytest.raises(MovieError) as error:
            read_all(tmp_path / "a.tif")
        assert "\n" not in str(error.value)


def test_nothing_but_a_header_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0\0\0\0\0")
    os.utime(tmp_path / "a.tif", (0, 0))  # nobody is writing it
    with pytest.raises(MovieError):
        open_movie(tmp_path / "a.tif")


@pytest.mark.skipif(importlib.util.find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
def test_a_compression_that_is_not_installed_says_what_to_install(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", FRAMES, photometric="minisblack", compression="zlib", metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        places = [page.aspage().tags["Compression"].valueoffset for page in file.pages]
    for place in places:
        content[place : place + 2] = (50001).to_bytes(2, "little")  # WebP
    (tmp_path / "a.tif").write_bytes(bytes(content))
    with pytest.raises(MovieError, match=r"WEBP, which is not installed; pip install 'pointillist\[codecs\]'"):
        open_movie(tmp_path / "a.tif")


def test_the_real_movie_is_read(shared_data: Path) -> None:
    with open_movie(shared_data / "egfp_tirf" / "egfp_tirf.tif") as movie:
        assert (movie.n_frames, *movie.frame_shape) == (750, 135, 135)
        assert movie.dtype == np.uint16
        assert movie.metadata["Camera.ADOffset"] == 367.0
        assert 367 < np.median(movie.read(740, 750)) < 2000
