from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pointillist.errors import ServerError
from pointillist.supervision import kernel_cache, numba_options
from pointillist.supervision.cache_key import cache_key
from pointillist.supervision.kernel_cache import KernelCache


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


def test_a_cache_whose_kernels_cannot_be_loaded_is_discarded_once(compiler: Compiler) -> None:
    kernel_cache.fill_cache({}, print)
    cache = KernelCache.of({})
    filled_at_ns = cache.filled_at_ns
    cache.discard(filled_at_ns)
    assert not cache.is_filled
    cache.fill({}, print)
    cache.discard(filled_at_ns)  # by who found the old one damaged, and is late
    assert cache.is_filled
    assert len(compiler.folders) == 2


@pytest.mark.parametrize("lost", ["kernel.nbc", "*.filled", "*"])
def test_a_file_that_is_gone_is_noticed_before_the_cache_is_used(compiler: Compiler, lost: str) -> None:
    folder = kernel_cache.fill_cache({}, print)
    for path in folder.glob(lost):
        path.unlink()
    cache = KernelCache.of({})
    assert not cache.is_filled
    cache.fill({}, print)
    assert cache.is_filled
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


@pytest.mark.parametrize("options", [{}, {"NUMBA_OPT": "1"}])
def test_a_folder_that_the_user_chose_for_numba_is_used_beside_what_others_keep_there(
    compiler: Compiler, tmp_path: Path, options: dict[str, str]
) -> None:
    foreign = tmp_path / "chosen" / "program_0123"
    foreign.mkdir(parents=True)
    (foreign / "theirs.nbc").write_bytes(b"code.")
    chosen = {numba_options.NUMBA_VARIABLE: str(tmp_path / "chosen"), **options}
    folder = kernel_cache.fill_cache(chosen, print)
    assert folder.is_relative_to(tmp_path / "chosen")
    of_a_child = {**chosen, numba_options.NUMBA_VARIABLE: str(folder)}
    assert kernel_cache.fill_cache(of_a_child, print) == folder
    assert compiler.folders == [folder]
    KernelCache.of(of_a_child).discard(KernelCache.of(chosen).filled_at_ns)
    assert (foreign / "theirs.nbc").exists()


DAY_S = 24 * 3600.0


@pytest.mark.parametrize(
    ("ages_d", "kept"),
    [
        ({"a": 30, "b": 20, "c": 15, "d": 10, "e": 9}, "cdef"),
        ({"a": 0.1, "b": 1, "c": 2, "d": 3, "e": 6.9}, "abcdef"),
        ({"a": 30, "b": 1, "c": 2, "d": 3, "e": 6}, "bcdef"),
        ({"a": 30, "b": 20, "c": 15}, "abcf"),
    ],
)
def test_caches_that_were_used_within_a_week_stay_and_of_others_the_latest(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ages_d: dict[str, float], kept: str
) -> None:
    monkeypatch.setattr(kernel_cache, "cache_key", lambda _: "f")
    now = time.time()
    for name, age_d in ages_d.items():
        (tmp_path / "cache" / name).mkdir(parents=True)
        (tmp_path / "cache" / name / f"{name}.filled").touch()
        os.utime(tmp_path / "cache" / name, (now - age_d * DAY_S,) * 2)
    kernel_cache.fill_cache({}, print)
    assert "".join(sorted(path.name for path in (tmp_path / "cache").iterdir() if path.is_dir())) == kept
    assert len(compiler.folders) == 1


def test_who_loads_kernels_says_that_they_are_in_use(compiler: Compiler) -> None:
    folder = kernel_cache.fill_cache({}, print)
    os.utime(folder, (1.0, 1.0))
    KernelCache.of({}).stamp()
    assert time.time() - folder.stat().st_mtime < DAY_S
    assert compiler.folders


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
            patch.setattr("pointillist.supervision.cache_key.SOURCES", ("fitting",))
            patch.delitem(sys.modules, "fitting", raising=False)
            keys.append(cache_key({}))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
