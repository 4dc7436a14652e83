"""Logging of events with a name and fields."""

from __future__ import annotations

import logging
from typing import Any


def note(
    log: logging.Logger,
    level: int,
    event: str,
    cause: BaseException | None = None,
    /,
    **fields: Any,  # noqa: ANN401 - whatever JSON bears
) -> None:
    """Log an event.

    Parameters
    ----------
    log
        Logger of the caller.
    level
        Level of :mod:`logging`.
    event
        Name of the event.
    cause
        Exception whose traceback is logged as well.
    fields
        Details of the event by name. Those with a ``job`` also go to the server's log of that job.
    """
    log.log(level, event, exc_info=cause, extra={"fields": fields})
