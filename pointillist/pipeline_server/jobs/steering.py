"""The commands of users to a job, and their consequences in each of its states."""

from __future__ import annotations

from enum import Enum, auto

from pointillist.pipeline_protocol.messages import JobState


class Command(Enum):
    """What a user wants of a job."""

    JOIN = auto()
    """The command that began it is given again."""
    RETRY = auto()
    STOP = auto()


class Consequence(Enum):
    """What the server does."""

    NOTHING = auto()
    """The job is in that state already."""
    RETRY = auto()
    """Failed frames wait again, and the job goes on if it is paused."""
    RESUME = auto()
    STOP = auto()
    WAIT = auto()
    """Its results are being written; then its state is another one."""
    REOPEN = auto()
    """It is resumed from its journal, as soon as that is closed."""


CONSEQUENCES = {
    (JobState.RUNNING, Command.JOIN): Consequence.NOTHING,
    (JobState.RUNNING, Command.RETRY): Consequence.RETRY,
    (JobState.RUNNING, Command.STOP): Consequence.STOP,
    (JobState.PAUSED, Command.JOIN): Consequence.RESUME,
    (JobState.PAUSED, Command.RETRY): Consequence.RETRY,
    (JobState.PAUSED, Command.STOP): Consequence.STOP,
    (JobState.FINISHING, Command.JOIN): Consequence.NOTHING,
    (JobState.FINISHING, Command.RETRY): Consequence.WAIT,
    (JobState.FINISHING, Command.STOP): Consequence.NOTHING,
    (JobState.STOPPING, Command.JOIN): Consequence.REOPEN,
    (JobState.STOPPING, Command.RETRY): Consequence.REOPEN,
    (JobState.STOPPING, Command.STOP): Consequence.NOTHING,
    (JobState.FINISHED, Command.JOIN): Consequence.NOTHING,
    (JobState.FINISHED, Command.RETRY): Consequence.REOPEN,
    (JobState.FINISHED, Command.STOP): Consequence.NOTHING,
    (JobState.STOPPED, Command.JOIN): Consequence.REOPEN,
    (JobState.STOPPED, Command.RETRY): Consequence.REOPEN,
    (JobState.STOPPED, Command.STOP): Consequence.NOTHING,
}
"""Every command in every state."""
