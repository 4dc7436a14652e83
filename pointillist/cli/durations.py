"""How long things take, for people."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a time as ``7.1 s``, ``12:34`` or ``3:25:00``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
