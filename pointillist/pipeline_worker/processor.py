"""On which core a thread runs."""

from __future__ import annotations

from pathlib import Path

_PROCESSOR_FIELD = 36
"""Of ``/proc/.../stat``, counted from the field after the name (proc(5): number 39)."""


def core_of(thread: int | None) -> int | None:
    """Return the core that a thread of this process ran on last; None where the system does not tell.

    Parameters
    ----------
    thread
        System-wide number of the thread.
    """
    try:
        fields = Path(f"/proc/self/task/{thread}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return int(fields[_PROCESSOR_FIELD])
    except (OSError, IndexError, ValueError):
        return None
