"""OME-TIFF: the frames of an image, in one file or in several that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pointillist.errors import MovieError
from pointillist.pipeline_files.movies.tiff.ome_xml import Ome, OmeImage, is_ome, read_ome
from pointillist.pipeline_files.movies.tiff.pages import Pages, read_pages
from pointillist.pipeline_files.movies.tiff.selection import (
    MISSING,
    Selection,
    check_axes,
    count_remarks,
    frame_pages,
    table_of,
)

_MAX_XML_BYTES = 1 << 28


def find_ome(path: Path, descriptions: Sequence[str]) -> Ome | None:
    """Read the OME-XML of a file, or the one to which it refers.

    Parameters
    ----------
    path
        Path of the file.
    descriptions
        Descriptions of the first page.

    Returns
    -------
    Ome or None
        OME-XML with the UUID of this file; it still refers elsewhere if the file with the whole XML does not exist.
    """
    ome = next((read_ome(text) for text in descriptions if is_ome(text)), None)
    if ome is None or not ome.elsewhere:
        return ome
    companion = path.with_name(Path(ome.elsewhere).name)
    if not companion.is_file() or companion.stat().st_size > _MAX_XML_BYTES * (1 + (companion.suffix != ".ome") * 64):
        return ome
    whole = next((found for text in _texts(companion) if is_ome(text) and (found := read_ome(text))), None)
    if whole is None or whole.elsewhere:
        return ome
    return Ome(uuid=ome.uuid, images=whole.images, elsewhere="")


def select_ome(path: Path, pages: Pages, ome: Ome) -> tuple[Selection, OmeImage | None]:
    """Choose the frames of the image to which a file belongs.

    Parameters
    ----------
    path, pages
        Path and pages of the file.
    ome
        OME-XML of the file.

    Returns
    -------
    selection
        Frames, arranged as the pages are where these and the XML differ.
    image
        Image of the XML; None where the XML has no image of this size.

    Raises
    ------
    MovieError
        If files of the series are missing or renamed, or it is no sequence of grey images.
    """
    if ome.elsewhere:
        problem = f"is described by {ome.elsewhere}, which is not beside it"
        raise MovieError(path, problem, "put all files of the acquisition into one folder, under their original names")
    frames, remarks = frame_pages(pages)
    layout = pages.layout_of(int(frames[0]))
    images = [image for image in ome.images if image.frame_shape == (layout.length, layout.width)]
    images = [image for image in images if own_key(path, ome, image) is not None] or images[: len(images) == 1]
    if not images:
        problem = "its OME-XML describes no image of the size of its pages; all its pages are read"
        return Selection(files=[pages], table=table_of(frames), remarks=[*remarks, problem]), None
    check_axes(path, [("P", len(images)), *images[0].sizes])
    files = _files(path, pages, ome, images[0])
    selection = _arrange(path, files, images[0])
    return Selection(files=selection.files, table=selection.table, remarks=[*remarks, *selection.remarks]), images[0]


def own_key(path: Path, ome: Ome, image: OmeImage) -> str | None:
    """Return the key of a file in an image; None if it does not belong to it.

    Parameters
    ----------
    path
        Path of the file.
    ome
        OME-XML of the file.
    image
        Image of the XML.
    """
    by_name = next((key for key, name in image.names.items() if name.lower() == path.name.lower()), None)
    if by_name is not None or ome.uuid in image.names:
        return by_name if by_name is not None else ome.uuid
    other_files = {key for other in ome.images for key in other.names}
    return next(iter(image.names)) if len(other_files) == 1 else None  # an only file, renamed


def own_image(path: Path, ome: Ome | None) -> OmeImage | None:
    """Return the image to which a file belongs.

    Parameters
    ----------
    path
        Path of the file.
    ome
        OME-XML of the file.
    """
    images = ome.images if ome is not None else []
    return next((image for image in images if own_key(path, ome, image) is not None), None) if ome else None


def missing_files(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the names of files that are not in a folder.

    Parameters
    ----------
    folder
        Folder of the movie.
    names
        Names of the files of the series.
    """
    return sorted(name for name in set(names) if not name or not (folder / name).is_file())


def _texts(companion: Path) -> list[str]:
    if companion.suffix.lower() in (".tif", ".tiff"):
        return read_pages(companion).descriptions(1)
    return [companion.read_text(encoding="utf-8", errors="replace")]


def _files(path: Path, pages: Pages, ome: Ome, image: OmeImage) -> dict[str, Pages]:
    """Read the pages of all files of an image, in the order of their first frames."""
    own = own_key(path, ome, image)
    first = {key: min(plane.frame for plane in image.planes if plane.file == key) for key in image.names}
    missing = missing_files(path.parent, [name for key, name in image.names.items() if key != own])
    if own is None or missing:
        problem = f"is one of {len(first)} files of a series, of which some are missing or renamed"
        raise MovieError(
            path, f"{problem} ({', '.join(missing)})", "put them into one folder under their original names"
        )
    files = {
        key: pages if key == own else read_pages(path.with_name(image.names[key]))
        for key in sorted(first, key=first.__getitem__)
    }
    if len(files) > 1:
        _check_names(path, files)
    return files


def _check_names(path: Path, files: Mapping[str, Pages]) -> None:
    """Refuse parts whose UUID is not that of the file whose name they have."""
    for key, pages in files.items():
        ome = next((read_ome(text) for text in pages.descriptions(1) if is_ome(text)), None)
        if ome is not None and ome.uuid and key.startswith("urn:uuid:") and ome.uuid != key:
            problem = f"{pages.path.name} is not the file of the series that had this name: it was renamed or copied"
            raise MovieError(path, problem, "put the files into one folder under their original names")


def _arrange(path: Path, files: Mapping[str, Pages], image: OmeImage) -> Selection:
    """Arrange the pages in the order of the XML, with those that it does not list at the end."""
    numbers = {key: number for number, key in enumerate(files)}
    present = [plane for plane in image.planes if plane.page < len(files[plane.file])]
    n_frames = max((plane.frame for plane in present), default=-1) + 1
    table = np.full((n_frames, 2), MISSING, np.int64)
    for plane in present:
        table[plane.frame] = numbers[plane.file], plane.page
    whole = np.concatenate([table_of(frame_pages(pages)[0], numbers[key]) for key, pages in files.items()])
    known = set(map(tuple, table.tolist()))
    unknown = [row for row in whole.tolist() if tuple(row) not in known]
    n_gaps = int((table[:, 1] == MISSING).sum())
    if unknown and n_gaps:
        problem = f"its OME-XML omits {len(unknown)} pages and counts {n_gaps} frames that are in none"
        raise MovieError(path, problem, "save it again as TIFF, with Fiji for instance")
    if unknown:
        table = whole if len(files) > 1 else np.concatenate([table, np.array(unknown, np.int64)])
    remarks = count_remarks("its OME-XML", image.n_frames, len(table))
    remarks += [f"{n_gaps} frames that its OME-XML counts are in none of its files"] if n_gaps else []
    return Selection(files=list(files.values()), table=table, remarks=remarks)
