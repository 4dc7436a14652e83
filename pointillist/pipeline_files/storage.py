"""Disk space, and the errors of writing files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.errors import ResultsError
from pointillist.system import irregular

_SLACK_BYTES = 1 << 18
"""Space for HDF5's bookkeeping besides the data of one append."""

_ZEROS = bytes(1 << 20)


if TYPE_CHECKING:
    import tables


class DiskFullError(ResultsError):
    """No space is left; the user has to free some."""


class FileBusyError(ResultsError):
    """Another program has the file open; it has to be closed there, or tried again later."""


def create_hdf5(path: Path) -> None:
    """Create an empty HDF5 file and its directories.

    Parameters
    ----------
    path
        Path where no file exists.

    Raises
    ------
    ResultsError
        If there is one, or none can be made.
    """
    from pointillist.pipeline_files.unlocked_tables import tables  # noqa: PLC0415 - only for who writes

    make_directory(path)
    with translated_write_errors(path):
        try:
            path.touch(exist_ok=False)
        except FileExistsError as error:
            raise ResultsError(path, "exists already", "choose another name") from error
        try:
            tables.open_file(path, "w").close()
        except BaseException:
            path.unlink()
            raise


def make_directory(path: Path) -> None:
    """Create the directories of a file.

    Parameters
    ----------
    path
        Path of the file.

    Raises
    ------
    ResultsError
        If there can be none.
    """
    with translated_write_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ResultsError(path, "cannot be inside a file", "choose another folder with -o") from error


def check_place(path: Path) -> None:
    """Refuse a path at which no file can be written.

    Parameters
    ----------
    path
        Path of a file to write, or of a folder for it; it need not exist.

    Raises
    ------
    ResultsError
        If it is a link to nothing, a device, pipe or socket, or below a file.
    """
    if path.is_symlink() and not path.exists():
        raise ResultsError(path, "is a link to a file that does not exist", "remove the link, or choose another name")
    if (kind := irregular(path)) and not path.is_dir():
        raise ResultsError(path, f"is {kind}", "choose another name")
    for folder in path.parents:
        if folder.is_file():
            raise ResultsError(path, f"cannot be inside the file {folder}", "choose another folder with -o")


@contextmanager
def extend_hdf5(path: Path, n_bytes: int) -> Iterator[tables.File]:
    """Open an HDF5 file for writing with enough space reserved.

    HDF5 holds data back, and PyTables does not look whether they reached the disk: on a full disk it goes on in
    silence and leaves a file with holes. Space that the file owns beforehand cannot run out.

    Parameters
    ----------
    path
        Path of a file from :func:`create_hdf5` that is not open in this process.
    n_bytes
        Size of the data to write, before compression, bytes.

    Yields
    ------
    tables.File
        File open for writing; unused space is released when it is closed.

    Raises
    ------
    ResultsError
        If there is not so much room, or the file cannot be opened.
    """
    from pointillist.pipeline_files.unlocked_tables import alone_with, tables  # noqa: PLC0415 - only for who writes

    with translated_write_errors(path), alone_with(path):
        _reserve(path, n_bytes + _SLACK_BYTES)
        with tables.open_file(path, "a") as file:
            yield file


def _reserve(path: Path, n_bytes: int) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), size, n_bytes)
            else:
                for start in range(0, n_bytes, len(_ZEROS)):
                    file.write(_ZEROS[: n_bytes - start])
                file.flush()
        except OSError:
            os.truncate(path, size)
            raise


def sync(path: Path) -> None:
    """Wait until a file and its name are on the disk.

    Parameters
    ----------
    path
        Path of the closed file.

    Raises
    ------
    ResultsError
        If the disk refuses.
    """
    with translated_write_errors(path):
        for target in (path, path.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def publish(unfinished: Path, path: Path) -> None:
    """Give a file that is whole, and on the disk, its name.

    Parameters
    ----------
    unfinished
        Path of the complete file, in the same folder.
    path
        Path that the file gets.

    Raises
    ------
    ResultsError
        If the name has been taken.
    """
    with translated_write_errors(path):
        try:
            os.link(unfinished, path)
        except FileExistsError as error:
            raise ResultsError(path, "exists already", "choose another name with -o") from error
        except OSError:  # a file system without links
            if path.exists():
                raise ResultsError(path, "exists already", "choose another name with -o") from None
            unfinished.rename(path)
        else:
            unfinished.unlink()
    sync(path)


@contextmanager
def translated_write_errors(path: Path) -> Iterator[None]:
    """Translate errors of the system and of HDF5 to one line.

    Parameters
    ----------
    path
        Path of the file being written.

    Yields
    ------
    None

    Raises
    ------
    ResultsError
        In place of OSError and HDF5's own; :class:`DiskFullError` and :class:`FileBusyError` where time can help.
    """
    try:
        yield
    except OSError as error:
        raise _write_error(path, error) from error
    except RuntimeError as error:
        if type(error).__name__ != "HDF5ExtError":  # of PyTables, which may not be imported
            raise
        raise _write_error(path, error) from error


def _write_error(path: Path, error: Exception) -> ResultsError:
    reason = os.strerror(number).lower() if (number := _errno(error)) else type(error).__name__
    if number in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            path,
            f"there is not enough disk space for it ({reason})",
            "free some disk space, then run the same command again",
        )
    if number in (errno.EAGAIN, errno.EBUSY):
        return FileBusyError(path, "is open in another program", "close it there")
    return ResultsError(path, f"cannot be written ({reason})", "choose another folder with -o")


def _errno(error: Exception) -> int | None:
    """Return the system's error number, which HDF5 states within its text."""
    number = getattr(error, "errno", None)
    if number is None:
        _, _, rest = str(error).partition("errno = ")
        number = int(rest.split(",")[0]) if rest.split(",")[0].isdigit() else None
    return number
