"""``pointillist key show``, ``new`` and ``import``."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pointillist.cli.main import pointillist
from pointillist.pipeline_protocol.security.keys import KEY_VARIABLE, is_key_shared

KEY = "ab" * 32


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cluster.key"
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: tmp_path)
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return path


def key(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(pointillist, ["key", *arguments], input=stdin)


def test_show_prints_the_key_alone_and_from_then_on_it_counts_as_shared(file: Path) -> None:
    shown = key("show")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.strip() == file.read_text().split()[0]
    assert is_key_shared()
    assert key("show").stdout == shown.stdout


def test_a_key_that_is_shown_on_one_machine_is_imported_on_another(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = key("show").stdout
    other = tmp_path / "other"
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: other)
    assert key("import", stdin=shown).exit_code == 0
    assert (other / "cluster.key").read_text() == shown
    assert stat.S_IMODE((other / "cluster.key").stat().st_mode) == 0o600
    assert is_key_shared()
    assert file.exists()


def test_import_takes_a_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "brought").write_text(f"{KEY}\n")
    assert key("import", str(tmp_path / "brought")).exit_code == 0
    assert file.read_text().split() == [KEY]


def test_another_key_is_replaced_only_by_force(file: Path) -> None:
    before = key("show").stdout.strip()
    for command in (["import"], ["new"]):
        refused = key(*command, stdin=KEY)
        assert refused.exit_code == 1
        assert "holds another key; replace it with --force" in refused.stderr
        assert file.read_text().split()[0] == before
    assert key("import", "--force", stdin=KEY).exit_code == 0
    assert file.read_text().split() == [KEY]
    assert key("import", stdin=KEY).exit_code == 0, "the same key is no other"
    assert key("new", "--force").exit_code == 0
    assert file.read_text().split()[0] not in {KEY, before}
    assert not is_key_shared()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_show_prints_the_key(file: Path) -> None:
    for done in (key("new"), key("import", "--force", stdin=KEY), key("import", stdin="cd" * 32)):
        assert KEY not in done.output
        assert file.read_text().split()[0] not in done.output


@pytest.mark.parametrize("text", ["", "abc", "ab" * 31, "not a key"])
def test_what_is_no_key_is_not_imported(file: Path, text: str) -> None:
    refused = key("import", stdin=text)
    assert refused.exit_code == 1
    assert "is not a cluster key (64 hexadecimal digits)" in refused.stderr
    assert not file.exists()


def test_a_key_in_the_environment_is_shown_and_goes_before_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert key("show").stdout.strip() == KEY
    assert not file.exists()
    done = key("new")
    assert f"{KEY_VARIABLE} is set and takes precedence" in done.stderr
    assert file.exists()
