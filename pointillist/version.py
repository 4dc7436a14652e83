"""Which Pointillist this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """Return the version of Pointillist that is installed."""
    try:
        return version("pointillist")
    except PackageNotFoundError:
        return "unknown"
