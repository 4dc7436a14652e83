from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.pipeline_files.movies.pzf import PzfError, decode, parse_header

PIXELS = np.arange(12, dtype="<u2").reshape(3, 4) * 100  # (x, y)
CODES = {"u1": 0, "u2": 1, "f4": 2}


def pzf(pixels: NDArray[Any], *, version: int = 3, order: str = "C", compression: int = 0, scale: float = 0.0) -> bytes:
    """A frame as PYME's format has it, put together from its description."""
    code = CODES[pixels.dtype.str[1:]]
    header = struct.pack(
        "<2sBBBBcxqIIIIQff",
        b"BD", version, code, compression, scale > 0, order.encode(), 7, 0, *pixels.shape, 1, 0, 100.0, scale,
    )  # fmt: skip
    if version >= 3:
        header += struct.pack("<I12x", len(header) + 16)
    stored = np.round(np.sqrt(pixels - 100.0) / scale).astype(np.uint8) if scale else pixels
    return header + stored.tobytes(order="F" if order == "F" else "C")


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", "<f4"])
def test_a_frame_is_read_whatever_its_version_order_and_type(version: int, order: str, dtype: str) -> None:
    pixels = (PIXELS // 100).astype(dtype)
    frame = decode(pzf(pixels, version=version, order=order))
    assert frame.dtype == pixels.dtype
    np.testing.assert_array_equal(frame, pixels)


def test_quantised_pixels_are_squared_again_and_cut_off_to_counts() -> None:
    frame = decode(pzf(PIXELS + 100, scale=0.5))
    steps = np.round(np.sqrt(PIXELS) / 0.5)
    assert frame.dtype == np.uint16
    np.testing.assert_array_equal(frame, np.floor((steps * 0.5) ** 2 + 100))


@pytest.mark.parametrize(
    "frame", [b"", b"BD", b"XX" + bytes(80), pzf(PIXELS)[:-1], pzf(PIXELS)[:50], b"BD\x03\x09" + bytes(80)]
)
def test_what_is_no_whole_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(PzfError):
        decode(frame)


def test_huffman_coding_is_recognised_and_refused() -> None:
    frame = pzf(PIXELS, compression=1)
    assert parse_header(frame).is_compressed
    with pytest.raises(PzfError):
        decode(frame)
