"""Registries of parts by name: our own, and those of installed packages."""

from __future__ import annotations

import importlib.metadata
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

from pointillist.errors import PluginError
from pointillist.version import program_version

Part = TypeVar("Part")


class Registry(Mapping[str, Part], Generic[Part]):
    """Parts of one kind by name. A part is imported when it is first asked for; its name is known before.

    Parameters
    ----------
    group
        Group of entry points (``pointillist.detectors``) by which other packages add parts.
    built_in
        Our own parts, or where they are: ``package.module:name``.
    """

    def __init__(self, group: str, built_in: Mapping[str, Part | str]) -> None:
        self.group = group
        self.built_in = tuple(built_in)
        self._parts: dict[str, Part | str] = dict(built_in)

    def __getitem__(self, name: str) -> Part:
        """Return a part.

        Raises
        ------
        KeyError
            If there is none of this name.
        PluginError
            If the package that adds it cannot be imported, or adds one that exists.
        """
        part: Any = self._parts.get(name)
        if part is None:
            part = self._load(self._entry_points[name])
        elif isinstance(part, str):
            part = pkgutil.resolve_name(part)
        self._parts[name] = part
        found: Part = part
        return found

    def __contains__(self, name: object) -> bool:
        """Whether there is a part of a name; it is not imported."""
        return name in self.built_in or name in self._entry_points

    def __iter__(self) -> Iterator[str]:
        """Yield all names, ours first."""
        yield from dict.fromkeys([*self.built_in, *self._entry_points])

    def __len__(self) -> int:
        """Return the number of names."""
        return len(list(iter(self)))

    def source(self, name: str) -> str:
        """Return the name and version of the package that a part comes from."""
        if name in self.built_in:
            return f"pointillist {program_version()}"
        package = self._entry_points[name].dist
        return f"{package.name} {package.version}" if package is not None else "unknown package"

    @cached_property
    def _entry_points(self) -> dict[str, importlib.metadata.EntryPoint]:
        entries = {entry.name: entry for entry in importlib.metadata.entry_points(group=self.group)}
        for name in entries.keys() & set(self.built_in):
            package = entries[name].dist
            problem = f"{package.name if package else 'a package'} adds one of this name, which exists"
            raise PluginError(f"{self.group} {name!r}", problem, "rename it there, or uninstall that package")
        return entries

    def _load(self, entry: importlib.metadata.EntryPoint) -> Any:  # noqa: ANN401 - whatever the package adds
        try:
            return entry.load()
        except Exception as error:
            problem = f"cannot be imported from {self.source(entry.name)} ({type(error).__name__}: {error})"
            raise PluginError(f"{self.group} {entry.name!r}", problem, "mend or uninstall that package") from error
