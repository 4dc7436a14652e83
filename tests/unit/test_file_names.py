from __future__ import annotations

import os
from pathlib import Path

import pytest

from pointillist.cli.file_names import DestinationPath, FilePath
from pointillist.errors import PointillistError, ResultsError
from pointillist.pipeline_files import Destination

RESULTS = ("cells.h5r", ".h5r")


def destination(text: str) -> Destination:
    return DestinationPath().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.h5r", "a.h5r"),
        ("a", "a.h5r"),
        ("A.H5R", "A.h5r"),
        ("deep/er/a", "deep/er/a.h5r"),
        ("new/", "new/cells.h5r"),
        ("new.csv/", "new.csv/cells.h5r"),
        ("there", "there/cells.h5r"),
        ("there.h5r", "there.h5r/cells.h5r"),
        ("there/", "there/cells.h5r"),
        ("link", "link/cells.h5r"),
        (".", "cells.h5r"),
        ("..", "../cells.h5r"),
        ("there/.", "there/cells.h5r"),
        ("new/..", "new/../cells.h5r"),
        (".hidden", ".hidden.h5r"),
    ],
)
def test_results_go_to_the_file_or_into_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there.h5r").mkdir()
    (tmp_path / "link").symlink_to("there")
    assert destination(text).file(*RESULTS) == Path(expected)


@pytest.mark.parametrize(
    ("text", "endings", "remedy"),
    [
        ("a.csv", (".h5r",), "name it a.h5r"),
        ("a.h5", (".h5r",), "name it a.h5r"),
        ("b/a.tar.gz", (".h5r",), "name it b/a.tar.h5r"),
        ("a.h5r", (".h5",), "name it a.h5"),
        ("a.jpg", (".png", ".tif", ".tiff"), "name it a.png"),
        ("a.v2", (".h5r",), "name it a.h5r"),
    ],
)
def test_another_ending_is_refused_with_what_to_give(text: str, endings: tuple[str, ...], remedy: str) -> None:
    with pytest.raises(ResultsError) as error:
        destination(text).file("cells", *endings)
    assert str(error.value) == (
        f"{text}: cannot end in {Path(text).suffix}, but in {' or '.join(endings)}; {remedy}, "
        "or a folder that ends with /"
    )


@pytest.mark.parametrize("text", ["~", "~/", "~/a.h5r", "~/new/"])
def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = destination(text).file(*RESULTS)
    assert found.is_relative_to(tmp_path)
    assert "~" not in str(found)


def test_the_home_folder_of_another_user_is_expanded() -> None:
    assert str(FilePath().convert("~root/movie.h5", None, None)).endswith("root/movie.h5")
    assert "~" not in str(FilePath().convert("~root/movie.h5", None, None))


def test_a_file_that_begins_with_a_tilde_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~backup.h5").touch()
    assert FilePath().convert("~backup.h5", None, None) == Path("~backup.h5")


@pytest.mark.parametrize("text", ["~nobodyatall/a.h5r", "m\udce9.h5r", "m\udce9/a.h5r", ""])
def test_a_name_that_cannot_be_used_is_one_line(text: str) -> None:
    with pytest.raises(PointillistError) as error:
        destination(text)
    assert "\udce9" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dangling.h5r", "dangling.h5r: is a link to a file that does not exist; remove the link"),
        ("dangling", "dangling.h5r: is a link to a file that does not exist"),
        ("movie.h5/x", "movie.h5/x: cannot be inside the file movie.h5; choose another folder with -o"),
        ("movie.h5/x/", "movie.h5/x: cannot be inside the file movie.h5"),
        ("movie.h5/x/y.h5r", "movie.h5/x/y.h5r: cannot be inside the file movie.h5"),
        ("pipe.h5r", "pipe.h5r: is a named pipe; choose another name"),
        ("/dev/null", "/dev/null: is a device; choose another name"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling.h5r").symlink_to("nowhere/at/all")
    (tmp_path / "movie.h5").touch()
    os.mkfifo(tmp_path / "pipe.h5r")
    with pytest.raises(ResultsError) as error:
        destination(text).file(*RESULTS)
    assert str(error.value).startswith(problem)
