"""PZF, PYME's format of single frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = np.dtype(
    [
        ("ID", "S2"),
        ("Version", "u1"),
        ("DataFormat", "u1"),
        ("DataCompression", "u1"),
        ("DataQuantization", "u1"),
        ("DimOrder", "S1"),
        ("Reserved", "u1"),
        ("SequenceID", "<i8"),
        ("FrameNum", "<u4"),
        ("Width", "<u4"),
        ("Height", "<u4"),
        ("Depth", "<u4"),
        ("FrameTimestamp", "<u8"),
        ("QuantOffset", "<f4"),
        ("QuantScale", "<f4"),
    ]
)
_DATA_OFFSET = np.dtype("<u4")
_FORMATS = (np.dtype("u1"), np.dtype("<u2"), np.dtype("<f4"))


class PzfError(ValueError):
    """A frame is damaged or of an unsupported encoding."""


@dataclass(frozen=True, kw_only=True)
class PzfHeader:
    """Header of a frame.

    Parameters
    ----------
    shape
        Width and height of the frame, ``(x, y)``, px.
    dtype
        Type of the decoded pixels.
    is_compressed
        Whether the pixels are Huffman-coded.
    is_quantised
        Whether pixels are stored as bytes of their square roots.
    quantisation
        Offset (ADU) and scale (sqrt(ADU)) of the square roots.
    order
        Order of the pixels: ``"C"``, y runs fastest, or ``"F"``.
    data_offset
        Offset of the pixels, bytes.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    is_compressed: bool
    is_quantised: bool
    quantisation: tuple[np.float32, np.float32]
    order: str
    data_offset: int


def parse_header(frame: bytes) -> PzfHeader:
    """Read the header of a frame.

    Parameters
    ----------
    frame
        Complete PZF frame.

    Returns
    -------
    PzfHeader
        Header of version 1 to 3.

    Raises
    ------
    PzfError
        If it is none.
    """
    if len(frame) < _HEADER.itemsize or not frame.startswith(b"BD"):
        raise PzfError("is not a PZF frame")
    header = np.frombuffer(frame, _HEADER, 1)[0]
    has_offset = header["Version"] >= 3 and len(frame) >= _HEADER.itemsize + _DATA_OFFSET.itemsize
    offset = np.frombuffer(frame, _DATA_OFFSET, 1, _HEADER.itemsize)[0] if has_offset else _HEADER.itemsize
    if header["DataFormat"] >= len(_FORMATS) or header["Depth"] != 1:
        raise PzfError("is a PZF frame of an unknown kind")
    return PzfHeader(
        shape=(int(header["Width"]), int(header["Height"])),
        dtype=_FORMATS[header["DataFormat"]],
        is_compressed=bool(header["DataCompression"]),
        is_quantised=bool(header["DataQuantization"]),
        quantisation=(header["QuantOffset"], header["QuantScale"]),
        order="F" if header["DimOrder"] == b"F" else "C",
        data_offset=int(offset),
    )


def decode(frame: bytes) -> NDArray[Any]:
    """Return the pixels of a frame.

    Parameters
    ----------
    frame
        Complete PZF frame, not Huffman-coded.

    Returns
    -------
    ndarray
        Frame ``(x, y)``, as PYME has it; uint8, uint16 or float32.

    Raises
    ------
    PzfError
        If it is damaged, or Huffman-coded.

    Notes
    -----
    Quantised pixels ``q`` stand for ``(q scale)² + offset``, cut off to whole counts.
    """
    header = parse_header(frame)
    if header.is_compressed:
        raise PzfError("is Huffman-coded")
    stored = np.dtype("u1") if header.is_quantised else header.dtype
    n_pixels = header.shape[0] * header.shape[1]
    if len(frame) < header.data_offset + n_pixels * stored.itemsize:
        raise PzfError("is truncated")
    pixels = np.frombuffer(frame, stored, n_pixels, header.data_offset)
    if header.is_quantised:
        offset, scale = header.quantisation
        pixels = (np.square(pixels.astype(np.float32) * scale) + offset).astype(header.dtype)
    return pixels.reshape(header.shape, order="F" if header.order == "F" else "C")
