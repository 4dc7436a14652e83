"""Every command with every kind of file that it cannot use: one line, and the exit code of an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pointillist.cli.main import pointillist

NOT_UTF8 = os.fsdecode(b"m\xe9")
NO_SERVER = ["--engine", "local", "--workers", "1"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(pointillist, [str(argument) for argument in arguments])


def is_one_line(result: Result, subject: str) -> None:
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    assert subject in lines[0]
    assert ";" in lines[0]
    for word in ("please report", "Traceback", "Error:"):
        assert word not in result.stderr


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a movie, its truth, and results."""
    folder = tmp_path_factory.mktemp("good")
    assert run("simulate", folder / "ok.h5", "--frames", 20, "--size", 48, "--emitters", 3).exit_code == 0
    script = "from pointillist.cli.main import analyse; analyse()"
    options = [str(folder / "ok.h5"), "-o", str(folder / "ok.h5r"), *NO_SERVER]
    subprocess.run([sys.executable, "-c", script, *options], check=True, capture_output=True)
    return folder


def _cut(folder: Path, good: Path) -> Path:
    content = (good / "ok.h5r").read_bytes()
    (folder / "cut.h5").write_bytes(content[: len(content) // 2])
    return folder / "cut.h5"


def _text(content: bytes) -> Callable[[Path, Path], Path]:
    def make(folder: Path, _: Path) -> Path:
        (folder / "odd.h5").write_bytes(content)
        return folder / "odd.h5"

    return make


def _folder(folder: Path, _: Path) -> Path:
    (folder / "folder.h5r").mkdir()
    return folder / "folder.h5r"


def _dangling(folder: Path, _: Path) -> Path:
    (folder / "dangling.h5").symlink_to(folder / "nothing")
    return folder / "dangling.h5"


def _circular(folder: Path, _: Path) -> Path:
    (folder / "circle.h5").symlink_to(folder / "circle.h5")
    return folder / "circle.h5"


def _pipe(folder: Path, _: Path) -> Path:
    os.mkfifo(folder / "pipe.h5r")
    return folder / "pipe.h5r"


def _not_utf8(folder: Path, good: Path) -> Path:
    path = folder / f"{NOT_UTF8}.h5"
    path.write_bytes((good / "ok.h5").read_bytes())
    return path


def _in_folder_not_utf8(folder: Path, good: Path) -> Path:
    (folder / NOT_UTF8).mkdir()
    (folder / NOT_UTF8 / "ok.h5").write_bytes((good / "ok.h5").read_bytes())
    return folder / NOT_UTF8 / "ok.h5"


BAD: dict[str, Callable[[Path, Path], Path]] = {
    "truncated HDF5": _cut,
    "empty": _text(b""),
    "YAML": _text(b"a: ["),
    "JSON": _text(b'{"a": '),
    "NumPy": _text(b"\x93NUMPY\x01\x00"),
    "signature of HDF5": _text(b"\x89HDF\r\n\x1a\n cut off"),
    "zeros": _text(bytes(5000)),
    "folder": _folder,
    "dangling link": _dangling,
    "link to itself": _circular,
    "missing": lambda folder, _: folder / "missing.h5",
    "below a file": lambda _, good: good / "ok.h5" / "movie.h5",
    "long name": lambda folder, _: folder / f"{'x' * 300}.h5",
    "name not UTF-8": _not_utf8,
    "folder not UTF-8": _in_folder_not_utf8,
    "home of nobody": lambda _, __: Path("~nobodyatall/movie.h5"),
}
PIPES = {**BAD, "pipe": _pipe}

COMMANDS: dict[str, tuple[Callable[[Path, Path], list[object]], dict[str, Callable[[Path, Path], Path]]]] = {
    "info": (lambda bad, _: ["info", bad], BAD),
    "render": (lambda bad, good: ["render", bad, "-o", good / "picture.png"], PIPES),
    "score results": (lambda bad, good: ["score", bad, good / "ok.truth.h5"], PIPES),
    "score truth": (lambda bad, good: ["score", good / "ok.h5r", bad], PIPES),
    "maps convert": (lambda bad, good: ["maps", "convert", bad, "-o", good / "maps"], PIPES),
    "maps make": (
        lambda bad, good: ["maps", "make", bad, "-s", "Camera.IntegrationTime=0.02", "-o", good / "maps"],
        BAD,
    ),
    "analyse": (lambda bad, _: ["analyse", bad, *NO_SERVER], BAD),
    "analyse --test": (lambda bad, _: ["analyse", bad, "--test"], BAD),
    "background": (lambda bad, _: ["background", bad, *NO_SERVER], BAD),
}


@pytest.mark.parametrize(
    ("command", "kind"), [(command, kind) for command, (_, kinds) in COMMANDS.items() for kind in kinds]
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, good: Path, command: str, kind: str) -> None:
    bad = PIPES[kind](tmp_path, good)
    subject = bad.name if NOT_UTF8 not in str(bad) else "its name is not UTF-8; rename it"
    is_one_line(run(*COMMANDS[command][0](bad, good)), subject)


SETTINGS = {
    **{kind: make for kind, make in PIPES.items() if kind != "empty"},
    "list": _text(b"[1, 2]"),
    "binary": _text(bytes(range(128, 256))),
    "control characters": _text(b"a: \x01"),
    "nested too deeply": _text(b"[" * 5000),
    "tag": _text(b"a: !!python/object:os.system {}"),
    "wrong type": _text(b"Camera.ADOffset: [many]"),
    "number as key": _text(b"1: 2"),
    "UTF-16 without its end": _text("a: 1".encode("utf-16")[:-1]),
    "unknown": _text(b"Analysis.Detectionthreshold: 1"),
}


@pytest.mark.parametrize("kind", SETTINGS)
def test_settings_that_cannot_be_used_are_one_line(tmp_path: Path, good: Path, kind: str) -> None:
    bad = SETTINGS[kind](tmp_path, good)
    result = run("analyse", good / "ok.h5", "--settings", bad, "-o", tmp_path / "x.h5r", *NO_SERVER)
    is_one_line(result, "")


@pytest.mark.parametrize("kind", PIPES)
@pytest.mark.parametrize("name", ["Camera.DarkMapID", "Analysis.BackgroundFile"])
def test_a_file_that_a_setting_names_is_one_line(tmp_path: Path, good: Path, name: str, kind: str) -> None:
    bad = PIPES[kind](tmp_path, good)
    method = ["-s", "Analysis.Background=copy"] if name == "Analysis.BackgroundFile" else []
    is_one_line(run("analyse", good / "ok.h5", "--test", "-s", f"{name}={bad}", *method), "")


@pytest.mark.parametrize("kind", [*PIPES, "no key"])
def test_a_key_that_cannot_be_imported_is_one_line(
    tmp_path: Path, good: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTILLIST_CONFIG", str(tmp_path / "config"))
    bad = _text(b"no key\n")(tmp_path, good) if kind == "no key" else PIPES[kind](tmp_path, good)
    is_one_line(run("key", "import", bad), "")
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("kind", ["truncated HDF5", "empty", "folder", "dangling link", "pipe", "YAML"])
def test_a_key_file_that_cannot_be_used_is_one_line(
    tmp_path: Path, good: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTILLIST_CONFIG", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    bad = PIPES[kind](tmp_path, good)
    if bad.is_file():
        bad.chmod(0o600)
    bad.rename(tmp_path / "config" / "cluster.key")
    is_one_line(run("key", "show"), "cluster.key")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_settings_and_side_cars_are_read_in_what_editors_save(tmp_path: Path, encoding: str, ending: str) -> None:
    np.save(tmp_path / "movie.npy", np.full((3, 20, 20), 100, np.uint16))
    metadata = {"Camera.SerialNumber": "Kamera-1µ", "voxelsize.x": 0.1, "voxelsize.y": 0.1}
    (tmp_path / f"movie.{ending}").write_bytes(json.dumps(metadata, ensure_ascii=False).encode(encoding))
    result = run("info", tmp_path / "movie.npy")
    assert result.exit_code == 0, result.stderr
    assert "Kamera-1µ" in result.stdout


WRITER = """
import os, sys
import h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver=sys.argv[2]) as file:
    file["ImageData"] = np.zeros((2, 20, 20), np.uint16)
    file.flush()
    print("open", flush=True)
    sys.stdin.read()
    os._exit(9)
"""


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("command", ["info", "analyse", "maps make", "render", "score results"])
def test_a_movie_that_another_program_writes_or_left_open_is_one_line(
    tmp_path: Path, good: Path, command: str, version: str
) -> None:
    path = tmp_path / "open.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path, version], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        is_one_line(run(*COMMANDS[command][0](path, good)), "is open for writing in another program")
    if version == "latest":
        is_one_line(run(*COMMANDS[command][0](path, good)), "if its acquisition crashed, try h5clear")


@contextmanager
def without_rights(path: Path) -> Iterator[None]:
    """Take away the rights to a file or folder, and, from root, what makes it able to do without."""
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        path.chmod(0o700)


@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_permission_is_one_line(tmp_path: Path, good: Path, command: str, *, is_folder: bool) -> None:
    (tmp_path / "locked").mkdir()
    path = tmp_path / "locked" / "ok.h5"
    path.write_bytes((good / "ok.h5").read_bytes())
    arguments = COMMANDS[command][0](path, good)
    with without_rights(path.parent if is_folder else path):
        result = run(*arguments)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "please report" not in result.stderr
