from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"cli", "fitting", "pipeline_files", "pipeline_protocol", "pipeline_server", "pipeline_worker"}


def test_the_wheel_holds_the_packages_of_the_tree_and_nothing_else(tmp_path: Path) -> None:
    if not (ROOT / "LICENSE").exists():
        pytest.skip("no checkout to build from")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == PACKAGES
    assert {name.split("/")[0] for name in names if name.endswith("/py.typed")} == PACKAGES
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_commands_are_installed() -> None:
    scripts = {entry.name for entry in importlib.metadata.distribution("pointillist").entry_points}
    assert scripts == {"analyse", "launch-workers", "pointillist"}
