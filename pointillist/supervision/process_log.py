"""The log of the output of the processes of a cluster."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from pointillist.supervision.logs import log_folder
from pointillist.system import LOGS, temporary_folder

_N_LOGS = 10


def new_log(on_message: Callable[[str], None]) -> Path:
    """Return a new log file, and remove old ones of this machine.

    Parameters
    ----------
    on_message
        Function that shows a line to the user; called if the folder of logs cannot be written and another is used.
    """
    folder = log_folder()
    try:
        return _log_in(folder / "processes")
    except OSError as error:
        problem = f"note: no logs can be written to {folder} ({(error.strerror or str(error)).lower()})"
    try:
        path = _log_in(temporary_folder() / "logs")
        on_message(f"{problem}; the output of the processes is in {path}; {LOGS.variable} sets another folder")
    except OSError:
        path = Path(os.devnull)
        on_message(f"{problem}; logs are switched off; set {LOGS.variable} to another folder")
    return path


def _log_in(folder: Path) -> Path:
    host = socket.gethostname()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{host}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    path.touch()
    for old in sorted(folder.glob(f"{host}-*.log"))[:-_N_LOGS]:
        old.unlink(missing_ok=True)
    return path
