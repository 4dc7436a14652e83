from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_protocol.errors import ServerError
from pipeline_worker import kernel_cache


class Compiler:
    """Stands for the process that compiles; fails as often as told."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.n_failures = 0

    def __call__(self, folder: Path, _environment: Mapping[str, str]) -> str | None:
        self.folders.append(folder)
        if self.n_failures:
            self.n_failures -= 1
            return "UnpicklingError: pickle data was truncated"
        (folder / "kernel.nbc").write_bytes(b"code.")
        return None


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    compiler = Compiler()
    monkeypatch.setattr(kernel_cache, "_compile", compiler)
    monkeypatch.setenv(kernel_cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    return compiler


def test_it_is_filled_once_and_the_user_is_told(compiler: Compiler) -> None:
    news: list[str] = []
    folder = kernel_cache.fill_cache({}, news.append)
    assert kernel_cache.fill_cache({}, news.append) == folder
    assert compiler.folders == [folder]
    assert news == ["compiling kernels, once (about a minute)"]


def test_a_damaged_cache_is_emptied_and_filled_again(compiler: Compiler) -> None:
    folder = kernel_cache.fill_cache({}, print)
    (folder / "kernel.nbc").write_bytes(b"co")
    assert kernel_cache.refill_cache({}, print) == folder
    assert (folder / "kernel.nbc").read_bytes() == b"code."
    assert len(compiler.folders) == 2


@pytest.mark.parametrize("left", [b"", b"co", b"code\0"], ids=["empty", "truncated", "zeros"])
def test_a_file_that_lost_its_end_is_noticed_before_it_is_used(compiler: Compiler, left: bytes) -> None:
    folder = kernel_cache.fill_cache({}, print)
    (folder / "kernel.nbc").write_bytes(left)
    assert kernel_cache.fill_cache({}, print) == folder
    assert (folder / "kernel.nbc").read_bytes() == b"code."
    assert kernel_cache.fill_cache({}, print) == folder
    assert len(compiler.folders) == 2


def test_what_a_killed_compiler_left_does_not_stay(compiler: Compiler) -> None:
    compiler.n_failures = 1
    folder = kernel_cache.fill_cache({}, print)
    assert len(compiler.folders) == 2
    assert (folder / "kernel.nbc").exists()


def test_kernels_that_cannot_be_compiled_are_one_clear_line(compiler: Compiler) -> None:
    compiler.n_failures = 2
    with pytest.raises(
        ServerError, match="kernels: cannot be compiled \\(UnpicklingError: pickle data was truncated\\)"
    ):
        kernel_cache.fill_cache({}, print)


def test_a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert kernel_cache.fill_cache({}, print).is_relative_to(tmp_path / "temporary")
    assert compiler.folders


def test_a_folder_that_the_user_chose_for_numba_is_used(compiler: Compiler, tmp_path: Path) -> None:
    chosen = {kernel_cache.NUMBA_VARIABLE: str(tmp_path / "chosen")}
    assert kernel_cache.fill_cache(chosen, print) == tmp_path / "chosen"
    (tmp_path / "chosen" / "other").mkdir()
    kernel_cache.refill_cache(chosen, print)
    assert (tmp_path / "chosen" / "other").exists()
    assert compiler.folders == [tmp_path / "chosen"] * 2


def test_only_the_latest_caches_are_kept(compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in "abcdef":
        monkeypatch.setattr(kernel_cache, "cache_key", lambda key=key: key)
        kernel_cache.fill_cache({}, print)
    assert sorted(path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()) == ["c", "d", "e", "f"]
    assert len(compiler.folders) == 6


def test_sources_of_other_content_time_or_place_are_another_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for place, content, time_s in (
        ("a", "x = 1", 1),
        ("a", "x = 1", 1),
        ("a", "x = 2", 1),
        ("a", "x = 1", 2),
        ("b", "x = 1", 1),
    ):
        source = tmp_path / place / "fitting" / "__init__.py"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(content)
        os.utime(source, (time_s, time_s))
        importlib.invalidate_caches()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [str(tmp_path / place), *sys.path])
            patch.delitem(sys.modules, "fitting", raising=False)
            keys.append(kernel_cache.cache_key())
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
