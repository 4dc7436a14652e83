from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.discovery.local import Announcement, find_server
from pointillist.pipeline_protocol.security import keys


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.KEY_VARIABLE, raising=False)


def test_the_key_is_made_once_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    first = keys.user_keys(tmp_path / "config")
    file = tmp_path / "config" / "cluster.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys.user_keys(tmp_path / "config") == first
    assert [path.name for path in file.parent.iterdir()] == ["cluster.key"]


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(keys.user_keys, [tmp_path] * 8, chunksize=1)
    assert len({each.key for each in made}) == 1


def test_one_key_yields_two_pairs_that_are_always_the_same() -> None:
    derived = keys.derive_keys(bytes(32))
    assert derived == keys.derive_keys(bytes(32))
    assert derived.server != derived.client
    assert derived.server != keys.derive_keys(b"\1" * 32).server


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.KEY_VARIABLE, "ab" * 32)
    assert keys.user_keys(tmp_path) == keys.derive_keys(b"\xab" * 32)
    assert not list(tmp_path.iterdir())


def test_no_key_shows_in_a_log() -> None:
    secret = keys.ephemeral_keys()
    assert secret.key not in repr(secret)
    assert secret.server.secret.decode() not in repr(secret)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keys.user_keys(tmp_path)
    (tmp_path / "cluster.key").chmod(0o644)
    with pytest.raises(ServerError, match="can be read by others; run chmod 600"):
        keys.user_keys(tmp_path)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_damaged_key_is_one_clear_line(tmp_path: Path, text: str) -> None:
    keys.user_keys(tmp_path)
    (tmp_path / "cluster.key").write_text(text)
    with pytest.raises(ServerError, match=r"is not a cluster key|is empty"):
        keys.user_keys(tmp_path)


def test_a_key_that_cannot_be_kept_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with pytest.raises(ServerError, match="cannot be used"):
        keys.user_keys(tmp_path / "config")


def test_a_server_is_found_as_long_as_it_lives(tmp_path: Path) -> None:
    file = tmp_path / "state" / "server"
    assert find_server(file) is None
    with Announcement(file) as announcement:
        assert find_server(file) is None
        announcement.publish("tcp://127.0.0.1:1234")
        assert find_server(file) == "tcp://127.0.0.1:1234"
        with pytest.raises(ServerError, match="a server is already running on this machine"):
            Announcement(file)
    assert find_server(file) is None
    file.write_text("tcp://127.0.0.1:1234")
    assert find_server(file) is None, "what a killed server left"


def test_a_key_that_was_made_here_is_not_shared_until_it_is_shown_or_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not keys.is_key_shared(tmp_path)
    made = keys.user_keys(tmp_path)
    file = keys.KeyFile.of_user(tmp_path)
    assert not keys.is_key_shared(tmp_path)
    file.replace(bytes.fromhex(made.key), is_shared=True)
    assert keys.is_key_shared(tmp_path)
    assert keys.existing_keys(tmp_path) == made
    file.replace(bytes(32), is_shared=False)
    monkeypatch.setattr(keys, "_ONLY_HERE", "made on another machine, and not shared")
    assert keys.is_key_shared(tmp_path), "the file, or the home folder, came from another machine"


def test_a_machine_without_a_key_is_told_how_to_bring_it(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="run 'pointillist key show' where the server runs"):
        keys.existing_keys(tmp_path)
    assert not list(tmp_path.iterdir())
