"""Where Python looks for modules: its own come before a user's files of the same names, such as ``random.py``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

PATH_VARIABLE = "PYTHONPATH"


def standard_library() -> list[str]:
    """Return the folders of Python's own modules, in the order in which they are searched."""
    folder = Path(os.__file__).parent
    return [entry for entry in sys.path if Path(entry) in {folder, folder / "lib-dynload"}]


def search_standard_library_first() -> None:
    """Let no folder of :data:`PATH_VARIABLE` hide the standard library from this process."""
    sys.path[:] = dict.fromkeys([*standard_library(), *sys.path])


def with_import_path(environment: Mapping[str, str], folders: list[str]) -> dict[str, str]:
    """Return an environment in which Python searches the standard library, then some folders, then those of the user.

    Parameters
    ----------
    environment
        Variables of the process to be started.
    folders
        Folders of modules.
    """
    before = environment.get(PATH_VARIABLE)
    entries = [*standard_library(), *folders, *(before.split(os.pathsep) if before else [])]
    return {**environment, PATH_VARIABLE: os.pathsep.join(dict.fromkeys(entries))}
