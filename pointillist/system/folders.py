"""Folders that the program writes to, and the environment variables that move them."""

from __future__ import annotations

import getpass
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from pointillist.errors import SettingError


@dataclass(frozen=True)
class Folder:
    """A folder of the program, and the variable that moves it.

    Parameters
    ----------
    variable
        Environment variable that moves the folder.
    contents
        Content of the folder, in words.
    default
        Default path, in words.
    """

    variable: str
    contents: str
    default: str


DATA = Folder("PYMEDATADIR", "results, backgrounds and camera maps without `-o`", "`~/PYMEData`")
LOGS = Folder("POINTILLIST_LOGS", "logs", "`<data>/<user>/LOGS/pointillist`")
CACHE = Folder("POINTILLIST_CACHE", "compiled kernels", "`pointillist/kernels` in the user's cache folder")
CONFIG = Folder(
    "POINTILLIST_CONFIG",
    "the cluster key, and the account's own key key",
    "`pointillist` in the user's configuration folder",
)
STATE = Folder(
    "POINTILLIST_STATE", "which servers and `launch-workers` run", "`pointillist` in the user's state folder"
)
TEMPORARY = Folder("TMPDIR", "sockets, tracebacks and other temporary files", "`/tmp`")
FOLDERS = (DATA, LOGS, CACHE, CONFIG, STATE, TEMPORARY)


def chosen(folder: Folder) -> Path | None:
    """Return the folder that the user chose; None if they did not.

    Raises
    ------
    SettingError
        If its name cannot be used.
    """
    value = os.environ.get(folder.variable)
    return expand(value, folder.variable).absolute() if value else None


def expand(name: str, variable: str = "") -> Path:
    """Return a path in which ``~`` and ``~user`` are home folders.

    Parameters
    ----------
    name
        Path as the user gave it.
    variable
        Environment variable that the path comes from; empty for none.

    Raises
    ------
    SettingError
        If nobody knows that home folder, or the name is not UTF-8.
    """
    if not is_utf8(name):
        shown = os.fsencode(name).decode(errors="replace")
        raise SettingError(shown, "its name is not UTF-8", "rename it")
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        shown = f"{variable}={name}" if variable else name
        raise SettingError(shown, "there is no such home folder", "give the full path") from error


def is_utf8(name: str) -> bool:
    """Return whether a name came from the system as UTF-8, which messages and files need."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def home() -> Path:
    """Return the home folder of this account; a temporary one where it has none."""
    try:
        return Path.home()
    except RuntimeError:
        return temporary_folder()


def config_folder() -> Path:
    """Return the folder of the keys of clusters and users."""
    return chosen(CONFIG) or _own(platformdirs.user_config_path("pointillist"))


def state_folder() -> Path:
    """Return the folder of the state of running programs."""
    return chosen(STATE) or _own(platformdirs.user_state_path("pointillist"))


def cache_folder() -> Path:
    """Return the folder of compiled kernels."""
    return chosen(CACHE) or _own(platformdirs.user_cache_path("pointillist")) / "kernels"


def temporary_folder() -> Path:
    """Return a folder of this account's own below the temporary one; it need not exist."""
    return Path(tempfile.gettempdir()) / f"pointillist-{os.getuid()}"


def user_name() -> str:
    """Return the user's name; their number, where nobody gave them one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def trouble_of(folder: Path) -> str | None:
    """Return why no files can be written to a folder, which need not exist; None if they can."""
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not existing.is_dir():
        return "is not a folder" if existing == folder else f"is below {existing}, which is not a folder"
    return (
        None
        if os.access(existing, os.W_OK | os.X_OK)
        else "cannot be written"
        if existing == folder
        else "cannot be created"
    )


def _own(folder: Path) -> Path:
    """Return a folder of platformdirs, which leaves ``~`` where there is no home folder."""
    return folder if folder.is_absolute() else temporary_folder() / folder.name
