"""PYME's metadata and events within an HDF5 file: read with h5py, written with PyTables."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import h5py
import numpy as np

from pointillist.pipeline_files.movies import EVENT_DTYPE, NO_EVENTS, Events
from pointillist.pipeline_files.pickled import NotPlainError, loads
from pointillist.settings import Metadata, Value

if TYPE_CHECKING:
    import tables

_BOOKKEEPING = frozenset({"CLASS", "TITLE", "VERSION", "FILTERS", "FLAVOR", "EXTDIM", "NROWS"})
"""Attributes that PyTables keeps for itself."""

_STORABLE_KEY = re.compile(r"(?!_[vcfgi]_)[^/.\0][^/\0]*")

_LARGEST_ATTRIBUTE = 60_000
"""Bytes; HDF5 keeps attributes of up to 64 kB in the object header."""


def read_metadata(file: h5py.File) -> tuple[dict[str, Value], list[str]]:
    """Read the tree ``/MetaData``.

    Parameters
    ----------
    file
        Open file of PYME or Pointillist.

    Returns
    -------
    metadata
        Values by dotted key; empty where the file has none.
    remarks
        One line for each entry that had to be left out.
    """
    metadata: dict[str, Value] = {}
    remarks = []
    root = file.get("MetaData")
    for key, group, name in _attributes(root, "") if isinstance(root, h5py.Group) else ():
        try:
            metadata[key] = _value(group, name)
        except (NotPlainError, OSError, TypeError, ValueError):
            remarks.append(f"{key}: holds something other than numbers and text; it is ignored")
    return metadata, remarks


def _attributes(group: h5py.Group, prefix: str) -> Iterator[tuple[str, h5py.Group, str]]:
    for name in group.attrs:
        if name not in _BOOKKEEPING:
            yield prefix + name, group, name
    for name, below in group.items():
        if isinstance(below, h5py.Group):
            yield from _attributes(below, f"{prefix}{name}.")


def _value(group: h5py.Group, name: str) -> Value:
    stored = h5py.h5a.open(group.id, name.encode()).get_type()
    value = group.attrs[name]
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(stored, h5py.h5t.TypeBitfieldID):
        return bool(value)
    if isinstance(value, bytes | np.bytes_):
        is_ascii = isinstance(stored, h5py.h5t.TypeStringID) and stored.get_cset() == h5py.h5t.CSET_ASCII
        return _text(bytes(value), may_be_pickled=is_ascii)
    plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    if isinstance(plain, bool | int | float | str):
        return plain
    if isinstance(plain, list) and value.dtype.kind in "biuf":
        return plain
    raise NotPlainError(name)


def _text(value: bytes, *, may_be_pickled: bool) -> Value:
    """Return a text or unpickled value; PyTables takes any text that ends in a full stop for a pickle."""
    if may_be_pickled and value.endswith(b"."):
        try:
            return loads(value)
        except NotPlainError:
            if b"\n" in value or value.startswith(b"\x80"):
                raise
    return value.decode("utf-8", "replace")


def write_metadata(file: tables.File, metadata: Metadata) -> list[str]:
    """Write the tree ``/MetaData`` with PyTables, as PYME does.

    Parameters
    ----------
    file
        File open for writing, without metadata.
    metadata
        Values by dotted key.

    Returns
    -------
    list of str
        Keys that HDF5 cannot hold, which are left out.
    """
    from pointillist.pipeline_files.unlocked_tables import tables  # noqa: PLC0415 - only for who writes

    file.create_group("/", "MetaData")
    left_out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        for key, value in metadata.items():
            *path, name = key.split(".")
            if not _is_storable([*path, name], value):
                left_out.append(key)
                continue
            group = file.root.MetaData
            for part in path:
                group = group._f_get_child(part) if part in group else file.create_group(group, part)  # noqa: SLF001
            file.set_node_attr(group, name, _storable(value))
    return left_out


def _is_storable(parts: list[str], value: Value) -> bool:
    is_named = all(_STORABLE_KEY.fullmatch(part) for part in parts) and parts[-1] not in _BOOKKEEPING
    stored = value.encode() if isinstance(value, str) else pickle.dumps(value, protocol=0)
    return is_named and len(stored) <= _LARGEST_ATTRIBUTE


def _storable(value: Value) -> Value:
    """Return the value to store; an integer beyond 64 bits becomes a float."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def read_events(file: h5py.File) -> tuple[Events, list[str]]:
    """Read the table ``/Events``.

    Parameters
    ----------
    file
        Open file of PYME or Pointillist.

    Returns
    -------
    events
        Structured array of :data:`EVENT_DTYPE`, in the order of the file; empty where the file has none.
    remarks
        One line if there is a table that cannot be read.
    """
    node = file.get("Events")
    if node is None:
        return NO_EVENTS.copy(), []
    try:
        stored = node[:]
        events = np.zeros(len(stored), EVENT_DTYPE)
        for name in EVENT_DTYPE.fields or ():
            events[name] = stored[name]
    except (AttributeError, KeyError, OSError, TypeError, ValueError, IndexError):
        return NO_EVENTS.copy(), ["Events: not a table in PYME's format; they are ignored"]
    return events, []
