"""Capture of the warnings that file libraries log."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def captured_log(name: str) -> Iterator[list[logging.LogRecord]]:
    """Collect the warnings and errors that a library logs in this thread, which are then shown nowhere else.

    Parameters
    ----------
    name
        Name of the library's logger.

    Yields
    ------
    list of LogRecord
        Records logged so far, to which later ones are appended.
    """
    heard: list[logging.LogRecord] = []
    this_thread = threading.get_ident()
    handler = logging.Handler(logging.WARNING)
    handler.addFilter(lambda record: record.thread == this_thread)
    handler.emit = heard.append  # type: ignore[method-assign,assignment]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)


def message_of(record: logging.LogRecord) -> str:
    """Return the message of a record as one short line, without names of objects in memory.

    Parameters
    ----------
    record
        Record of the log.
    """
    return " ".join(re.sub(r"^<[^>]*>+\s*", "", record.getMessage()).split())[:120]
