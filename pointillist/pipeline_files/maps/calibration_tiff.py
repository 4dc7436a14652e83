"""Camera maps as PYME's calibration TIFFs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import tifffile
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.pipeline_files.maps.formats import ROW_AXIS
from pointillist.pipeline_files.storage import make_directory, translated_write_errors
from pointillist.settings import Metadata, Value

_OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2015-01" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2015-01 '
    'http://www.openmicroscopy.org/Schemas/OME/2015-01/ome.xsd"><Image ID="Image:0" Name="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZTC" BigEndian="false" Interleaved="false" Type="float" SizeX="{columns}" '
    'SizeY="{rows}" SizeZ="1" SizeT="1" SizeC="1"><TiffData/><Channel ID="Channel:0:0" SamplesPerPixel="1"/></Pixels>'
    '</Image><StructuredAnnotations><XMLAnnotation ID="PYME"><Value><MetaData>{metadata}</MetaData></Value>'
    "</XMLAnnotation></StructuredAnnotations></OME>"
)

_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def write_calibration_tiff(
    path: Path, chip: NDArray[np.floating], metadata: Metadata, *, is_row_x: bool, is_overwriting: bool = False
) -> None:
    """Write a map so that PYME, and the analysis of its movies, find its pixels where they belong.

    Parameters
    ----------
    path
        Path of the new file, ``.tif``.
    chip
        Image ``(y, x)`` of the chip, written as float32.
    metadata
        Values by dotted key. Numbers, switches and text are written; others, which PYME would unpickle, are left out.
    is_row_x
        Whether a row of the file is one x, as in PYME's maps for movies in its own ``.h5``; otherwise it is one y, as
        in its maps for movies in TIFF.
    is_overwriting
        Whether an existing file is replaced.

    Raises
    ------
    ResultsError
        If the file exists, or cannot be written; what was there before stays.
    """
    if path.exists() and not is_overwriting:
        raise ResultsError(path, "exists already", "choose another folder with -o, or add --overwrite")
    image = np.ascontiguousarray(chip.T if is_row_x else chip, "<f4")
    xml = _OME.format(
        rows=image.shape[0],
        columns=image.shape[1],
        metadata=_elements(_tree({**metadata, ROW_AXIS: "x" if is_row_x else "y"})),
    )
    make_directory(path)
    unfinished = path.with_name(f"{path.name}.unfinished{os.getpid()}")
    with translated_write_errors(path):
        try:
            # PYME reads descriptions as ASCII.
            description = xml.encode("ascii", "xmlcharrefreplace")
            tifffile.imwrite(unfinished, image, photometric="minisblack", metadata=None, description=description)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _tree(metadata: Metadata) -> dict[str, Value]:
    """Nest dotted keys; an entry that would have both a value and entries below is left out."""
    tree: dict[str, Value] = {}
    for key, value in metadata.items():
        if not isinstance(value, bool | int | float | str):
            continue
        *parents, name = key.split(".")
        if not all(map(_NAME.fullmatch, (*parents, name))):
            continue
        node = tree
        for parent in parents:
            below = node.setdefault(parent, {})
            node = below if isinstance(below, dict) else {}
        node.setdefault(name, value)
    return tree


def _elements(tree: Mapping[str, Value]) -> str:
    return "".join(
        f"<{name}>{_elements(value)}</{name}>" if isinstance(value, Mapping) else f"<{name} {_attributes(value)}/>"
        for name, value in tree.items()
    )


def _attributes(value: Value) -> str:
    # PYME tells what a value is by its class, and knows no other classes; it writes switches as integers, too.
    kind = "float" if isinstance(value, float) else "int" if isinstance(value, int) else "unicode"
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return f'class="{kind}" value={quoteattr(text)}'
