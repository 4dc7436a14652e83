"""What users call a job."""

from __future__ import annotations

import pytest

from pointillist.api import NamedJob, find_job, short_ids
from pointillist.errors import ServerError


def job(number: str, movie: str = "/data/movie.h5", *, is_over: bool = False) -> NamedJob:
    return NamedJob(job=number, movie=movie, is_over=is_over)


JOBS = [job("abc1"), job("abd2", "/data/other.h5", is_over=True)]


@pytest.mark.parametrize("name", ["abc", "ABC1", "abc1", "movie.h5", "movie", "/data/movie.h5"])
def test_a_job_is_found_by_the_beginning_of_its_id_and_by_its_movie(name: str) -> None:
    assert find_job(name, JOBS) == "abc1"


def test_a_job_is_found_by_a_path_from_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert find_job("data/movie.h5", JOBS) == "abc1"


def test_of_several_the_one_that_is_not_over_is_meant() -> None:
    assert find_job("ab", JOBS) == "abc1"
    assert find_job("movie", [job("a1", is_over=True), job("b1"), job("c1", is_over=True)]) == "b1"


@pytest.mark.parametrize("jobs", [[job("a1"), job("b1")], [job("a1", is_over=True), job("b1", is_over=True)]])
def test_a_name_of_several_jobs_is_refused_with_their_ids(jobs: list[NamedJob]) -> None:
    with pytest.raises(ServerError, match=r"2 jobs.*name one of a1, b1"):
        find_job("movie.h5", jobs)


def test_a_name_of_none_is_refused_and_cannot_command_a_terminal() -> None:
    with pytest.raises(ServerError, match="no such job") as caught:
        find_job("\x1b[2J", JOBS)
    assert "\x1b" not in str(caught.value)


def test_short_ids_tell_jobs_apart() -> None:
    assert short_ids(["abcdef01", "123456ff"]) == {"abcdef01": "abcdef", "123456ff": "123456"}
    assert short_ids(["abcdef01", "abcdef11", "abcdef01"]) == {"abcdef01": "abcdef0", "abcdef11": "abcdef1"}
