from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import pointillist
from pointillist.supervision.managed_process import importing_us

PACKAGE = Path(pointillist.__file__).parent
FOREIGN = "raise SystemExit('a foreign module was imported')\n"
FOREIGN_FILES = ("cli/__init__.py", "cli/log.py", "fitting.py", "errors.py", "pipeline_files.py", "random.py")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = {name: path for name, path in SOURCES.items() if path.name == "__init__.py"}


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Modules and names that a file imports from other files of the program."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pointillist"):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.startswith("pointillist."))


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_a_room_is_entered_by_its_public_names(module: str) -> None:
    path = SOURCES[module]
    for source, name in imported(path):
        parent, _, leaf = source.rpartition(".")
        if source in PACKAGES:
            is_inside = module.startswith(f"{source}.")
            assert is_inside or source == "pointillist" or name in import_module(source).__all__, f"{source}.{name}"
        else:
            is_inside = module.startswith(f"{parent}.") or parent == "pointillist"
            assert is_inside, f"{module} imports {name} from {leaf}, which is inside {parent}"


@pytest.mark.parametrize("package", sorted(name for name in PACKAGES if PACKAGES[name].with_suffix(".pyi").exists()))
def test_every_public_name_is_there_and_is_no_private_one(package: str) -> None:
    room = import_module(package)
    assert room.__all__
    assert [name for name in room.__all__ if name.startswith("_") and name not in SOURCES] == []
    assert dir(room) == room.__all__
    for name in room.__all__:
        assert getattr(room, name) is not None


def defining_modules() -> dict[tuple[str, str], str]:
    """Module that defines each public name of a package, by package and name."""
    modules: dict[tuple[str, str], str] = {}
    for package, path in PACKAGES.items():
        stub = path.with_suffix(".pyi")
        for node in ast.parse(stub.read_text("utf-8")).body if stub.exists() else ():
            if isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
                modules |= {(package, name): ".".join(filter(None, (package, node.module or name))) for name in names}
    return modules


def test_no_two_modules_import_each_other() -> None:
    defining = defining_modules()

    def module_of(source: str, name: str) -> str:
        submodule = f"{source}.{name}"
        found = defining.get((source, name), submodule if submodule in SOURCES else source)
        return module_of(found, name) if (found, name) in defining and found != source else found

    imports = {module: {module_of(*found) for found in imported(path)} - {module} for module, path in SOURCES.items()}
    pairs = {(module, other) for module, others in imports.items() for other in others}
    assert len(pairs) > len(SOURCES)  # imports are resolved
    assert sorted(pair for pair in pairs if pair[::-1] in pairs) == []


def test_every_module_is_imported_under_one_name() -> None:
    code = (
        "import pkgutil, sys, pointillist\n"
        "for found in pkgutil.walk_packages(pointillist.__path__, 'pointillist.'):\n"
        "    if not found.name.endswith('__main__'): __import__(found.name)\n"
        "files = {}\n"
        "for name, module in list(sys.modules.items()):\n"
        "    files.setdefault(getattr(module, '__file__', None) or name, set()).add(name)\n"
        "print([names for file, names in files.items() if len(names) > 1 and 'pointillist' in file])\n"
    )
    root = PACKAGE.parent
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_rooms_are_found_by_walking() -> None:
    walked = {found.name for found in pkgutil.walk_packages(pointillist.__path__, "pointillist.")}
    assert set(SOURCES) - {"pointillist"} == walked


def test_a_process_that_we_start_looks_for_no_module_inside_our_package(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text(FOREIGN)
    environment = importing_us({"PYTHONPATH": str(tmp_path)})
    code = "import random, sys, pointillist; print(*sys.path, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout.splitlines()
    assert [entry for entry in done.stdout.splitlines() if Path(entry).is_relative_to(PACKAGE)] == []


def test_the_import_path_of_a_process_is_that_of_the_processes_that_it_starts(tmp_path: Path) -> None:
    environment = importing_us({"PYTHONPATH": str(tmp_path)})
    assert importing_us(environment) == environment


@pytest.mark.parametrize("where", ["PYTHONPATH", "current folder"])
def test_files_of_ones_own_take_the_place_of_no_room(tmp_path: Path, where: str) -> None:
    for name in FOREIGN_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FOREIGN)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    if where == "PYTHONPATH":
        environment["PYTHONPATH"] = str(tmp_path)
    command = [str(Path(sys.executable).parent / "pointillist"), "settings"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Analysis.FitModule" in done.stdout
