"""Compiled kernels of the process that calls the functions."""

from __future__ import annotations

import sys

from pointillist.supervision import use_cached_kernels


def ready_kernels() -> None:
    """Use the kernels of the workers in this process; a line on stderr says so if they have to be compiled.

    Raises
    ------
    ServerError
        If they cannot be compiled.
    """
    use_cached_kernels(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201 - a notebook shows it
