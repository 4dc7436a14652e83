"""What users ask of a job, and what follows in each of its states."""

from __future__ import annotations

from enum import Enum, auto

from pointillist.pipeline_protocol.messages import JobState


class Wish(Enum):
    """What a user asks."""

    JOIN = auto()
    """The command that began it is given again."""
    RETRY = auto()
    STOP = auto()


class Consequence(Enum):
    """What the server does."""

    NOTHING = auto()
    """The job is as it is wished."""
    RETRY = auto()
    """Failed frames wait again, and the job goes on if it is paused."""
    RESUME = auto()
    STOP = auto()
    WAIT = auto()
    """Its results are being written; then its state is another one."""
    REOPEN = auto()
    """It is taken up from its journal, as soon as that is closed."""


CONSEQUENCES = {
    (JobState.RUNNING, Wish.JOIN): Consequence.NOTHING,
    (JobState.RUNNING, Wish.RETRY): Consequence.RETRY,
    (JobState.RUNNING, Wish.STOP): Consequence.STOP,
    (JobState.PAUSED, Wish.JOIN): Consequence.RESUME,
    (JobState.PAUSED, Wish.RETRY): Consequence.RETRY,
    (JobState.PAUSED, Wish.STOP): Consequence.STOP,
    (JobState.FINISHING, Wish.JOIN): Consequence.NOTHING,
    (JobState.FINISHING, Wish.RETRY): Consequence.WAIT,
    (JobState.FINISHING, Wish.STOP): Consequence.NOTHING,
    (JobState.STOPPING, Wish.JOIN): Consequence.REOPEN,
    (JobState.STOPPING, Wish.RETRY): Consequence.REOPEN,
    (JobState.STOPPING, Wish.STOP): Consequence.NOTHING,
    (JobState.FINISHED, Wish.JOIN): Consequence.NOTHING,
    (JobState.FINISHED, Wish.RETRY): Consequence.REOPEN,
    (JobState.FINISHED, Wish.STOP): Consequence.NOTHING,
    (JobState.STOPPED, Wish.JOIN): Consequence.REOPEN,
    (JobState.STOPPED, Wish.RETRY): Consequence.REOPEN,
    (JobState.STOPPED, Wish.STOP): Consequence.NOTHING,
}
"""Every wish in every state."""
