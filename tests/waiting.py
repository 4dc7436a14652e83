"""Waiting for what has to come, with one patience for all: long enough for a machine that is busy with other work."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pointillist.pipeline_protocol.client import Client
from pointillist.pipeline_protocol.messages.reports import Progress

PATIENCE_S = 240.0
_POLL_S = 0.01


def eventually(is_so: Callable[[], object]) -> bool:
    """Wait until something is so; return whether it came to be."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(_POLL_S)
    return False


def wait_for(client: Client, job: str, is_enough: Callable[[Progress], bool]) -> Progress:
    """Wait until a job has come so far; return its progress."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        progress = client.progress(job)
        if is_enough(progress):
            return progress
        time.sleep(_POLL_S)
    pytest.fail(f"timeout: {progress}")


def is_over(progress: Progress) -> bool:
    """Whether a job has ended, one way or another."""
    return progress.is_over
