"""OME-XML, the description of the images of an OME-TIFF."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree as ET

from pointillist.settings import Value, micrometres_in


class Plane(NamedTuple):
    """Location of a frame: its number, the key of the file, and the page."""

    frame: int
    file: str
    page: int


@dataclass(frozen=True, kw_only=True)
class OmeImage:
    """One image of an OME-XML.

    Parameters
    ----------
    pixels
        Attributes of the ``Pixels`` element.
    sizes
        Lengths of the axes ``T``, ``Z``, ``C``.
    planes
        Frames for which a file is named; the key of an unnamed file is empty.
    names
        File names by key, which is the UUID of the file, or its name without one.
    """

    pixels: Mapping[str, str]
    sizes: Sequence[tuple[str, int]]
    planes: Sequence[Plane]
    names: Mapping[str, str]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """``(y, x)``."""
        return _number(self.pixels, "SizeY"), _number(self.pixels, "SizeX")

    @property
    def n_frames(self) -> int:
        """Number of frames that were planned."""
        n_frames = 1
        for _, size in self.sizes:
            n_frames *= size
        return n_frames

    @property
    def pixel_size(self) -> dict[str, Value]:
        """Pixel size in µm, as metadata."""
        sizes: dict[str, Value] = {}
        for axis in "XY":
            size = self.pixels.get(f"PhysicalSize{axis}", "")
            with suppress(ValueError):  # of a unit that is no length, such as "pixel"
                factor = micrometres_in(self.pixels.get(f"PhysicalSize{axis}Unit", "µm"))
                if re.fullmatch(r"\d*\.?\d+([eE][-+]?\d+)?", size):
                    sizes[f"voxelsize.{axis.lower()}"] = float(size) * factor
        return sizes


@dataclass(frozen=True, kw_only=True)
class Ome:
    """An OME-XML.

    Parameters
    ----------
    uuid
        UUID of the file that holds the XML.
    images
        Images in the order of the XML.
    elsewhere
        Name of the file that holds the whole XML; empty if this is it.
    """

    uuid: str
    images: Sequence[OmeImage]
    elsewhere: str


def read_ome(text: str) -> Ome | None:
    """Read an OME-XML.

    Parameters
    ----------
    text
        Content of a description or companion file.

    Returns
    -------
    Ome or None
        Images of the XML; None if it is no OME-XML, is damaged, or declares entities, which can use up all memory.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        root = ET.fromstring(text.strip().encode())  # noqa: S314 - see above
        images = [_image(pixels) for image in _named(root, "Image") for pixels in _named(image, "Pixels")]
        elsewhere = next((part.attrib.get("MetadataFile", "") for part in _named(root, "BinaryOnly")), "")
    except (ET.ParseError, ValueError, LookupError):
        return None
    return Ome(uuid=root.attrib.get("UUID", ""), images=images, elsewhere=elsewhere)


def is_ome(text: str) -> bool:
    """Return whether a description looks like OME-XML.

    Parameters
    ----------
    text
        Description of a page.
    """
    return text.strip()[-4:] == "OME>" or bool(re.match(r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(\w+:)?OME\b", text))


def _named(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if child.tag.rpartition("}")[2] == name)


def _number(attributes: Mapping[str, str], name: str, default: int = 1) -> int:
    return max(0, int(attributes.get(name, default)))


def _image(pixels: ET.Element) -> OmeImage:
    samples = max([1, *(_number(channel.attrib, "SamplesPerPixel") for channel in _named(pixels, "Channel"))])
    lengths = {axis: max(1, _number(pixels.attrib, f"Size{axis}")) for axis in "TZC"}
    lengths["C"] = max(1, lengths["C"] // samples)
    order = [axis for axis in pixels.attrib.get("DimensionOrder", "XYCZT")[2:] if axis in lengths]
    steps, step = {}, 1
    for axis in order:
        steps[axis], step = step, step * lengths[axis]
    planes: list[Plane] = []
    names: dict[str, str] = {}
    for data in _named(pixels, "TiffData"):
        uuid = next(_named(data, "UUID"), None)
        name = uuid.attrib.get("FileName", "") if uuid is not None else ""
        key = (uuid.text or name).strip() if uuid is not None else ""
        names[key] = name
        first = sum(_number(data.attrib, f"First{axis}", 0) * steps[axis] for axis in order)
        page = _number(data.attrib, "IFD", 0)
        n_planes = _number(data.attrib, "PlaneCount", 1 if "IFD" in data.attrib else step - first)
        planes += [Plane(first + index, key, page + index) for index in range(min(n_planes, step))]
    sizes = [(axis, lengths[axis]) for axis in "TZC"]
    return OmeImage(
        pixels=pixels.attrib,
        sizes=sizes,
        planes=planes or [Plane(i, "", i) for i in range(step)],
        names=names or {"": ""},
    )
