from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointillist.errors import MovieError, PointillistError, ResultsError, SettingError
from pointillist.pipeline_files.data_roots import DataRoots
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.pipeline_protocol.messages.control import Submit
from pointillist.pipeline_protocol.security.request_signature import UserSecret
from pointillist.pipeline_server.jobs.access_policy import AccessPolicy
from pointillist.pipeline_server.jobs.submission import JobRequest, prepare as prepare_job

SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]
OWNER = UserSecret(b"1" * 32)


@pytest.fixture
def guard(tmp_path: Path) -> AccessPolicy:
    (tmp_path / "root").mkdir()
    for folder in (tmp_path, tmp_path / "root"):
        np.save(folder / "movie.npy", np.full((4, 24, 24), 100, np.uint16))
        np.save(folder / "dark.npy", np.full((24, 24), 100, np.float32))
    return AccessPolicy(roots=DataRoots.of([tmp_path / "root"]), owner=OWNER)


def request(movie: Path, *settings: str, vouches: UserSecret | None = None, output: str | None = None) -> Submit:
    with open_movie(movie) as opened:
        known, _ = prepare(opened, None, [*SETTINGS, *settings])
        identity = opened.identity
    vouchers: dict[str, Any] = {}
    if vouches:
        vouchers["may_read"] = vouches.vouch_reading(str(movie), identity, known)
        vouchers["may_write"] = vouches.vouch_writing(output or "", identity)
    return Submit(request=1, movie=str(movie), identity=identity, settings=known, output=output, **vouchers)


def one_line(error: PointillistError) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def test_what_is_within_the_roots_is_read_for_anybody(guard: AccessPolicy, tmp_path: Path) -> None:
    wish = request(tmp_path / "root" / "movie.npy", f"Camera.DarkMapID={tmp_path}/root/dark.npy")
    guard.open_movie(wish).close()
    guard.check_output(wish, tmp_path / "root" / "deep" / "out.h5r")


@pytest.mark.parametrize("vouches", [None, UserSecret(b"2" * 32)])
def test_what_is_outside_is_not_read_for_others(
    guard: AccessPolicy, tmp_path: Path, vouches: UserSecret | None
) -> None:
    with pytest.raises(MovieError) as outside:
        guard.open_movie(request(tmp_path / "movie.npy", vouches=vouches))
    assert "--allow" in one_line(outside.value)
    with pytest.raises(SettingError) as error:
        guard.open_movie(request(tmp_path / "root" / "movie.npy", f"Camera.DarkMapID={tmp_path}/dark.npy"))
    assert "--allow" in one_line(error.value)


def test_nobody_learns_whether_there_is_a_file_outside(guard: AccessPolicy, tmp_path: Path) -> None:
    wish = request(tmp_path / "movie.npy")
    said = []
    for is_there in (True, False):
        if not is_there:
            (tmp_path / "movie.npy").unlink()
        with pytest.raises(MovieError) as error:
            guard.open_movie(wish)
        said.append(str(error.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("place", ["out.h5r", "root/../out.h5r", "root/link/out.h5r"])
def test_nothing_is_written_outside_for_others(guard: AccessPolicy, tmp_path: Path, place: str) -> None:
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    wish = request(tmp_path / "root" / "movie.npy", output=f"{tmp_path}/{place}")
    with pytest.raises(ResultsError) as error:
        guard.check_output(wish, tmp_path / place)
    assert "--allow" in one_line(error.value)


def test_the_user_himself_reads_and_writes_anywhere(guard: AccessPolicy, tmp_path: Path) -> None:
    output = str(tmp_path / "out.h5r")
    wish = request(tmp_path / "movie.npy", f"Camera.DarkMapID={tmp_path}/dark.npy", vouches=OWNER, output=output)
    guard.open_movie(wish).close()
    guard.check_output(wish, tmp_path / "out.h5r")


def test_a_job_that_goes_on_reads_the_movie_where_it_is_then(guard: AccessPolicy, tmp_path: Path) -> None:
    movie, output = tmp_path / "root" / "movie.npy", f"{tmp_path}/root/out.h5r"
    begun = prepare_job(request(movie, output=output), {}, guard)
    assert isinstance(begun, JobRequest)
    begun.journal.close()
    moved = movie.rename(tmp_path / "root" / "moved.npy")
    resumed = prepare_job(request(moved, output=output), {}, guard)
    assert isinstance(resumed, JobRequest)
    resumed.journal.close()
    assert (resumed.spec.job, resumed.spec.movie) == (begun.spec.job, str(moved))


def test_a_client_elsewhere_is_told_what_the_server_lacks(guard: AccessPolicy, tmp_path: Path) -> None:
    movie = tmp_path / "root" / "movie.npy"
    wish = request(movie)
    np.save(movie, np.full((5, 24, 24), 100, np.uint16))
    os.utime(movie, (0, 0))  # nobody is writing it
    with pytest.raises(MovieError, match=r"is another file on .*, where the server runs") as error:
        guard.open_movie(wish)
    one_line(error.value)
    movie.unlink()
    with pytest.raises(MovieError, match=r"there is no such file on .*, where the server runs; put it where") as error:
        guard.open_movie(wish)
    one_line(error.value)
