"""A log file: one JSON object per line, bounded in size; a log that cannot be written stops nothing."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pointillist.pipeline_protocol.messages import LogPosition

MAX_BYTES = 4 << 20
"""Largest size of a file; a full one is renamed to ``<name>.1``, in place of an earlier one."""

MAX_TEXT = 2000
"""Largest number of characters of a value."""

CHUNK_BYTES = 256 << 10
"""Bytes that are read at once: more than the longest line."""


class EventLog:
    """A file that events are appended to.

    Parameters
    ----------
    path
        File to append to. It and its folder are made with the first event.
    max_bytes
        Largest size of the file, bytes.

    Notes
    -----
    Several processes may append to the same file: each event is one write. When a file is moved aside, its first
    line, which says what the log is of, is repeated in the next one.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def append(self, event: Mapping[str, Any]) -> bool:
        """Append an event; return False if it cannot be written."""
        line = _encode(event)
        try:
            try:
                self._write(line)
            except FileNotFoundError:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._write(line)
        except OSError:
            return False
        return True

    def _write(self, line: bytes) -> None:
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(file).st_size
            if size and size + len(line) > self._max_bytes:
                head = os.pread(file, CHUNK_BYTES, 0).partition(b"\n")[0] + b"\n"
                self.path.replace(aside(self.path))
                os.close(file)
                file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
                line = head + line
            elif size and os.pread(file, 1, size - 1) != b"\n":
                line = b"\n" + line  # after an event that a full disk tore
            os.write(file, line)
        finally:
            os.close(file)


def aside(path: Path) -> Path:
    """Return where the older part of a log is."""
    return path.with_name(f"{path.name}.1")


def read_log(path: Path, position: LogPosition | None = None) -> tuple[list[str], LogPosition]:
    """Read what follows in a log.

    Parameters
    ----------
    path
        File to read.
    position
        Position to read from; None for the beginning.

    Returns
    -------
    (lines, position)
        Whole lines, of some 100 kB together, and the position after them. No lines if nothing follows, or there is
        no file.
    """
    position = position or LogPosition()
    with contextlib.ExitStack() as stack:
        files = []
        for candidate in (aside(path), path):
            with contextlib.suppress(OSError):
                descriptor = os.open(candidate, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                files.append(descriptor)
        numbers = [os.fstat(file).st_ino for file in files]
        at = numbers.index(position.file) if position.file in numbers else 0
        offset = position.offset if position.file in numbers else 0
        for file, number in zip(files[at:], numbers[at:], strict=True):
            offset = offset if offset <= os.fstat(file).st_size else 0  # another file by the same number
            content = os.pread(file, CHUNK_BYTES, offset)
            whole = content[: content.rfind(b"\n") + 1]
            lines = whole.decode("utf-8", "replace").splitlines()
            if offset == 0 and number != numbers[0]:
                lines = lines[1:]  # repeated from the file before
            if whole:
                position = LogPosition(file=number, offset=offset + len(whole))
            if lines:
                return lines, position
            offset = 0
    return [], position


def parse_event(line: str) -> dict[str, Any] | None:
    """Return the event that a line holds; None if it is torn."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _encode(event: Mapping[str, Any]) -> bytes:
    bounded = {
        name: value if value is None or isinstance(value, bool | int | float) else str(value)[:MAX_TEXT]
        for name, value in event.items()
    }
    # ASCII, so that no character can end a line or reach a terminal as a command.
    return json.dumps(bounded).encode("ascii") + b"\n"
