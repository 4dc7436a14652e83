"""Python's wish to stay interactive after a command, which is not granted."""

from __future__ import annotations

import os
import sys

VARIABLE = "PYTHONINSPECT"
"""Environment variable that makes Python print a traceback, and take commands, where a program ends."""


def leave_inspection() -> None:
    """Start this program again without the variable, if it is set."""
    if sys.flags.inspect and VARIABLE in os.environ:
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606 - this very program
