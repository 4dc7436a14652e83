"""The commands in a folder of scripts that have the names of our rooms and of Python's own modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
FOREIGN = ("cli/__init__.py", "fitting.py", "pipeline_server.py", "pipeline_worker.py", "errors.py", "random.py")


@pytest.mark.parametrize("where", ["PYTHONPATH", "current folder"])
def test_an_analysis_imports_none_of_the_users_scripts(tmp_path: Path, where: str) -> None:
    for name in FOREIGN:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('a foreign module was imported')\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path) if where == "PYTHONPATH" else ""}
    commands = (
        ["pointillist", "simulate", "movie.h5", "--size", "64", "--frames", "20", "--seed", "1"],
        ["analyse", "movie.h5", "-o", "movie.h5r", "--workers", "1"],
    )
    for program, *arguments in commands:
        command = [str(BIN / program), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "movie.h5r").exists()
