"""Stacks as Micro-Manager writes them: a header, pages before their pixels, an index at the end, and OME-XML."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint16]


def ome_xml(shape: tuple[int, int, int], names: Sequence[str], counts: Sequence[int], axis: str = "T") -> str:
    """The XML of a movie of `shape`, of which each file holds so many frames."""
    n_frames, n_y, n_x = shape
    planes, frame = [], 0
    for name, count in zip(names, counts, strict=True):
        for page in range(count):
            planes.append(
                f'<TiffData First{axis}="{frame}" IFD="{page}" PlaneCount="1">'
                f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
            )
            frame += 1
    sizes = {"T": 1, "Z": 1, axis: n_frames}
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:'
        f'{names[0]}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="{n_x}" '
        f'SizeY="{n_y}" SizeC="1" SizeZ="{sizes["Z"]}" SizeT="{sizes["T"]}" '
        'PhysicalSizeX="0.108" PhysicalSizeY="0.108">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{"".join(planes)}</Pixels></Image></OME>'
    )


def write_stack(
    path: Path,
    frames: Frames,
    first: int,
    summary: dict[str, Any],
    *,
    xml: str = "",
    position: int = 0,
    axis: str = "T",
) -> list[int]:
    """Write one file, and return where in it the entries of its index are."""
    content = bytearray(b"II*\0" + bytes(4) + struct.pack("<8I", 54773648, 0, 0, 0, 0, 0, 2355492, 0))
    text = json.dumps(summary).encode()
    content[36:40] = struct.pack("<I", len(text))
    content += text + bytes(len(text) % 2)
    content[4:8] = struct.pack("<I", len(content))
    description = xml.encode() + b"\0"
    index = []
    for number, frame in enumerate(frames):
        directory, n_tags = len(content), 9 + (number == 0 and bool(xml))
        data = directory + 2 + 12 * n_tags + 4
        end = data + frame.nbytes + (len(description) if n_tags > 9 else 0)
        end += end % 2
        tags = [
            (256, 4, 1, frame.shape[1]),
            (257, 4, 1, frame.shape[0]),
            (258, 3, 1, 16),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
        ]
        tags += [(270, 2, len(description), data + frame.nbytes)] if n_tags > 9 else []
        tags += [(273, 4, 1, data), (277, 3, 1, 1), (278, 3, 1, frame.shape[0]), (279, 4, 1, frame.nbytes)]
        content += struct.pack("<H", n_tags) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        content += struct.pack("<I", end if number < len(frames) - 1 else 0) + frame.astype("<u2").tobytes()
        content += (description if n_tags > 9 else b"") + bytes(end % 2)
        content += bytes(end - len(content))
        place = first + number
        index.append((0, place if axis == "Z" else 0, place if axis == "T" else 0, position, directory))
    content[12:16] = struct.pack("<I", len(content))
    entries = [len(content) + 8 + 20 * number for number in range(len(index))]
    content += struct.pack("<2I", 3453623, len(index)) + np.array(index, "<u4").tobytes()
    path.write_bytes(content)
    return entries


def write_acquisition(
    folder: Path,
    frames: Frames,
    counts: Sequence[int],
    *,
    planned: int = 0,
    position: int = 0,
    axis: str = "T",
    n_positions: int = 1,
    has_xml: bool = True,
) -> list[Path]:
    """Write the files of one position, the frames spread over them."""
    planned = planned or sum(counts)
    folder.mkdir(exist_ok=True)
    names = [f"cells_MMStack_Pos{position}{f'_{i}' if i else ''}.ome.tif" for i in range(len(counts))]
    summary = {
        "MicroManagerVersion": "1.4.22",
        "Frames": planned if axis == "T" else 1,
        "Slices": planned if axis == "Z" else 1,
        "Channels": 1,
        "Positions": n_positions,
        "Prefix": "cells",
        "TimeFirst": True,
    }
    xml = ome_xml((planned, *frames.shape[1:]), names, counts, axis) if has_xml else ""
    first = 0
    for name, count in zip(names, counts, strict=True):
        part = frames[first : first + count]
        write_stack(folder / name, part, first, summary, xml=xml, position=position, axis=axis)
        first += count
    return [folder / name for name in names]
