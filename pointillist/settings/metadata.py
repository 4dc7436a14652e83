"""Metadata: PYME's dotted keys with plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from pointillist.plugins import Value as Value  # noqa: PLC0414 - a name of this module, too

IS_STORED_X_FIRST = "Pointillist.IsStoredXFirst"
"""Metadata of a movie whose file holds ``(frame, x, y)``, as PYME's do."""

Metadata: TypeAlias = Mapping[str, Value]
"""Flat: ``{"Camera.ADOffset": 100.0}``. Lists and tuples are the same thing."""


def flatten(tree: Mapping[str, Value]) -> dict[str, Value]:
    """Turn nested mappings into dotted keys.

    Parameters
    ----------
    tree
        Mapping with keys nested, dotted, or both: ``{"Camera": {"Roi.x": 1}}``.

    Returns
    -------
    dict
        Values by dotted key, in the order of `tree`; an empty mapping leaves no entry.
    """
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{below}": entry for below, entry in flatten(value).items()})
        else:
            flat[key] = value
    return flat


def number(metadata: Metadata, key: str) -> float | None:
    """Return an entry as a number.

    Parameters
    ----------
    metadata
        Values by dotted key.
    key
        Dotted key.

    Returns
    -------
    float or None
        Number; None where the entry is missing or is not a number.
    """
    value = metadata.get(key)
    return float(value) if isinstance(value, int | float) else None
