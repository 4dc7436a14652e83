"""From a request to a job: the movie is looked at, a place for the results found, an old journal taken up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from pipeline_files.movie import MovieFile, open_movie
from pipeline_files.places import (
    alternatives,
    check_writable,
    default_results_path,
    is_taken,
    journal_path,
)
from pipeline_files.preparation import check_frames
from pipeline_files.results import ResultsDescription
from pipeline_files.results_reader import read_results
from pipeline_files.settings import fit_settings, normalised, settings_digest
from pipeline_protocol.errors import MovieError, ResultsError
from pipeline_protocol.messages import JobSpec, Submit
from pipeline_server.journal import Journal
from pipeline_server.records import JobEntry, JournalLockedError

_TASK_BYTES = 1 << 30
"""Raw frames of one task, at most: what is lost with a worker, and read again. A worker never holds them all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """A job that can begin.

    Parameters
    ----------
    spec
        What workers are told.
    journal
        Open; with what an earlier run left in it.
    description
        What the results say of themselves.
    start, stop
        Frames to analyse.
    context
        Frames of the background window.
    max_frames
        Length of a task, at most.
    is_finished
        Whether the results stand, and an earlier server died before it removed the journal.
    """

    spec: JobSpec
    journal: Journal
    description: ResultsDescription
    start: int
    stop: int
    context: int
    max_frames: int
    is_finished: bool


@dataclass(frozen=True, kw_only=True)
class Joined:
    """The same analysis runs already."""

    job: str


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """What a movie and its settings make of a request."""

    digest: str
    description: ResultsDescription
    start: int
    stop: int
    context: int
    max_frames: int


def prepare(request: Submit, held: Mapping[Path, str]) -> Submission | Joined:
    """Make a job of a request.

    Parameters
    ----------
    request
        Of a client.
    held
        Journals that this server has open, with their jobs.

    Raises
    ------
    MovieError
        If the movie cannot be read, or is not the one that the client saw.
    SettingError
        If a setting is missing or wrong.
    ResultsError
        If the results cannot be written, another process is at it, or there is nothing to resume.
    """
    plan = _plan(request)
    wished = Path(request.output) if request.output else default_results_path(Path(request.movie))
    check_writable(wished)
    for results in alternatives(wished):
        journal = journal_path(results)
        is_ours = request.resume != "never" and _digest_of(journal) == plan.digest
        if is_ours and journal in held:
            return Joined(job=held[journal])
        opened = Journal.open(journal) if is_ours else None
        if opened is not None:
            return _submission(plan, opened.job.spec, opened)
        if is_taken(results):
            continue
        if request.resume == "required":
            raise ResultsError(journal, "there is no unfinished analysis to resume", "leave out --resume")
        spec = _spec(request, plan, results)
        return _submission(plan, spec, Journal.create(journal, JobEntry(digest=plan.digest, spec=spec)))
    raise AssertionError  # the alternatives have no end


def reopen(path: Path) -> Submission:
    """Make a job of a journal that an earlier server had open.

    Raises
    ------
    MovieError, SettingError, ResultsError
        As :func:`prepare`.
    """
    journal = Journal.open(path)
    if journal is None:
        raise ResultsError(path, "holds no analysis", "run the command again")
    spec = journal.job.spec
    try:
        plan = _plan(
            Submit(request=0, movie=spec.movie, identity=spec.identity, settings=spec.settings, output=spec.output)
        )
    except BaseException:
        journal.close()
        raise
    return _submission(plan, spec, journal)


def _plan(request: Submit) -> _Plan:
    # numba, which a server can do without until it has a job
    from fitting.background import window_span  # noqa: PLC0415
    from pipeline_files.camera import camera_model  # noqa: PLC0415

    with open_movie(request.movie) as movie:
        if movie.identity != request.identity:
            raise MovieError(request.movie, "is not the file that it was", "run the command again")
        settings = normalised(request.settings)
        fit = fit_settings(settings)
        check_frames(movie, settings)
        camera_model(settings, movie.frame_shape, movie.path.parent)  # are the maps there, and of the right size?
        middle = (fit.start_at + movie.n_frames) // 2
        first, stop = window_span(fit, middle, middle + 1, movie.n_frames)
        return _Plan(
            digest=_digest(request, movie),
            description=ResultsDescription.of(movie, settings),
            start=fit.start_at,
            stop=movie.n_frames,
            context=stop - first - 1,
            max_frames=max(1, _TASK_BYTES // max(1, int(np.prod(movie.frame_shape)) * movie.dtype.itemsize)),
        )


def _digest(request: Submit, movie: MovieFile) -> str:
    """Say whether two requests mean the same rows; another version of the program may find others."""
    parts = (request.kind, movie.identity, str(movie.n_frames), settings_digest(request.settings), program_version())
    return blake2b("\n".join(parts).encode(), digest_size=32).hexdigest()


def program_version() -> str:
    """Return the version of Pointillist that is installed."""
    try:
        return version("pointillist")
    except PackageNotFoundError:
        return "unknown"


def _digest_of(journal: Path) -> str | None:
    """Return what a journal is of; one whose beginning is torn holds nothing, and is removed."""
    if not journal.exists():
        return None
    entry = Journal.peek(journal)
    if entry is None:
        try:
            opened = Journal.open(journal)
        except JournalLockedError:
            return None  # it is being begun
        if opened is not None:
            opened.close()
        elif journal.exists():
            journal.unlink()
        return None
    return entry.digest


def _spec(request: Submit, plan: _Plan, results: Path) -> JobSpec:
    return JobSpec(
        job=blake2b(f"{results}\n{plan.digest}".encode(), digest_size=8).hexdigest(),
        kind=request.kind,
        movie=request.movie,
        identity=request.identity,
        n_frames=plan.stop,
        settings=request.settings,
        output=str(results),
    )


def _submission(plan: _Plan, spec: JobSpec, journal: Journal) -> Submission:
    return Submission(
        spec=spec,
        journal=journal,
        description=plan.description,
        start=plan.start,
        stop=plan.stop,
        context=plan.context,
        max_frames=plan.max_frames,
        is_finished=_is_finished(Path(spec.output), plan),
    )


def _is_finished(results: Path, plan: _Plan) -> bool:
    if not results.exists():
        return False
    try:
        found = read_results(results, 0, 0)
    except ResultsError:
        return False
    there = (found.is_complete, found.movie_identity, found.settings_digest)
    return there == (True, plan.description.movie_identity, plan.description.settings_digest)
