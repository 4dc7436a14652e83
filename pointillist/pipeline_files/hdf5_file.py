"""Opening HDF5 files with h5py, on disks with locks and without."""

from __future__ import annotations

from pathlib import Path

import h5py

from pointillist.errors import MovieError, TruncatedMovieError
from pointillist.system import BUSY, obstacle


def open_h5py(path: Path, mode: str = "r") -> h5py.File:
    """Open an HDF5 file; without a lock where the disk has none.

    Parameters
    ----------
    path
        Path of the file.
    mode
        Mode of :class:`h5py.File`.

    Raises
    ------
    OSError
        If it cannot be opened, with the system's number.
    """
    try:
        return h5py.File(path, mode, locking="best-effort")
    except OSError as error:
        if "unable to lock file" not in str(error) or error.errno in BUSY:
            raise
    return h5py.File(path, mode, locking=False)


def open_hdf5(path: Path) -> h5py.File:
    """Open an HDF5 file for reading.

    Parameters
    ----------
    path
        Path of the file.

    Returns
    -------
    h5py.File
        File open for reading.

    Raises
    ------
    MovieError
        If there is no such file, or it may not be read, is truncated, damaged, or being written by another program.
    """
    if found := obstacle(path):
        raise MovieError(path, *found)
    try:
        return open_h5py(path)
    except OSError as error:
        if error.errno in BUSY:
            raise MovieError(path, "is open for writing in another program", "close it there, or wait") from error
        what = "is truncated" if "truncated" in str(error) else "is not a readable HDF5 file"
        raise TruncatedMovieError(
            path, what, "copy it again; if its acquisition crashed, try h5clear or h5repack"
        ) from error
