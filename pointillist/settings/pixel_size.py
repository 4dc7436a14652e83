"""Pixel sizes, converted to µm from any unit of length."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pointillist.settings.metadata import Metadata, Value, number

PIXEL_UNITS_NAME = "voxelsize.units"
PIXEL_SIZE_NAMES = ("voxelsize.x", "voxelsize.y", "voxelsize.z")

MICROMETRES = "um"
"""PYME's spelling of µm, the unit of sizes inside the program."""

_PREFIXES: Mapping[str, float] = {"pico": 1e-6, "nano": 1e-3, "micro": 1.0, "milli": 1e3, "centi": 1e4, "": 1e6}
_LONG_NAMES = {
    f"{prefix}{metre}{plural}": factor
    for prefix, factor in _PREFIXES.items()
    for metre in ("meter", "metre")
    for plural in ("", "s")
}
_UNITS: Mapping[str, float] = {
    "": 1.0,
    **dict.fromkeys(("um", "µm", "μm", r"\u00b5m", "micron", "microns"), 1.0),
    "pm": 1e-6,
    "nm": 1e-3,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    **dict.fromkeys(("a", "å", "angstrom", "angstroms", "ångström"), 0.0001),
    **_LONG_NAMES,
}
_KEPT_DIGITS = 12


def micrometres_in(unit: Value) -> float:
    """Return how many micrometres a unit of length is.

    Parameters
    ----------
    unit
        Name of a unit: ``um``, ``nm``, ``µm/px``, ``nanometers`` and so on; None for µm.

    Raises
    ------
    ValueError, TypeError
        If it is no unit of length.
    """
    if unit is None:
        return 1.0
    if not isinstance(unit, str):
        raise TypeError
    name = re.sub(r"\s*(/|\bper\b)\s*(px|pixels?|voxels?)$", "", unit.strip().casefold())
    for spelling, factor in _UNITS.items():
        if name == spelling.casefold():
            return factor
    raise ValueError


def in_micrometres(metadata: Metadata) -> tuple[dict[str, Value], list[str]]:
    """Convert the sizes of a pixel to µm.

    Parameters
    ----------
    metadata
        Metadata of one source, whose ``voxelsize.units`` applies to its sizes.

    Returns
    -------
    metadata
        Metadata with sizes in µm and ``voxelsize.units`` to match; unchanged without sizes or with a unit that is no
        length.
    remarks
        One line if something was converted.
    """
    try:
        factor = micrometres_in(metadata.get(PIXEL_UNITS_NAME))
    except (ValueError, TypeError):
        factor = 1.0
    sizes = {key: size for key in PIXEL_SIZE_NAMES if (size := _size(metadata, key)) is not None}
    if factor == 1 or not sizes:
        return dict(metadata), []
    converted = {key: float(f"{size * factor:.{_KEPT_DIGITS}g}") for key, size in sizes.items()}
    remarks = [
        f"{key} is {converted[key]:g} µm, given as {size:g} {metadata[PIXEL_UNITS_NAME]}" for key, size in sizes.items()
    ]
    return {**metadata, **converted, PIXEL_UNITS_NAME: MICROMETRES}, ["; ".join(remarks)]


def merge_metadata(upper: Metadata, lower: Metadata) -> tuple[dict[str, Value], list[str]]:
    """Merge the metadata of two sources, each with the unit of its own sizes.

    Parameters
    ----------
    upper
        Metadata that win. A unit without sizes is that of the sizes in `lower`.
    lower
        Metadata that are overridden.

    Returns
    -------
    metadata
        Merged metadata.
    remarks
        One line for each source whose sizes were converted.
    """
    has_sizes = bool(upper.keys() & set(PIXEL_SIZE_NAMES))
    if PIXEL_UNITS_NAME in upper and not has_sizes:
        return {**lower, **upper}, []
    above, remarks = in_micrometres(upper)
    below, more = in_micrometres(lower) if has_sizes else (dict(lower), [])
    both = {**below, **above}
    if PIXEL_UNITS_NAME in below and set(PIXEL_SIZE_NAMES[:2]) <= upper.keys() and PIXEL_UNITS_NAME not in upper:
        both[PIXEL_UNITS_NAME] = MICROMETRES
    is_hidden = below.keys() & set(PIXEL_SIZE_NAMES) <= upper.keys()
    return both, [*([] if is_hidden else more), *remarks]


def _size(metadata: Metadata, key: str) -> float | None:
    value = metadata.get(key)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return number(metadata, key)
