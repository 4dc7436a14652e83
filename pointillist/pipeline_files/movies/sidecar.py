"""Metadata beside a movie, in a file of the same stem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pointillist.settings import SUFFIXES, Value, check_sidecar, in_micrometres, read_yaml_json
from pointillist.system import irregular

_NOT_READ = {".md": "a Python script of PYME", ".xml": "XML of PYME"}


def read_sidecar(movie: Path) -> tuple[dict[str, Value], list[str]]:
    """Read the metadata beside a movie.

    Parameters
    ----------
    movie
        Path of the movie. ``cells.tif`` and ``cells.ome.tif`` have ``cells.json``, ``cells.yaml`` or ``cells.yml``, the
        first of these that exists.

    Returns
    -------
    metadata
        Flat metadata with pixel sizes in µm; empty without a side-car.
    remarks
        One line for each unread file beside the movie that looks like metadata, and for converted pixel sizes.

    Raises
    ------
    SettingError
        If the side-car is no metadata, or has misspelt settings.
    """
    found = [path for path in _candidates(movie, SUFFIXES) if path.is_file()]
    remarks = [f"{path.name} is ignored, since {found[0].name} is used" for path in found[1:]]
    remarks += [
        f"{path.name} is {kind} and is not read" for path in _candidates(movie, SUFFIXES) if (kind := irregular(path))
    ]
    if found:
        entries = read_yaml_json(found[0])
        check_sidecar(found[0], entries)
        metadata, conversions = in_micrometres(entries)
        return metadata, remarks + conversions
    for path in _candidates(movie, _NOT_READ):
        if path.is_file():
            kind = _NOT_READ[path.suffix]
            remarks.append(f"{path.name} is {kind} and is not read; write its entries to {movie.stem}.json")
    return {}, remarks


def _candidates(movie: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    for suffix in suffixes:
        yield movie.with_suffix(suffix)
        if movie.stem.endswith(".ome"):
            yield movie.with_suffix("").with_suffix(suffix)
