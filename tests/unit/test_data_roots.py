from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from pointillist.pipeline_files.data_roots import ALLOW_VARIABLE, EVERYWHERE, DataRoots, join_folders
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.verified_movie import LostMovieError, VerifiedMovie
from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_protocol.messages.fields import JobSettings
from pointillist.pipeline_protocol.security.request_signature import UserSecret
from pointillist.pipeline_worker.data_access import DataAccess
from pointillist.pipeline_worker.job_movie import JobMovie
from pointillist.pipeline_worker.tasks.kind import BlockedError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    np.save(tmp_path / "root" / "inside.npy", np.zeros((3, 16, 16), np.uint16))
    np.save(tmp_path / "outside.npy", np.ones((3, 16, 16), np.uint16))
    (tmp_path / "root" / "link.npy").symlink_to(tmp_path / "outside.npy")
    (tmp_path / "root" / "up").symlink_to(tmp_path)
    (tmp_path / "in.npy").symlink_to(tmp_path / "root" / "inside.npy")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("inside.npy", True),
        ("none.npy", True),
        ("../root/inside.npy", True),
        ("../in.npy", True),
        ("../outside.npy", False),
        ("../rooted.npy", False),
        ("link.npy", False),
        ("up/outside.npy", False),
        ("up/root/inside.npy", True),
        ("a\0b", False),
        ("/etc/passwd", False),
    ],
)
def test_links_and_dots_are_followed_before_a_path_is_judged(root: Path, name: str, *, is_allowed: bool) -> None:
    assert (DataRoots.of([root]).allowed(f"{root}/{name}" if name[0] != "/" else name) is not None) == is_allowed


def test_a_root_may_be_a_link(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    roots = DataRoots.of([root.parent / "alias"])
    assert roots.allowed(root / "inside.npy") == root / "inside.npy"
    assert roots.allowed(root.parent / "alias" / "inside.npy") == root / "inside.npy"


def test_the_roots_of_a_machine_are_pymes_folders_and_what_is_allowed_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYMEDATADIR", str(tmp_path / "pyme"))
    monkeypatch.setenv(ALLOW_VARIABLE, str(tmp_path / "first"))
    monkeypatch.setenv(ALLOW_VARIABLE, join_folders([tmp_path / "second"]))
    folders = {Path(folder).relative_to(tmp_path) for folder in DataRoots.of_this_machine().folders}
    assert folders == {Path("home/PYMEData"), Path("pyme"), Path("first"), Path("second")}
    monkeypatch.setenv(ALLOW_VARIABLE, os.sep)
    assert DataRoots.of_this_machine().allowed("/etc/passwd") is not None


def spec_of(path: Path, user: UserSecret | None = None) -> JobSpec:
    with open_movie(path) as movie:
        identity = movie.identity
    return JobSpec(
        job="j",
        kind="fit",
        movie=str(path),
        identity=identity,
        n_frames=3,
        settings=JobSettings(recorded={"a": (1, 2.5)}),
        output="o",
        may_read=user.sign_reading(str(path), identity, JobSettings(recorded={"a": [1, 2.5]})) if user else "",
    )


def test_a_worker_opens_nothing_outside_its_roots(root: Path) -> None:
    access = DataAccess(roots=DataRoots.of([root]))
    JobMovie(spec_of(root / "inside.npy"), access).close()
    for name in ("link.npy", "../outside.npy", "up/outside.npy"):
        with pytest.raises(BlockedError, match="is outside"):
            JobMovie(spec_of(root / name), access)


def test_a_file_that_is_put_in_the_place_of_a_movie_is_not_read(root: Path) -> None:
    movie = root / "inside.npy"
    same = VerifiedMovie(movie, spec_of(movie).identity, DataRoots.of([root]))
    movie.unlink()
    movie.symlink_to(root.parent / "outside.npy")
    with pytest.raises(LostMovieError, match="is outside"):
        same.check()
    same.close()


def test_a_worker_opens_for_its_own_user_whatever_he_vouches_for(root: Path) -> None:
    user, other = UserSecret(b"1" * 32), UserSecret(b"2" * 32)
    spec = spec_of(root.parent / "outside.npy", user)
    JobMovie(spec, DataAccess(roots=DataRoots.of([root]), user_secret=user)).close()
    for stranger in (other, UserSecret(b"")):
        with pytest.raises(BlockedError, match="is outside"):
            JobMovie(spec, DataAccess(roots=DataRoots.of([root]), user_secret=stranger))


def test_a_signature_is_for_one_request_alone() -> None:
    user = UserSecret(b"1" * 32)
    settings = JobSettings(recorded={"k": 1}, typed=b"1")
    signature = user.sign_reading("/a", "i", settings)
    assert user.is_mine(signature, user.sign_reading("/a", "i", JobSettings(recorded={"k": 1}, typed=b"1")))
    others = [
        ("/b", "i", settings),
        ("/a", "j", settings),
        ("/a", "i", JobSettings(recorded={"k": 2}, typed=b"1")),
        ("/a", "i", JobSettings(recorded={"k": 1}, typed=b"2")),
    ]
    assert not any(user.is_mine(signature, user.sign_reading(*other)) for other in others)
    assert not user.is_mine(signature, user.sign_writing("/a", "i"))
    assert not user.is_mine("", user.sign_writing("/a", "i"))


def test_nobody_vouches_without_a_secret() -> None:
    nobody = UserSecret(b"")
    assert nobody.sign_writing("/a", "i") == ""
    assert not nobody.is_mine("", "")


def test_a_user_has_one_secret_for_himself_alone(tmp_path: Path) -> None:
    user = UserSecret.of_user(tmp_path)
    assert user.secret
    assert UserSecret.of_user(tmp_path) == user
    assert (tmp_path / "owner.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "owner.key").chmod(0o644)
    assert UserSecret.of_user(tmp_path) == UserSecret(b"")


def test_everything_is_as_it_is_named_for_who_is_trusted() -> None:
    assert EVERYWHERE.allowed("a/../b") == Path("a/../b")
