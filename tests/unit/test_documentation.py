from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline_files.keys import KEYS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def test_the_reference_of_the_settings_is_that_of_the_program() -> None:
    text = (DOCS / "reference" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", text, flags=re.MULTILINE))
    assert list(rows) == list(KEYS)
    for key in KEYS.values():
        default, unit, meaning = (cell.strip() for cell in rows[key.name].split(" | "))
        shown = ":".join(map(str, key.default)) if isinstance(key.default, tuple) else key.default
        assert (default.strip("`") or None) == (None if shown is None else str(shown))
        assert (unit, meaning) == (key.unit, key.meaning)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target
