"""Names of jobs for users: the beginning of the id, or the movie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.errors import ServerError
from pointillist.system import printable

if TYPE_CHECKING:
    from pointillist.pipeline_protocol.messages import Progress

SHORT = 6
"""Characters of an id that are shown, unless two jobs have them in common."""


@dataclass(frozen=True, kw_only=True)
class NamedJob:
    """A job that a user can name.

    Parameters
    ----------
    job
        Id of the job.
    movie
        Path of its movie.
    is_over
        Whether the job has ended; running jobs are preferred.
    """

    job: str
    movie: str
    is_over: bool


def named(jobs: Sequence[Progress]) -> list[NamedJob]:
    """Return the names of a server's jobs."""
    return [NamedJob(job=job.job, movie=job.movie, is_over=job.is_over) for job in jobs]


def find_job(name: str, jobs: Sequence[NamedJob]) -> str:
    """Return the id of the job that a user means.

    Parameters
    ----------
    name
        The beginning of its id, or its movie's name or path, with or without ending.
    jobs
        Jobs to choose from.

    Raises
    ------
    ServerError
        If it is none of them, or several. Of several, one that is not over is meant if there is just one.
    """
    found = [job for job in jobs if job.job.startswith(name.lower())] or [
        job for job in jobs if _is_of(job.movie, name)
    ]
    if len(found) > 1:
        found = [job for job in found if not job.is_over] if sum(not job.is_over for job in found) == 1 else found
    if not found:
        raise ServerError(f"job {printable(name)}", "there is no such job", "see 'pointillist jobs'")
    if len(found) > 1:
        ids = short_ids([job.job for job in jobs])
        choice = ", ".join(ids[job.job] for job in found[:8])
        raise ServerError(f"job {printable(name)}", f"{len(found)} jobs match", f"name one of {choice}")
    return found[0].job


def short_ids(jobs: Sequence[str]) -> dict[str, str]:
    """Return beginnings of ids that tell the jobs apart."""
    n_characters = SHORT
    while n_characters < 64 and len({job[:n_characters] for job in jobs}) < len(set(jobs)):
        n_characters += 1
    return {job: job[:n_characters] for job in jobs}


def _is_of(movie: str, name: str) -> bool:
    path = Path(movie)
    return name in {movie, path.name, path.stem} or str(Path(name).absolute()) == movie
