"""Whoever waits for a server is told what for, once, and does not wait for ever."""

from __future__ import annotations

import pytest

from pointillist.errors import ServerError
from pointillist.pipeline_protocol.patience import TELL_S, Patience


class Waiting:
    def __init__(self, seconds: float) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.patience = Patience(seconds, self.told.append, lambda: self.now)

    def wait(self, seconds: float, reason: str = "it is busy") -> None:
        self.now += seconds
        self.patience.wait(reason)


def test_a_short_wait_is_not_spoken_of() -> None:
    waiting = Waiting(60.0)
    waiting.wait(TELL_S / 2)
    waiting.wait(TELL_S / 2)
    assert not waiting.told


def test_each_reason_is_told_once() -> None:
    waiting = Waiting(60.0)
    for reason in ("it is busy", "it is busy", "it is busy still", "it is busy"):
        waiting.wait(TELL_S + 1.0, reason)
    assert waiting.told == ["waiting: it is busy", "waiting: it is busy still"]


@pytest.mark.parametrize("seconds", [5.0, 60.0, 1800.0])
def test_a_wait_ends_with_advice(seconds: float) -> None:
    waiting = Waiting(seconds)
    waiting.wait(seconds)
    with pytest.raises(ServerError, match=rf"after {seconds + 1:.0f} s: it is busy; .*pointillist jobs"):
        waiting.wait(1.0)
