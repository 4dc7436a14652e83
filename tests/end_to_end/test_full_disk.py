"""A disk that fills up during a run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = run("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    run("umount", disk)


@pytest.mark.parametrize(("command", "ending"), [("analyse", "h5r"), ("background", "h5")])
def test_a_full_disk_stops_the_run_with_one_line_and_the_same_command_goes_on(
    small_disk: Path, tmp_path: Path, command: str, ending: str
) -> None:
    movie, results = tmp_path / "movie.h5", small_disk / f"out.{ending}"
    made = run(BIN / "pointillist", "simulate", movie, "--size", "128", "--emitters", "8", "--frames", "1200")
    assert made.returncode == 0, made.stderr
    analyse = (BIN / "pointillist", command, movie, "--workers", "2")

    full = run(*analyse, "-o", results)
    assert full.returncode == 1
    errors = [line for line in full.stderr.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "full" in errors[0] or "space" in errors[0]
    assert "Traceback" not in full.stderr
    assert not results.exists()

    assert run("mount", "-o", "remount,size=256m", small_disk).returncode == 0
    again = run(*analyse, "-o", results)
    assert again.returncode == 0, again.stderr
    undisturbed = tmp_path / f"undisturbed.{ending}"
    assert run(*analyse, "-o", undisturbed).returncode == 0
    assert results.read_bytes() == undisturbed.read_bytes()
