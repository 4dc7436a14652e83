from __future__ import annotations

import subprocess
import sys

import pytest

import pointillist

HEAVY = {"numba", "numpy", "scipy", "h5py", "tables", "zmq", "click", "rich", "matplotlib", "msgspec", "yaml"}


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_import_loads_nothing_heavy() -> None:
    assert modules_after("import pointillist; dir(pointillist)") & HEAVY == set()


def test_names_are_listed_and_loaded_when_they_are_used() -> None:
    assert {"Localizations", "show_versions"} <= set(dir(pointillist))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pointillist.no_such_name  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", dir(pointillist))
def test_every_name_is_documented_with_an_example(name: str) -> None:
    assert ">>> " in (getattr(pointillist, name).__doc__ or "")


def test_versions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pointillist.show_versions()
    shown = capsys.readouterr().out
    assert {"pointillist", "numba", "python"} <= {line.split()[0] for line in shown.splitlines()}
