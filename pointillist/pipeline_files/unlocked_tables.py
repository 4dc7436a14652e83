"""PyTables without the locks of HDF5, which fail where the disk has none; files are locked by who opens them."""

from __future__ import annotations

import fcntl
import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pointillist.system import BUSY

_VARIABLE = "HDF5_USE_FILE_LOCKING"


@contextmanager
def _without_locks() -> Iterator[None]:
    """Disable HDF5's locks while it is loaded, unless the user has set the variable."""
    is_said = _VARIABLE in os.environ
    os.environ.setdefault(_VARIABLE, "FALSE")
    try:
        yield
    finally:
        if not is_said:
            del os.environ[_VARIABLE]


with _without_locks():
    import tables

__all__ = ["alone_with", "tables"]


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Lock a file for the duration of the block, as HDF5 would; without effect where the disk has no locks.

    Parameters
    ----------
    path
        Path of an existing file.

    Raises
    ------
    BlockingIOError
        If another program has it open.
    """
    with path.open("r+b") as file:
        if not _locks_by_itself():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in BUSY:
                    raise
        yield


@functools.cache
def _locks_by_itself() -> bool:
    """Return whether HDF5 locks nevertheless, loaded earlier by another package or set so by the user."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.h5"
        try:
            with tables.open_file(path, "w"), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in BUSY
        except tables.HDF5ExtError:
            return True
    return False
