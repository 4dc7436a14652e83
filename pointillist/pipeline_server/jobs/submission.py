"""From a request to a job: the movie is opened, an output file chosen, an existing journal resumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from msgspec import structs

from pointillist.errors import ResultsError, ServerError
from pointillist.pipeline_files import alternatives, check_writable, is_taken, journal_path
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_protocol.messages import JobSpec, Submit
from pointillist.pipeline_server.jobs.access_policy import TRUSTING, AccessPolicy
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.kind import Plan
from pointillist.pipeline_server.jobs.records import JobEntry, JournalLockedError
from pointillist.pipeline_server.jobs.registry import KINDS
from pointillist.settings import settings_digest
from pointillist.version import program_version


@dataclass(frozen=True, kw_only=True, eq=False)
class JobRequest:
    """A job that can begin.

    Parameters
    ----------
    spec
        Description of the job for workers.
    journal
        Open journal, with the results of an earlier run.
    plan
        Plan of the job.
    """

    spec: JobSpec
    journal: Journal
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Joined:
    """The server has the job already, or still; ``is_mixed`` if workers of any build may take part from now on."""

    job: str
    journal: Path
    is_mixed: bool


def prepare(request: Submit, held: Mapping[Path, str], policy: AccessPolicy) -> JobRequest | Joined:
    """Make a job of a request.

    Parameters
    ----------
    request
        Request of a client.
    held
        Journals that this server has open, with their jobs.
    policy
        Files that the server may read and write.

    Raises
    ------
    MovieError
        If the movie cannot or may not be read, or is not the one that the client saw.
    SettingError
        If a setting is missing or wrong.
    ResultsError
        If the results cannot be written, another process is at it, or there is nothing to resume.
    ServerError
        If there is no such kind of job.
    """
    digest, plan = _plan(request, policy)
    wished = Path(request.output) if request.output else plan.default_output
    policy.check_output(request, wished)
    check_writable(wished)
    for output in alternatives(wished, plan.ending):
        journal = journal_path(output)
        is_ours = request.resume != "never" and _digest_of(journal) == digest
        job = held.get(journal) if is_ours else None
        if job is not None:
            return Joined(job=job, journal=journal, is_mixed=request.mixed)
        opened = Journal.open(journal) if is_ours else None
        if opened is not None:
            # Files may have been moved; those that the request names have been judged.
            named = {"movie": request.movie, "settings": request.settings, "may_read": request.may_read}
            spec = structs.replace(opened.job.spec, **named, mixed=request.mixed)
            return JobRequest(spec=spec, journal=opened, plan=plan)
        if is_taken(output):
            continue
        if request.resume == "required":
            raise ResultsError(journal, "there is no unfinished analysis to resume", "leave out --resume")
        spec = _spec(request, digest, plan, output)
        begun = Journal.create(journal, JobEntry(digest=digest, spec=spec))
        return JobRequest(spec=spec, journal=begun, plan=plan)
    raise AssertionError  # the alternatives have no end


def rejoin(path: Path, held: Mapping[Path, str]) -> JobRequest | Joined:
    """Make a job of the journal of one that is over; `held` is as in :func:`prepare`.

    Raises
    ------
    MovieError, SettingError, ResultsError, ServerError
        As :func:`prepare`.
    """
    job = held.get(path)
    return reopen(path) if job is None else Joined(job=job, journal=path, is_mixed=False)


def reopen(path: Path) -> JobRequest:
    """Make a job of a journal that nobody has open.

    Raises
    ------
    MovieError, SettingError, ResultsError, ServerError
        As :func:`prepare`.
    """
    journal = Journal.open(path)
    if journal is None:
        raise ResultsError(path, "holds no analysis", "run the command again")
    spec = journal.job.spec
    try:
        _, plan = _plan(
            Submit(
                request=0,
                movie=spec.movie,
                identity=spec.identity,
                settings=spec.settings,
                output=spec.output,
                kind=spec.kind,
            ),
            TRUSTING,
        )
    except BaseException:
        journal.close()
        raise
    return JobRequest(spec=spec, journal=journal, plan=plan)


def _plan(request: Submit, policy: AccessPolicy) -> tuple[str, Plan]:
    """Open the movie; return the digest of the job, and its plan."""
    if request.kind not in KINDS:
        raise ServerError(request.kind, "the server has no such kind of job", "use the same version everywhere")
    with policy.open_movie(request) as movie:
        return _digest(request, movie), KINDS[request.kind](movie, request.settings)


def _digest(request: Submit, movie: MovieFile) -> str:
    """Return a digest that is equal if two requests, of one version of the program, mean the same results."""
    settings = settings_digest(request.settings.recorded)
    parts = (request.kind, movie.identity, str(movie.n_frames), settings, program_version())
    return blake2b("\n".join(parts).encode(), digest_size=32).hexdigest()


def _digest_of(journal: Path) -> str | None:
    """Return the digest of a journal's job, if there is one; a journal whose beginning is torn is removed."""
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
        else:
            journal.unlink(missing_ok=True)
        return None
    return entry.digest


def _spec(request: Submit, digest: str, plan: Plan, output: Path) -> JobSpec:
    return JobSpec(
        job=blake2b(f"{output}\n{digest}".encode(), digest_size=8).hexdigest(),
        kind=request.kind,
        movie=request.movie,
        identity=request.identity,
        n_frames=plan.stop,
        settings=request.settings,
        output=str(output),
        may_read=request.may_read,
        mixed=request.mixed,
    )
