"""Running a job from its submission to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pointillist.api.following import Listener, follow
from pointillist.errors import PointillistError, ServerError, UnknownJobError
from pointillist.pipeline_files import data_root_remark
from pointillist.settings import job_settings

if TYPE_CHECKING:
    from pointillist.api.engine import Engine
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.messages import Progress, ResumeRule
    from pointillist.settings import Value

_STOP_TIMEOUT_S = 5.0
"""Longest time that Ctrl-C waits for a server to stop the job, s."""

Submit = Callable[["Client", "ResumeRule"], str]
"""Function that submits a job and returns its id."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job to be submitted to a server.

    Parameters
    ----------
    movie, identity, settings
        Movie file, identity of its content, and settings by PYME's names.
    output
        Path of the output file; None for PYME's rule.
    resume
        Whether an interrupted run may be, must be or must not be resumed.
    kind
        Kind of job: ``fit`` or ``background``.
    """

    movie: Path
    identity: str
    settings: dict[str, Value]
    output: Path | None = None
    resume: ResumeRule = "allowed"
    kind: str = "fit"

    def submit(self, client: Client, *, resume: ResumeRule | None = None, is_mixed: bool = False) -> str:
        """Submit the job and return its id.

        Parameters
        ----------
        client
            Client of the server.
        resume
            Rule in place of the job's own.
        is_mixed
            Whether workers whose last digits differ may share it.
        """
        return client.submit(
            str(self.movie.absolute()),
            self.identity,
            job_settings(self.settings, self.kind),
            output=str(self.output.absolute()) if self.output else None,
            resume=resume or self.resume,
            kind=self.kind,
            mixed=is_mixed,
        )


def run_job(job: Job, engine: Engine, listener: Listener) -> Progress:
    """Run a job to its end.

    Parameters
    ----------
    job
        Job to run.
    engine
        Engine that runs it.
    listener
        Functions that are told of it.

    Returns
    -------
    Progress
        Final state of the job.

    Raises
    ------
    PointillistError
        If it cannot be done, or needs the user.

    Notes
    -----
    KeyboardInterrupt and SystemExit stop the job, and carry a note that says so (PEP 678).
    """
    if job.output is None and (remark := data_root_remark()):
        listener.on_message(f"note: {remark}")

    def submit(client: Client, resume: ResumeRule) -> str:
        return job.submit(client, resume=resume, is_mixed=engine.is_mixed)

    with engine.running() as (client, is_ours):
        return complete(client, submit, job.resume, listener, stops=not is_ours)


def complete(client: Client, submit: Submit, resume: ResumeRule, listener: Listener, *, stops: bool) -> Progress:
    """Submit a job and follow it to its end; once more if another server has taken over.

    Parameters
    ----------
    client
        Client of the server.
    submit
        Function that submits the job.
    resume
        Rule of the first request.
    listener
        Functions that are told of the job.
    stops
        Whether an interruption stops the job at the server.
    """
    number, rule = None, resume
    try:
        while True:
            number = submit(client, rule)
            try:
                return follow(client, number, listener)
            except UnknownJobError:  # another server has taken the place of the one that had it
                number, rule = None, "allowed"
    except (KeyboardInterrupt, SystemExit) as interruption:
        if stops:
            interruption.add_note(_stop(client, submit, number, rule))
        raise


def _stop(client: Client, submit: Submit, number: str | None, rule: ResumeRule) -> str:
    """End a job, also one that the server is about to begin (`number` is None); return what has become of it."""
    client.timeout_s = client.patience_s = _STOP_TIMEOUT_S
    try:
        number = number or submit(client, rule)
        client.stop(number)
        progress = client.progress(number)
    except ServerError:
        return "the server did not confirm that the job is stopped; see 'pointillist jobs', and 'pointillist cancel'"
    except PointillistError:
        return "stopped before the job started"
    if progress.state == "stopped":
        return "stopped; give the same command again to resume"
    return f"all frames are already done: the server completes {progress.output}"
