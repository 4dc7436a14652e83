"""What can go wrong, one class per remedy."""

from __future__ import annotations


class PointillistError(Exception):
    """Base of every error that a user is meant to read.

    Parameters
    ----------
    subject
        What the message is about: a path, a setting, an address.
    problem
        What is wrong with it.
    remedy
        What the user can do.

    Notes
    -----
    ``str(error)`` is the one line ``subject: problem; remedy``.
    """

    def __init__(self, subject: object, problem: str, remedy: str) -> None:
        super().__init__(subject, problem, remedy)
        self.subject = subject
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}; {self.remedy}"


class MovieError(PointillistError):
    """A movie cannot be read: name another file, or repair it."""


class TruncatedMovieError(MovieError):
    """A movie ends before it should: wait for the program that writes it, or copy it again."""


class LostFrameError(MovieError):
    """The file of a movie lacks a frame: the others are analysed without it."""


class SettingError(PointillistError):
    """A setting is unknown, missing or out of range: correct it."""


class PluginError(SettingError):
    """A part that another package adds cannot be used: mend or uninstall that package."""


class ResultsError(PointillistError):
    """Results cannot be written or read: make room, or choose another place."""


class ServerError(PointillistError):
    """The server cannot be reached, or refused: start it, or read its answer."""


class KeyRefusedError(ServerError):
    """The server has another cluster key: bring its key here."""


class UnknownJobError(ServerError):
    """The server does not know the job: submit it again."""


class MessageError(PointillistError):
    """A peer sent something that this version does not understand: use the same version on both sides."""
