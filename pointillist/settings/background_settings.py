"""Background method of the settings: by its identifier, or by PYME's settings."""

from __future__ import annotations

from pointillist.errors import SettingError
from pointillist.fitting.backgrounds import BackgroundMethod, background_method, pyme_method
from pointillist.plugins import parse_range
from pointillist.settings.metadata import Metadata, Value, number

BACKGROUND_FILE = "Analysis.BackgroundFile"
"""Setting of the file that the method ``copy`` uses."""

PYME_BACKGROUND_SETTINGS = frozenset({"Analysis.BGRange", "Analysis.PCTBackground"})
"""Settings that define the background where ``Analysis.Background`` is empty."""


def background(settings: Metadata) -> BackgroundMethod:
    """Return the background method.

    Parameters
    ----------
    settings
        Settings of the types that their schema states.

    Raises
    ------
    SettingError
        If an analysis cannot use it.
    """
    identifier = str(settings.get("Analysis.Background") or "")
    if not identifier:
        percentile = number(settings, "Analysis.PCTBackground") or 0.0
        return pyme_method(parse_range(settings["Analysis.BGRange"]), percentile)
    method = background_method(identifier)
    if method.needs_file and not settings.get(BACKGROUND_FILE):
        remedy = f"give -s {BACKGROUND_FILE}=FILE, which 'pointillist background' makes"
        raise SettingError("Analysis.Background", "copy: there is no file to copy from", remedy)
    cycle_s = number(settings, "Camera.CycleTime")
    return method.with_cycle_time(cycle_s) if cycle_s else method


def background_settings(settings: Metadata) -> dict[str, Value]:
    """Return the settings of the background: its identifier, and PYME's settings closest to it.

    Parameters
    ----------
    settings
        Settings of the types that their schema states.

    Returns
    -------
    dict
        ``Analysis.Background``, ``Analysis.BGRange`` and ``Analysis.PCTBackground``.
    """
    method = background(settings)
    background_range, percentile = method.pyme_settings()
    return {
        "Analysis.Background": method.identifier,
        "Analysis.BGRange": background_range,
        "Analysis.PCTBackground": percentile,
    }


def needs_cycle_time(settings: Metadata) -> bool:
    """Return whether the background depends on the time between frames.

    Parameters
    ----------
    settings
        Settings of the types that their schema states.
    """
    return bool(settings.get("Analysis.Background")) and background(settings).needs_cycle_time
