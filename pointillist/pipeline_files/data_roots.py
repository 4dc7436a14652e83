"""Folders that a machine lets a cluster read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pointillist.pipeline_files.paths import data_root
from pointillist.system import DATA, chosen, expand, home

ALLOW_VARIABLE = "POINTILLIST_ALLOW"
"""Environment variable of further folders besides PYME's data directory, joined as in ``PATH``."""


@dataclass(frozen=True, kw_only=True)
class DataRoots:
    """Folders whose contents may be opened on request of another machine.

    Parameters
    ----------
    folders
        Absolute paths without symbolic links.
    """

    folders: tuple[str, ...]

    @classmethod
    def of(cls, folders: Iterable[Path | str]) -> Self:
        """Return the roots at some folders, with links resolved."""
        return cls(folders=tuple(dict.fromkeys(os.path.realpath(folder) for folder in folders)))

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return ``$PYMEDATADIR``, ``~/PYMEData`` and what :data:`ALLOW_VARIABLE` adds."""
        allowed = os.environ.get(ALLOW_VARIABLE, "").split(os.pathsep)
        named = [expand(folder, ALLOW_VARIABLE) for folder in allowed if folder]
        return cls.of([data_root(), home() / "PYMEData", *filter(None, [chosen(DATA)]), *named])

    def allowed(self, path: Path | str) -> Path | None:
        """Return a path with links resolved; None if it is outside the roots."""
        if os.sep in self.folders:
            return Path(path)
        try:
            real = os.path.realpath(path)
        except ValueError:  # no path at all
            return None
        return Path(real) if any(_is_below(real, folder) for folder in self.folders) else None

    def __str__(self) -> str:
        return ", ".join(self.folders)


EVERYWHERE: DataRoots = DataRoots(folders=(os.sep,))
"""Roots of a process that serves only the user that started it."""


def join_folders(folders: Sequence[Path]) -> str:
    """Return the value of :data:`ALLOW_VARIABLE` with some more folders, for child processes."""
    before = os.environ.get(ALLOW_VARIABLE)
    return os.pathsep.join([*([before] if before else []), *(str(folder.absolute()) for folder in folders)])


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder
