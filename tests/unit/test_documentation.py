from __future__ import annotations

import re
from pathlib import Path

import pytest

import pointillist
from pointillist.cli.event_lines import EVENT_FORMATS
from pointillist.pipeline_protocol.messages.reports import Pong, Progress, WorkerReport
from pointillist.settings.schema import SETTINGS
from pointillist.system.folders import FOLDERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def test_the_reference_of_the_settings_is_that_of_the_program() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text, flags=re.MULTILINE))
    assert list(rows) == list(SETTINGS)
    for setting in SETTINGS.values():
        default, unit, meaning = (cell.strip() for cell in rows[setting.name].split(" | "))
        shown = ":".join(map(str, setting.default)) if isinstance(setting.default, tuple) else setting.default
        assert (default.strip("`") or None) == (None if shown is None else str(shown))
        assert (unit, meaning) == (setting.unit, setting.meaning)


def test_the_limits_of_the_settings_are_documented() -> None:
    text = (DOCS / "reference" / "limits.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \|(.*)\|$", text, flags=re.MULTILINE))
    limited = [setting for setting in SETTINGS.values() if setting.bounds or setting.typical]
    assert [name for name in rows if name in SETTINGS] == [setting.name for setting in limited]
    for setting in limited:
        refused, noted, _ = (cell.strip() for cell in rows[setting.name].split("|"))
        assert refused == setting.bounds
        if setting.typical:
            assert noted == f"{setting.typical[0]:g} to {setting.typical[1]:g}"


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_keys_that_programs_are_told_are_documented() -> None:
    text = (DOCS / "reference" / "json.md").read_text()
    documented = set(re.findall(r"`(\w+)`", text))
    told = {field for kind in (Pong, WorkerReport, Progress) for field in kind.__struct_fields__}
    assert told - {"request"} | {"left_s"} <= documented


def test_the_events_of_a_log_are_documented() -> None:
    text = (DOCS / "reference" / "json.md").read_text()
    documented = set(re.findall(r"^\| `([a-z ]+)` \| .* \| .* \|$", text, flags=re.MULTILINE))
    assert set(EVENT_FORMATS) <= documented


def test_every_place_that_is_written_to_is_documented_with_its_variable() -> None:
    text = (DOCS / "reference" / "commands.md").read_text()
    found = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", text.partition("## Places")[2], flags=re.MULTILINE)
    assert found == [(folder.variable, folder.contents, folder.default) for folder in FOLDERS]


def sources() -> dict[str, str]:
    package = Path(pointillist.__file__).parent
    return {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}


def test_every_variable_of_the_environment_is_documented() -> None:
    text = (DOCS / "reference" / "commands.md").read_text()
    internal = {"POINTILLIST_PARENT_FD"}
    named = {name for source in sources().values() for name in re.findall(r"\"((?:POINTILLIST|PYME)[A-Z_]+)\"", source)}
    assert named >= {folder.variable for folder in FOLDERS if folder.variable != "TMPDIR"}
    assert {name for name in named - internal if f"| `{name}` |" not in text} == set()


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        (r"platformdirs\.\w+", {"system/folders.py", "cli/kernels.py"}),
        (r"Path\.home\(|expanduser\(", {"system/folders.py"}),
        (r"gettempdir\(", {"system/folders.py"}),
    ],
)
def test_places_are_asked_for_in_one_module(asked: str, where: set[str]) -> None:
    assert {name for name, source in sources().items() if re.search(asked, source)} == where
