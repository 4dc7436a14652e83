"""What is logged: events with a name and fields."""

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
        Who speaks.
    level
        Of ``logging``.
    event
        What happened, in a word.
    cause
        Whose traceback is to be logged too.
    fields
        Its circumstances. With a ``job``, the server's :class:`JobLogs` has it too.
    """
    log.log(level, event, exc_info=cause, extra={"fields": fields})
