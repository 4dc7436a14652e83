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
from pointillist.settings.encoding import job_settings

SETTINGS = [
    *("voxelsize.x=0.1", "voxelsize.y=0.1", "Camera.ElectronsPerCount=0.5", "Camera.TrueEMGain=1"),
    *("Camera.NoiseFactor=1", "Camera.ReadNoise=1.6", "Camera.ADOffset=100"),
]
USER = UserSecret(b"1" * 32)


@pytest.fixture
def policy(tmp_path: Path) -> AccessPolicy:
    (tmp_path / "root").mkdir()
    for folder in (tmp_path, tmp_path / "root"):
        np.save(folder / "movie.npy", np.full((4, 24, 24), 100, np.uint16))
        np.save(folder / "dark.npy", np.full((24, 24), 100, np.float32))
    return AccessPolicy(roots=DataRoots.of([tmp_path / "root"]), user_secret=USER)


def request(movie: Path, *settings: str, signer: UserSecret | None = None, output: str | None = None) -> Submit:
    with open_movie(movie) as opened:
        known, _ = prepare(opened, None, [*SETTINGS, *settings])
        identity, sent = opened.identity, job_settings(known)
    signatures: dict[str, Any] = {}
    if signer:
        signatures["may_read"] = signer.sign_reading(str(movie), identity, sent)
        signatures["may_write"] = signer.sign_writing(output or "", identity)
    return Submit(request=1, movie=str(movie), identity=identity, settings=sent, output=output, **signatures)


def one_line(error: PointillistError) -> str:
    text = str(error)
    assert "\n" not in text
    return text


def test_what_is_within_the_roots_is_read_for_anybody(policy: AccessPolicy, tmp_path: Path) -> None:
    submitted = request(tmp_path / "root" / "movie.npy", f"Camera.DarkMapID={tmp_path}/root/dark.npy")
    policy.open_movie(submitted).close()
    policy.check_output(submitted, tmp_path / "root" / "deep" / "out.h5r")


@pytest.mark.parametrize("signer", [None, UserSecret(b"2" * 32)])
def test_what_is_outside_is_not_read_for_others(
    policy: AccessPolicy, tmp_path: Path, signer: UserSecret | None
) -> None:
    with pytest.raises(MovieError) as outside:
        policy.open_movie(request(tmp_path / "movie.npy", signer=signer))
    assert "--allow" in one_line(outside.value)
    with pytest.raises(SettingError) as error:
        policy.open_movie(request(tmp_path / "root" / "movie.npy", f"Camera.DarkMapID={tmp_path}/dark.npy"))
    assert "--allow" in one_line(error.value)


def test_nobody_learns_whether_there_is_a_file_outside(policy: AccessPolicy, tmp_path: Path) -> None:
    submitted = request(tmp_path / "movie.npy")
    said = []
    for is_there in (True, False):
        if not is_there:
            (tmp_path / "movie.npy").unlink()
        with pytest.raises(MovieError) as error:
            policy.open_movie(submitted)
        said.append(str(error.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("path", ["out.h5r", "root/../out.h5r", "root/link/out.h5r"])
def test_nothing_is_written_outside_for_others(policy: AccessPolicy, tmp_path: Path, path: str) -> None:
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    submitted = request(tmp_path / "root" / "movie.npy", output=f"{tmp_path}/{path}")
    with pytest.raises(ResultsError) as error:
        policy.check_output(submitted, tmp_path / path)
    assert "--allow" in one_line(error.value)


def test_the_user_himself_reads_and_writes_anywhere(policy: AccessPolicy, tmp_path: Path) -> None:
    output = str(tmp_path / "out.h5r")
    submitted = request(tmp_path / "movie.npy", f"Camera.DarkMapID={tmp_path}/dark.npy", signer=USER, output=output)
    policy.open_movie(submitted).close()
    policy.check_output(submitted, tmp_path / "out.h5r")


def test_a_job_that_goes_on_reads_the_movie_where_it_is_then(policy: AccessPolicy, tmp_path: Path) -> None:
    movie, output = tmp_path / "root" / "movie.npy", f"{tmp_path}/root/out.h5r"
    begun = prepare_job(request(movie, output=output), {}, policy)
    assert isinstance(begun, JobRequest)
    begun.journal.close()
    moved = movie.rename(tmp_path / "root" / "moved.npy")
    resumed = prepare_job(request(moved, output=output), {}, policy)
    assert isinstance(resumed, JobRequest)
    resumed.journal.close()
    assert (resumed.spec.job, resumed.spec.movie) == (begun.spec.job, str(moved))


def test_a_client_elsewhere_is_told_what_the_server_lacks(policy: AccessPolicy, tmp_path: Path) -> None:
    movie = tmp_path / "root" / "movie.npy"
    submitted = request(movie)
    np.save(movie, np.full((5, 24, 24), 100, np.uint16))
    os.utime(movie, (0, 0))  # nobody is writing it
    with pytest.raises(MovieError, match=r"is another file on .*, where the server runs") as error:
        policy.open_movie(submitted)
    one_line(error.value)
    movie.unlink()
    with pytest.raises(
        MovieError, match=r"there is no such file on .*, where the server runs; put it in a folder"
    ) as error:
        policy.open_movie(submitted)
    one_line(error.value)
