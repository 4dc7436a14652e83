"""Errors of libraries in one line."""

from __future__ import annotations

_MOST_CHARACTERS = 120


def short_reason(error: Exception) -> str:
    """Return the text of an error on one line of at most 120 characters."""
    return " ".join(str(error).split())[:_MOST_CHARACTERS]
