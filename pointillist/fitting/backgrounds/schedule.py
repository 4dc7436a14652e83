"""The frames that leave and enter a window as it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """The moves that lead a window from one span to the next.

    Parameters
    ----------
    steps
        Moves, ``(move, 3)``, int64: the frame that leaves and the frame that enters, relative to ``first``, -1 for
        none, and the number of ranks concerned.
    due
        Number of moves made when each span is reached, ``(span,)``, int64.
    counts
        Number of frames in the window at each span, ``(span,)``, int64.
    """

    steps: NDArray[np.int64]
    due: NDArray[np.int64]
    counts: NDArray[np.int64]


def schedule(
    reached: tuple[Span, int], spans: Sequence[Span], first: int, is_usable: Callable[[int], bool]
) -> tuple[Schedule, tuple[Span, int]]:
    """Plan the way of a window.

    Parameters
    ----------
    reached
        Span that the window holds, and the number of usable frames in it.
    spans
        Spans to reach, in order; neither end ever decreases.
    first
        Number of the frame that is counted as 0.
    is_usable
        Function that tells by number whether a frame may enter a window.

    Returns
    -------
    Schedule
        Moves that lead through all spans.
    tuple
        Span that the window holds at the end, and the number of usable frames in it.
    """
    (begin, end), count = reached
    steps: list[tuple[int, int, int]] = []
    due, counts = [], []
    for start, stop in spans:
        leaving = [number - first for number in range(begin, min(start, end)) if is_usable(number)]
        entering = [number - first for number in range(max(end, start), stop) if is_usable(number)]
        for old, new in zip_longest(leaving, entering, fillvalue=-1):
            steps.append((old, new, count + (old < 0)))
            count += (new >= 0) - (old >= 0)
        begin, end = start, max(stop, start)
        due.append(len(steps))
        counts.append(count)
    array = np.array(steps, np.int64).reshape(-1, 3)
    return Schedule(steps=array, due=np.array(due), counts=np.array(counts)), ((begin, end), count)
