"""A job, from the command that asks for it to its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointillist.cli.engine import Engine
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.messages import Progress, ResumeRule
    from pointillist.settings import Value

_FAREWELL_S = 5.0
"""How long Ctrl-C waits for a server to stop the job."""

_FIRST_RULES: dict[bool, ResumeRule] = {True: "required", False: "allowed"}
"""By whether the user insists on going on with an earlier run."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a server is asked for.

    Parameters
    ----------
    movie, identity, settings
        What it is about.
    output
        Where its file is to go; None for the usual place.
    is_resuming
        Whether it has to go on with one that was stopped.
    engine
        What works for it.
    kind
        What is to be made of the movie.
    items
        What that is called.
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
    """Have a job done, and show how far it is.

    Returns
    -------
    Progress
        Of the finished job.

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
        number, rule = None, _FIRST_RULES[job.is_resuming]
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

    client.timeout_s = client.patience_s = _FAREWELL_S
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
