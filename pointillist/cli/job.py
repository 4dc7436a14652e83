"""Running a job from its submission to its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointillist.cli.engine import Engine
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.messages import Progress, ResumeRule
    from pointillist.settings import Value

_STOP_TIMEOUT_S = 5.0
"""Longest time that Ctrl-C waits for a server to stop the job, s."""

_RESUME_RULES: dict[bool, ResumeRule] = {True: "required", False: "allowed"}
"""Rule of the first request, by whether an interrupted run must be resumed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job to be submitted to a server.

    Parameters
    ----------
    movie, identity, settings
        Movie file, identity of its content, and settings by PYME's names.
    output
        Path of the output file; None for PYME's rule.
    is_resuming
        Whether it must resume an interrupted run.
    engine
        Engine that runs it.
    kind
        Kind of job: ``fit`` or ``background``.
    items
        Name of what it finds, in the plural.
    """

    movie: Path
    identity: str
    settings: dict[str, Value]
    output: Path | None
    is_resuming: bool
    engine: Engine
    kind: str = "fit"
    items: str = "localizations"


def run_job(job: Job) -> Progress:
    """Run a job, and show its progress.

    Returns
    -------
    Progress
        Final state of the job.

    Raises
    ------
    PointillistError
        If it cannot be done, or needs the user.
    """
    from pointillist.cli.console import notices
    from pointillist.cli.following import follow
    from pointillist.errors import UnknownJobError
    from pointillist.pipeline_files import data_root_remark

    if job.output is None and (remark := data_root_remark()):
        notices().print(f"note: {remark}", markup=False, soft_wrap=True)
    with job.engine.running() as (client, is_ours):
        number, rule = None, _RESUME_RULES[job.is_resuming]
        try:
            while True:
                number = _submit(client, job, rule)
                try:
                    return follow(client, number, job.items)
                except UnknownJobError:  # another server has taken the place of the one that had it
                    number, rule = None, "allowed"
        except (KeyboardInterrupt, SystemExit) as interruption:
            if not is_ours:
                interruption.add_note(_stop(client, job, number, rule))
            raise


def _stop(client: Client, job: Job, number: str | None, rule: ResumeRule) -> str:
    """End a job, also one that the server is about to begin (`number` is None); return what has become of it."""
    from pointillist.cli.console import printable
    from pointillist.errors import PointillistError, ServerError

    client.timeout_s = client.patience_s = _STOP_TIMEOUT_S
    try:
        number = number or _submit(client, job, rule)
        client.stop(number)
        progress = client.progress(number)
    except ServerError:
        return "the server did not confirm that the job is stopped; see 'pointillist jobs', and 'pointillist cancel'"
    except PointillistError:
        return "stopped before the job started"
    if progress.state == "stopped":
        return "stopped; give the same command again to resume"
    return f"all frames are already done: the server completes {printable(progress.output)}"


def _submit(client: Client, job: Job, resume: ResumeRule) -> str:
    return client.submit(
        str(job.movie.absolute()),
        job.identity,
        job.settings,
        output=str(job.output.absolute()) if job.output else None,
        resume=resume,
        kind=job.kind,
        mixed=job.engine.is_mixed,
    )
