"""The image and its composition, without an engine to run them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pointillist.cli.main import pointillist

ROOT = Path(__file__).parents[2]
COMPOSITION = ROOT / "docker-compose.yml"

pytestmark = pytest.mark.skipif(not COMPOSITION.exists(), reason="needs a checkout: no image is made of a wheel")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSITION.read_text())["services"]
    return services


def test_the_composition_is_one_by_the_schema_of_compose() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    subprocess.run([*checker, COMPOSITION], check=True, capture_output=True)


def test_a_misspelt_composition_is_not_one(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSITION.read_text().replace("command:", "comand:"))
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    assert subprocess.run([*checker, wrong], check=False, capture_output=True).returncode


def test_what_containers_run_are_commands_of_ours(services: dict[str, Any]) -> None:
    for service in services.values():
        command = [*service.get("entrypoint", []), *service.get("command", ["movie.h5"])]
        program, *arguments = command
        _parse(program, arguments)
        if "test" in service["healthcheck"]:
            _, *check = service["healthcheck"]["test"]
            assert check[0] == "pointillist"
            _parse(check[1], check[2:])


def test_nobody_in_a_container_has_the_rights_of_root(services: dict[str, Any]) -> None:
    assert {service["user"] for service in services.values()} == {"1000:1000"}
    users = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("USER")]
    assert users == ["USER 1000:1000"]


def test_the_image_is_made_of_all_packages_and_of_a_base_with_its_whole_version() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/py.typed")}
    assert packages | {"pyproject.toml", "README.md", "LICENSE"} == let_in
    bases = [line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM")]
    assert all(base.startswith("python:3.12.8-slim-") for base in bases)


def _parse(program: str, arguments: list[str]) -> None:
    command = pointillist.get_command(click.Context(pointillist), program)
    assert command is not None, program
    command.make_context(program, list(arguments))
