from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tables
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.chunks import ChunkReader
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.stored_chunks import StoredChunks, is_decodable
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5

FILTERS: list[dict[str, Any]] = [
    {},
    {"shuffle": True},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
]
PYME_CHUNKS = [
    ((23, 64, 48), (10, 64, 48)),
    ((5, 256, 256), (2, 256, 256)),
    ((3, 512, 512), (1, 256, 512)),
    ((2, 256, 2048), (1, 128, 2048)),
    ((4, 33, 17), (1, 33, 17)),
]


def pixels(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray[Any]:
    """Pixels with something in every byte; floats include NaN, infinities and subnormal numbers."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    stored = np.random.default_rng(seed).integers(0, 256, n_bytes, np.uint8)
    return stored.view(dtype).reshape(shape)


def write(path: Path, stored: NDArray[Any], **options: Any) -> None:
    """``(frame, X, Y)``, as it stands in the file."""
    with h5py.File(path, "w") as file:
        file.create_dataset("ImageData", data=stored, **options)


def is_decoded_here(path: Path) -> bool:
    with h5py.File(path) as file:
        return is_decodable(file["ImageData"])


def assert_same_bits(frames: NDArray[Any], stored: NDArray[Any]) -> None:
    """The frames are those of ``(frame, X, Y)``, to the last bit."""
    expected = np.ascontiguousarray(stored.astype(frames.dtype).transpose(0, 2, 1))
    assert frames.dtype.isnative
    assert frames.flags.c_contiguous
    assert frames.shape == expected.shape
    assert frames.tobytes() == expected.tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chunks")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of an array and of its chunks, which may be partial at each edge."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 40), st.integers(1, 40)))
    return shape, draw(st.tuples(*(st.integers(1, size) for size in shape)))


@settings(max_examples=150)
@given(
    layout=layouts(),
    dtype=st.sampled_from(["u1", "<u2", ">u2", "<f4", ">f4", "<f8"]),
    filters=st.sampled_from(FILTERS),
    bounds=st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_any_range_of_any_chunks_is_what_hdf5_reads(
    folder: Path,
    layout: tuple[tuple[int, ...], tuple[int, ...]],
    dtype: str,
    filters: dict[str, Any],
    bounds: tuple[int, int],
) -> None:
    shape, chunks = layout
    start, stop = sorted(min(bound, shape[0]) for bound in bounds)
    stored = pixels(shape, "u1").astype(dtype) if dtype == "<f8" else pixels(shape, dtype)
    write(folder / "a.h5", stored, chunks=chunks, **filters)
    has_edges = any(size % chunk for size, chunk in zip(shape, chunks, strict=True))
    assert is_decoded_here(folder / "a.h5") == (dtype != "<f8" and not (filters == {"shuffle": True} and has_edges))
    with open_movie(folder / "a.h5") as movie:
        assert_same_bits(movie.read(start, stop), stored[start:stop])


@pytest.mark.parametrize(("shape", "chunks"), PYME_CHUNKS)
@pytest.mark.parametrize("filters", FILTERS)
def test_pymes_chunks_are_decoded(
    tmp_path: Path, shape: tuple[int, int, int], chunks: tuple[int, int, int], filters: dict[str, Any]
) -> None:
    stored = pixels(shape, "u2")
    write(tmp_path / "a.h5", stored, chunks=chunks, **filters)
    assert is_decoded_here(tmp_path / "a.h5") == (filters != {"shuffle": True} or shape[0] % chunks[0] == 0)
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(1, shape[0]), stored[1:])
        assert_same_bits(movie.read(0, shape[0]), stored)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_what_the_program_writes_is_decoded(tmp_path: Path, *, is_compressed: bool) -> None:
    frames = pixels((5, 70, 90), "u2")
    write_pyme_h5(tmp_path / "a.h5", [frames], {}, is_compressed=is_compressed)
    assert is_decoded_here(tmp_path / "a.h5")
    with open_movie(tmp_path / "a.h5") as movie:
        np.testing.assert_array_equal(movie.read(1, 5), frames[1:])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (2, 8, 5), "compression": "lzf"},
        {"chunks": (2, 8, 5), "fletcher32": True},
        {"chunks": (2, 8, 5), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (2, 8, 5), "scaleoffset": 0},
    ],
)
@pytest.mark.parametrize("dtype", ["u2", ">u2"])
def test_other_storage_is_left_to_hdf5(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    stored = pixels((5, 12, 9), dtype)
    write(tmp_path / "a.h5", stored, **options)
    assert not is_decoded_here(tmp_path / "a.h5")
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(1, 4), stored[1:4])


@pytest.mark.skipif(find_spec("hdf5plugin") is None, reason="hdf5plugin, of the extra [codecs], is not installed")
@pytest.mark.parametrize("codec", ["blosc:lz4", "blosc:zstd", "blosc2:lz4"])
def test_blosc_is_left_to_hdf5(tmp_path: Path, codec: str) -> None:
    stored = pixels((5, 12, 9), "u2")
    with tables.open_file(tmp_path / "a.h5", "w") as file:
        file.create_carray("/", "ImageData", obj=stored, filters=tables.Filters(5, codec))
    assert not is_decoded_here(tmp_path / "a.h5")
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(1, 4), stored[1:4])


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "f4"])
def test_chunks_of_a_background_that_were_never_written_hold_the_fill_value(
    tmp_path: Path, filters: dict[str, Any], dtype: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("Pointillist")  # a background; a frame that was recorded has pixels
        data = file.create_dataset("ImageData", (6, 8, 12), dtype, chunks=(2, 8, 4), fillvalue=7, **filters)
        data[2:4, :, 4:8] = 200
        stored = data[:]
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(0, 6), stored)
        assert_same_bits(movie.read(1, 3), stored[1:3])


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "f4"])
def test_each_chunk_says_which_filters_it_went_through(tmp_path: Path, dtype: str) -> None:
    stored = pixels((8, 6, 7), dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("ImageData", stored.shape, dtype, chunks=(2, 6, 7), compression="gzip", shuffle=True)
        for skipped, first in enumerate(range(0, 8, 2)):
            content = stored[first : first + 2].tobytes()
            if not skipped & 1:
                content = np.frombuffer(content, "u1").reshape(-1, stored.itemsize).T.tobytes()
            if not skipped & 2:
                content = zlib.compress(content)
            data.id.write_direct_chunk((first, 0, 0), content, skipped)
    assert is_decoded_here(tmp_path / "a.h5")
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(0, 8), stored)
        assert_same_bits(movie.read(3, 7), stored[3:7])


def spoil(path: Path, chunk: int, first: int, n_bytes: int) -> None:
    with h5py.File(path) as file:
        place = file["ImageData"].id.get_chunk_info(chunk)
    content = bytearray(path.read_bytes())
    begin = place.byte_offset + first
    content[begin : begin + n_bytes] = bytes(255 - byte for byte in content[begin : begin + n_bytes])
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("first", [0, 30, -4])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_damaged_chunk_gets_one_line_and_spares_the_others(tmp_path: Path, first: int, *, shuffle: bool) -> None:
    stored = pixels((8, 6, 7), "u2")
    write(tmp_path / "a.h5", stored, chunks=(2, 6, 7), compression="gzip", shuffle=shuffle)
    with h5py.File(tmp_path / "a.h5") as file:
        size = file["ImageData"].id.get_chunk_info(1).size
    spoil(tmp_path / "a.h5", 1, first % size, 4)
    with open_movie(tmp_path / "a.h5") as movie:
        assert_same_bits(movie.read(4, 8), stored[4:])
        with pytest.raises(MovieError, match="frames 0 to 4 cannot be read") as error:
            movie.read(0, 4)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [zlib.compress(bytes(100)), b"x", zlib.compress(bytes(168))[:-5]])
def test_a_chunk_that_is_too_short_gets_one_line(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "a.h5", pixels((8, 6, 7), "u2"), chunks=(2, 6, 7), compression="gzip")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["ImageData"].id.write_direct_chunk((2, 0, 0), content)
    with open_movie(tmp_path / "a.h5") as movie, pytest.raises(MovieError, match="frames 1 to 3 cannot be read"):
        movie.read(1, 3)


@pytest.mark.parametrize("filters", FILTERS)
def test_a_file_that_loses_its_end_gets_one_line(tmp_path: Path, filters: dict[str, Any]) -> None:
    write(tmp_path / "a.h5", pixels((40, 32, 32), "u2"), chunks=(2, 32, 32), **filters)
    with open_movie(tmp_path / "a.h5") as movie:
        with (tmp_path / "a.h5").open("r+b") as file:
            file.truncate((tmp_path / "a.h5").stat().st_size // 2)
        with pytest.raises(MovieError) as error:
            movie.read(0, 40)
    assert "\n" not in str(error.value)


def test_memory_is_bounded_by_the_range(tmp_path: Path) -> None:
    frames = np.zeros((200, 128, 128), np.uint16)
    write_pyme_h5(tmp_path / "a.h5", [frames], {})
    with h5py.File(tmp_path / "a.h5") as file:
        stored = StoredChunks(file["ImageData"])
        reader = ChunkReader(stored.about, stored.get)
        reader.read(0, 8)
        tracemalloc.start()
        reader.read(100, 108)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1.7 * frames[:8].nbytes  # the range and one chunk of four frames


def test_a_compiler_is_only_imported_for_who_reads_more_than_a_frame(tmp_path: Path) -> None:
    write_pyme_h5(tmp_path / "a.h5", [pixels((5, 20, 20), "u2")], {})
    code = (
        "import sys; from pointillist.pipeline_files.movies.movie import open_movie\n"
        "with open_movie(sys.argv[1]) as movie: movie.read(0, 1)\n"
        "assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.h5"], check=True, timeout=60)
