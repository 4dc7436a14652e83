from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables

from pointillist.errors import ResultsError
from pointillist.pipeline_files.storage import DiskFullError, FileBusyError, create_hdf5, extend_hdf5, sync

BLOCK = np.arange(50_000.0)


def append(path: Path) -> None:
    with extend_hdf5(path, BLOCK.nbytes) as file:
        if "data" not in file.root:
            file.create_earray("/", "data", tables.Float64Atom(), (0,))
        file.root.data.append(BLOCK)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root of a Linux machine can make a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("this root may not mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_an_error_and_loses_nothing_that_was_there(small_disk: Path) -> None:
    path = small_disk / "a.h5"
    create_hdf5(path)
    append(path)
    with pytest.raises(DiskFullError, match="no space left on device"):
        append(path)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["data"][:], BLOCK)


def test_once_there_is_room_again_the_work_goes_on(small_disk: Path) -> None:
    path, ballast = small_disk / "a.h5", small_disk / "ballast"
    create_hdf5(path)
    ballast.write_bytes(bytes(900_000))
    with pytest.raises(DiskFullError):
        append(path)
    ballast.unlink()
    append(path)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["data"][:], BLOCK)


def test_a_disk_that_is_full_already_takes_no_file(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "ballast").write_bytes(bytes(2_000_000))
    with pytest.raises(DiskFullError):
        create_hdf5(small_disk / "a.h5")
    assert not (small_disk / "a.h5").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_and_no_quota_are_the_same_to_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    create_hdf5(tmp_path / "a.h5")
    size = (tmp_path / "a.h5").stat().st_size
    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(DiskFullError, match="free some disk space, then run the same command again"):
        append(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").stat().st_size == size


def test_a_system_without_fallocate_fills_the_room_with_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    create_hdf5(tmp_path / "a.h5")
    append(tmp_path / "a.h5")
    append(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["data"][:], np.tile(BLOCK, 2))
    assert (tmp_path / "a.h5").stat().st_size < 2.5 * BLOCK.nbytes


def test_a_limit_on_the_size_of_files_is_an_error_and_not_a_signal(tmp_path: Path) -> None:
    create_hdf5(tmp_path / "a.h5")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(ResultsError, match="file too large"):
            append(tmp_path / "a.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_unused_room_is_given_back(tmp_path: Path) -> None:
    create_hdf5(tmp_path / "a.h5")
    with extend_hdf5(tmp_path / "a.h5", 10_000_000) as file:
        file.create_array("/", "data", BLOCK)
    assert (tmp_path / "a.h5").stat().st_size < 2 * BLOCK.nbytes


def test_a_file_that_a_viewer_has_open_is_busy_and_left_alone(tmp_path: Path) -> None:
    create_hdf5(tmp_path / "a.h5")
    append(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5"), pytest.raises(FileBusyError, match="is open in another program"):
        append(tmp_path / "a.h5")
    append(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file["data"]) == 2 * len(BLOCK)


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("precious")
    with pytest.raises(ResultsError, match="exists already"):
        create_hdf5(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").read_text() == "precious"


def test_a_place_below_a_file_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match="cannot be inside a file"):
        create_hdf5(tmp_path / "file" / "a.h5")


def test_a_damaged_file_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_text("not HDF5")
    with pytest.raises(ResultsError) as error:
        append(tmp_path / "a.h5")
    assert "\n" not in str(error.value)


def test_a_file_can_be_synced(tmp_path: Path) -> None:
    create_hdf5(tmp_path / "a.h5")
    sync(tmp_path / "a.h5")
    with pytest.raises(ResultsError):
        sync(tmp_path / "b.h5")
