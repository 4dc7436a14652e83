"""Events of a log, a line each for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pointillist.cli.console import printable

if TYPE_CHECKING:
    from rich.text import Text

_OMITTED_FIELDS = {"time", "level", "source", "pid", "event", "job", "traceback"}
_STYLES = {"warning": "yellow", "error": "red"}

EVENT_FORMATS = {
    "begun": "{movie}: {n_frames} frames, to {output}",
    "resumed": "{movie}: {n_resumed} of {n_frames} frames are done; to {output}",
    "fault": "frames {start} to {stop} on {worker_name}: {error} (fault {n_faults}, {outcome})",
    "failed": "frame {frame}: {error}",
    "died": "{worker_name}, which held frames {start} to {stop}",
    "silent": "{worker_name}, which held frames {start} to {stop}",
    "passed over": "{worker_name}: its results differ in the last digits from those of the others",
    "paused": "{reason}",
    "going on": "",
    "retried": "{n_frames} failed frames are retried",
    "finished": "{output}: {n_items} found, {n_failed} frames failed",
    "stopped": "{n_items} found so far",
}
"""What is said of each event, with its fields."""


def describe_event(line: str) -> Text:
    """Return a line of a log for people: time of this machine's zone, event, and what it is about."""
    from rich.text import Text

    from pointillist.supervision import parse_event

    event = parse_event(line) or {}
    name = printable(str(event.get("event", "?")))
    text = f"{_local_time(event)}  {name:<9} {printable(_details(name, event))}"
    return Text(text.rstrip(), style=_STYLES.get(str(event.get("level")), ""))


def _details(name: str, event: Mapping[str, Any]) -> str:
    worker_name = f"{event.get('host', event.get('worker', '?'))} (pid {event.get('worker_pid', '?')})"
    try:
        return EVENT_FORMATS[name].format_map({**event, "worker_name": worker_name})
    except (KeyError, ValueError):
        return " ".join(f"{key}={value}" for key, value in event.items() if key not in _OMITTED_FIELDS)


def _local_time(event: Mapping[str, Any]) -> str:
    try:
        return f"{datetime.fromisoformat(str(event['time'])).astimezone():%Y-%m-%d %H:%M:%S}"
    except (KeyError, ValueError):
        return "?" * 19
