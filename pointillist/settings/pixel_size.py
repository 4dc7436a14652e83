"""The size of a pixel, in whatever unit of length it is given."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pointillist.settings.metadata import Metadata, Value, number

UNITS_KEY = "voxelsize.units"
SIZE_KEYS = ("voxelsize.x", "voxelsize.y", "voxelsize.z")

MICROMETRES = "um"
"""PYME's spelling of the unit that sizes have inside."""

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
        factor = micrometres_in(metadata.get(UNITS_KEY))
    except (ValueError, TypeError):
        factor = 1.0
    sizes = {key: size for key in SIZE_KEYS if (size := _size(metadata, key)) is not None}
    if factor == 1 or not sizes:
        return dict(metadata), []
    converted = {key: float(f"{size * factor:.{_KEPT_DIGITS}g}") for key, size in sizes.items()}
    said = [f"{key} is {converted[key]:g} µm, given as {size:g} {metadata[UNITS_KEY]}" for key, size in sizes.items()]
    return {**metadata, **converted, UNITS_KEY: MICROMETRES}, ["; ".join(said)]


def put_over(upper: Metadata, lower: Metadata) -> tuple[dict[str, Value], list[str]]:
    """Put the metadata of one place over those of another, each with the unit of its own sizes.

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
    has_sizes = bool(upper.keys() & set(SIZE_KEYS))
    if UNITS_KEY in upper and not has_sizes:
        return {**lower, **upper}, []
    above, remarks = in_micrometres(upper)
    below, more = in_micrometres(lower) if has_sizes else (dict(lower), [])
    both = {**below, **above}
    if UNITS_KEY in below and set(SIZE_KEYS[:2]) <= upper.keys() and UNITS_KEY not in upper:
        both[UNITS_KEY] = MICROMETRES
    is_hidden = below.keys() & set(SIZE_KEYS) <= upper.keys()
    return both, [*([] if is_hidden else more), *remarks]


def _size(metadata: Metadata, key: str) -> float | None:
    value = metadata.get(key)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return number(metadata, key)
