from __future__ import annotations

from typing import Any

import deflate
import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from pointillist.pipeline_files.backgrounds.image_packs import FRAME_DTYPE, ImageLayout, Pack

SHAPE = (5, 7)


def layout_of(dtype: Any, *, is_compressed: bool = True, is_mapped: bool = False) -> ImageLayout:
    return ImageLayout(frame_shape=SHAPE, dtype=np.dtype(dtype), is_compressed=is_compressed, is_mapped=is_mapped)


def image(value: float, dtype: Any = np.uint16) -> NDArray[Any]:
    return (np.arange(35).reshape(SHAPE) + value).astype(dtype)


def decoded(layout: ImageLayout, chunk: bytes | memoryview) -> NDArray[Any]:
    content = bytes(chunk)
    if layout.is_compressed:
        planes = np.frombuffer(deflate.zlib_decompress(content, layout.image_bytes), np.uint8)
        content = planes.reshape(layout.dtype.itemsize, -1).T.tobytes()
    return np.frombuffer(content, layout.dtype).reshape(SHAPE[::-1]).T


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_chunk_holds_the_image_to_the_bit(dtype: Any, is_compressed: bool) -> None:  # noqa: FBT001 - pytest's
    layout = layout_of(dtype, is_compressed=is_compressed)
    original = image(3.25, dtype)
    np.testing.assert_array_equal(decoded(layout, layout.chunk(original)), original)
    assert layout.image_bytes == original.nbytes


def test_an_image_that_stays_the_same_is_packed_once() -> None:
    images = [image(0), image(0), image(1), image(1), image(0)]
    pack = Pack.of(layout_of(np.uint16), [(one, 0.0) for one in images])
    assert pack.frames["image"].tolist() == [0, 0, 1, 1, 2]
    assert len(pack.chunks) == 3


def test_a_frame_without_image_is_told_from_one_of_zeros() -> None:
    pack = Pack.of(layout_of(np.uint16), [(None, 0.0), (0 * image(0), 0.0), (None, 0.0)])
    assert pack.frames["image"].tolist() == [-1, 0, -1]


def test_offsets_stand_apart_where_images_are_mapped_and_are_added_elsewhere() -> None:
    images = [(image(0, np.float32), 0.0), (image(0, np.float32), 1.5)]
    mapped = Pack.of(layout_of(np.float32, is_mapped=True), images)
    assert (len(mapped.chunks), mapped.frames["offset"].tolist()) == (1, [0.0, 1.5])
    layout = layout_of(np.float32)
    added = Pack.of(layout, images)
    assert (len(added.chunks), added.frames["offset"].tolist()) == (2, [0.0, 0.0])
    np.testing.assert_array_equal(decoded(layout, added.chunks[1]), image(1.5, np.float32))


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=8))
def test_a_pack_survives_its_journey(values: list[int | None]) -> None:
    pack = Pack.of(layout_of(np.uint16), ((None if value is None else image(value), 0.0) for value in values))
    arrived = Pack.from_buffers(pack.buffers())
    assert arrived.frames.tobytes() == pack.frames.tobytes()
    assert [bytes(chunk) for chunk in arrived.chunks] == list(pack.chunks)


FRAMES = np.array([(0, 0.0)], FRAME_DTYPE).tobytes()


@pytest.mark.parametrize(
    "buffers",
    [
        [],
        [FRAMES],
        [FRAMES, b"\3\0\0\0", b"xx"],
        [FRAMES, b"\3\0\0", b"xxx"],
        [FRAMES[:-1], b"\3\0\0\0", b"xxx"],
        [np.array([(1, 0.0)], FRAME_DTYPE).tobytes(), b"\3\0\0\0", b"xxx"],
        [np.array([(-2, 0.0)], FRAME_DTYPE).tobytes(), b"\3\0\0\0", b"xxx"],
    ],
)
def test_what_is_no_pack_is_refused(buffers: list[bytes]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's or ours
        Pack.from_buffers(buffers)
