from __future__ import annotations

import getpass
import itertools
import os
from pathlib import Path

import pytest

from pointillist.errors import ResultsError, SettingError
from pointillist.pipeline_files.paths import (
    alternatives,
    check_writable,
    data_root,
    data_root_remark,
    default_results_path,
    find_file,
    is_taken,
    journal_path,
    partial_path,
    unfinished_path,
)
from pointillist.system.folders import FOLDERS, Folder, chosen


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path))
    return tmp_path


def test_results_go_where_pyme_puts_them(root: Path) -> None:
    movie = Path("/mnt/raw/alice/2026_11_20/20_11_series_A.h5")
    expected = root / getpass.getuser() / "analysis" / "2026_11_20" / "20_11_series_A.h5r"
    assert default_results_path(movie) == expected


def test_a_relative_movie_counts_from_where_the_user_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "day").mkdir()
    monkeypatch.chdir(root / "day")
    assert default_results_path(Path("a.tif")).relative_to(root).parts[1:] == ("analysis", "day", "a.h5r")


@pytest.mark.parametrize(
    ("configured", "trouble"),
    [
        ("", None),
        ("file", "is not a folder"),
        ("file/below", "is below {}/file, which is not a folder"),
        ("dangling", "is not a folder"),
    ],
)
def test_without_a_writable_data_directory_home_is_taken_and_the_user_is_told(
    tmp_path: Path, configured: str, trouble: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    monkeypatch.setenv("PYMEDATADIR", configured and str(tmp_path / configured))
    instead = Path.home() / "PYMEData"
    assert data_root() == instead
    remark = trouble and f"PYMEDATADIR: {tmp_path / configured} {trouble.format(tmp_path)}; {instead} is used instead"
    assert data_root_remark() == remark


@pytest.mark.parametrize("configured", ["", "new", "new/deeper", "link"])
def test_a_data_directory_that_can_be_made_is_used(
    tmp_path: Path, configured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path / configured))
    assert data_root() == tmp_path / configured
    assert data_root_remark() is None
    check_writable(default_results_path(Path("/raw/day/cells.h5")))


def test_a_home_folder_in_a_variable_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in FOLDERS[:-1]:
        monkeypatch.setenv(folder.variable, "~/elsewhere")
        assert chosen(folder) == Path.home() / "elsewhere"


def test_names_are_numbered_and_never_end() -> None:
    names = [path.name for path in itertools.islice(alternatives(Path("/d/cells.h5r")), 3)]
    assert names == ["cells.h5r", "cells_1.h5r", "cells_2.h5r"]


def test_results_always_end_in_h5r() -> None:
    assert next(alternatives(Path("/d/cells.tif"))) == Path("/d/cells.tif.h5r")


@pytest.mark.parametrize("beside", [lambda path: path, partial_path, journal_path])
def test_a_name_is_taken_by_what_an_analysis_leaves(tmp_path: Path, beside: type[Path]) -> None:
    results = tmp_path / "cells.h5r"
    assert not is_taken(results)
    beside(results).touch()
    assert is_taken(results)


def test_all_files_of_an_analysis_stand_together() -> None:
    results = Path("/d/cells.v2.h5r")
    beside = [partial_path(results), unfinished_path(results), journal_path(results)]
    assert [path.name for path in beside] == ["cells.v2.partial.h5r", "cells.v2.unfinished.h5r", "cells.v2.journal"]


def test_a_directory_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deeper" / "cells.h5r")
    assert list((tmp_path / "new" / "deeper").iterdir()) == []


def test_a_place_that_cannot_be_written_gets_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError) as error:
        check_writable(tmp_path / "file" / "cells.h5r")
    assert (
        str(error.value)
        == f"{tmp_path}/file/cells.h5r: cannot be inside the file {tmp_path}/file; choose another folder with -o"
    )


def test_a_system_directory_gets_one_line() -> None:
    with pytest.raises(ResultsError, match="cannot be"):
        check_writable(Path("/proc/cells.h5r"))


NOT_UTF8 = "m\udce9"


@pytest.mark.parametrize("folder", FOLDERS[:-1])
def test_a_chosen_folder_that_is_not_utf8_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Folder
) -> None:
    monkeypatch.setenv(folder.variable, str(tmp_path / NOT_UTF8))
    with pytest.raises(SettingError, match="its name is not UTF-8; rename it") as error:
        chosen(folder)
    assert "\udce9" not in str(error.value)


def test_a_home_folder_that_is_not_utf8_is_one_line_unless_another_one_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / NOT_UTF8))
    with pytest.raises(SettingError, match="its name is not UTF-8; rename it"):
        data_root()
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path))
    assert data_root() == tmp_path


def test_a_setting_that_names_a_pipe_or_a_device_is_refused_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "map.tif")
    with pytest.raises(SettingError, match=r"Camera\.DarkMapID: .*map\.tif is a named pipe; name a file"):
        find_file("Camera.DarkMapID", "map.tif", tmp_path)
    with pytest.raises(SettingError, match=r"/dev/zero is a device; name a file"):
        find_file("Camera.DarkMapID", "/dev/zero", tmp_path)


def test_results_cannot_take_the_place_of_a_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "a.h5r").symlink_to("nowhere/at/all")
    with pytest.raises(ResultsError, match="is a link to a file that does not exist"):
        check_writable(tmp_path / "a.h5r")
