"""States, events and one table of what may follow what."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)

N_REMEMBERED = 20
"""Steps of an object's history that an error shows."""


class TransitionError(RuntimeError):
    """An event came that the table does not know: a defect of the program.

    Parameters
    ----------
    subject
        Name of the object.
    event
        Event that is not allowed.
    state
        State of the object.
    history
        Latest steps of the object, oldest first.
    """

    def __init__(self, subject: str, event: Enum, state: Enum, history: tuple[str, ...]) -> None:
        super().__init__(f"{subject}: {event.name} while {state.name}; history: {', '.join(history) or 'none'}")
        self.subject = subject
        self.event = event
        self.state = state
        self.history = history


class Lifecycle(Generic[State, Event]):
    """The state of one object.

    Parameters
    ----------
    subject
        Name of the object in errors.
    state
        First state.
    table
        ``(state, event) -> next state``; what is not in it is illegal.
    """

    __slots__ = ("_history", "_table", "state", "subject")

    def __init__(self, subject: str, state: State, table: Mapping[tuple[State, Event], State]) -> None:
        self.subject = subject
        self.state = state
        self._table = table
        self._history: deque[tuple[float, Event, State]] = deque(maxlen=N_REMEMBERED)

    @property
    def history(self) -> tuple[str, ...]:
        """The latest steps, oldest first."""
        return tuple(f"{now:.3f} {event.name} -> {state.name}" for now, event, state in self._history)

    def apply(self, event: Event, now: float) -> State:
        """Enter the state that follows, and return it.

        Raises
        ------
        TransitionError
            If the table has no such step.
        """
        try:
            self.state = self._table[self.state, event]
        except KeyError:
            raise TransitionError(self.subject, event, self.state, self.history) from None
        self._history.append((now, event, self.state))
        return self.state
