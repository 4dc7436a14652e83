from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINKS = ("cli", "fitting", "pipeline_server", "pipeline_worker")


def build(what: str, source: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "build", f"--{what}", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def checkout() -> Path:
    if not (ROOT / "LICENSE").exists():
        pytest.skip("no checkout to build from")
    return ROOT


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return content(build("wheel", checkout, tmp_path_factory.mktemp("wheel")))


def test_the_wheel_holds_one_package_and_nothing_else(wheel: dict[str, bytes]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info" not in name} == {"pointillist"}
    assert [name for name in wheel if name.endswith("/py.typed")] == ["pointillist/py.typed"]
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "pointillist").rglob("*.py*") if path.suffix != ".pyc"}
    assert sources <= set(wheel)


def test_the_wheel_of_the_source_distribution_is_that_of_the_tree(
    checkout: Path, wheel: dict[str, bytes], tmp_path: Path
) -> None:
    with tarfile.open(build("sdist", checkout, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert content(build("wheel", source, tmp_path / "wheel")) == wheel


def test_the_rooms_of_the_customer_are_seen_at_the_top(checkout: Path) -> None:
    for name in LINKS:
        assert (checkout / name).readlink() == Path("pointillist", name)


def test_the_commands_are_installed() -> None:
    scripts = {entry.name for entry in importlib.metadata.distribution("pointillist").entry_points}
    assert scripts == {"analyse", "launch-workers", "pointillist"}
