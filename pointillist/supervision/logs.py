"""What the processes log: events with a name and fields, each a line of JSON in a file of the machine.

Whoever logs says ``note(log, INFO, "begun", job=..., movie=...)``. Other records of the standard library's
``logging`` are taken as they come. A log that cannot be written is left out; nothing else depends on it.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pointillist.pipeline_files import data_root
from pointillist.supervision.event_log import EventLog, aside
from pointillist.system import LOGS, chosen, user_name

N_JOB_LOGS = 1000
"""Number of logs of jobs that are kept."""

_JOB = re.compile(r"[0-9a-f]{1,64}")
_TRACE_CHARACTERS = 2000


def log_folder() -> Path:
    """Return where the processes of this user write what happens.

    Returns
    -------
    Path
        ``$POINTILLIST_LOGS``, else ``<data root>/<user>/LOGS/pointillist``; it need not exist.
    """
    return chosen(LOGS) or data_root() / user_name() / "LOGS" / "pointillist"


def start_logging(process: str, folder: Path, *others: logging.Handler) -> None:
    """Send what this process logs to files; errors to its standard error as well.

    Parameters
    ----------
    process
        Kind of the process: ``server`` or ``worker``.
    folder
        Folder of the log ``<process>-<machine>.log``.
    others
        Further handlers of every record.
    """
    logging.raiseExceptions = False  # what cannot be logged is left out
    errors = logging.StreamHandler(sys.stderr)
    errors.setLevel(logging.ERROR)
    errors.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    machine = EventLog(folder / f"{process}-{socket.gethostname()}.log")
    logging.basicConfig(level=logging.INFO, handlers=[errors, MachineLog(machine), *others], force=True)


def job_log(folder: Path, job: str) -> Path | None:
    """Return where the log of a job is; None if that is no job's id."""
    return folder / "jobs" / f"{job}.log" if _JOB.fullmatch(job) else None


class MachineLog(logging.Handler):
    """Writes every record to the log of the machine."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self._log.append(event_of(record))


class JobLogs(logging.Handler):
    """Writes the events of each job into a log of its own.

    Parameters
    ----------
    folder
        Folder of all logs.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record if it belongs to a job."""
        path = job_log(self._folder, str(getattr(record, "fields", {}).get("job", "")))
        if path is not None:
            if not path.exists():
                forget_old(path.parent)
            EventLog(path).append(event_of(record))


def event_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record as an event: time, level, process, name, fields, and the traceback if there is one."""
    event = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "source": record.name,
        "pid": os.getpid(),
        "event": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    if record.exc_info:
        # Its end says what went wrong.
        event["traceback"] = logging.Formatter().formatException(record.exc_info)[-_TRACE_CHARACTERS:]
    return event


def forget_old(folder: Path, n_kept: int = N_JOB_LOGS) -> None:
    """Delete the oldest logs of jobs when there are more than ``n_kept``."""
    try:
        logs = list(folder.glob("*.log"))
        if len(logs) >= n_kept:
            logs.sort(key=lambda path: path.stat().st_mtime)
            for path in logs[: len(logs) - n_kept + 1 + n_kept // 10]:
                path.unlink(missing_ok=True)
                aside(path).unlink(missing_ok=True)
    except OSError:
        return  # another server deletes them, or nobody can


def job_log_path(job: str) -> Path | None:
    """Return where the log of a job is; None if that is no job's id."""
    return job_log(log_folder(), job)
