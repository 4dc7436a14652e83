"""Sets of frames as sorted, disjoint, half-open ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of frames; neighbouring ranges are merged.

    Parameters
    ----------
    ranges
        ``(start, stop)`` pairs that do not overlap, in any order.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self.n_frames = 0
        for start, stop in ranges:
            self.add(start, stop)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._stops, strict=True)))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    @property
    def first(self) -> tuple[int, int]:
        """The lowest range."""
        return self._starts[0], self._stops[0]

    def has_all(self, start: int, stop: int) -> bool:
        """Whether every frame of ``[start, stop)`` is in the set."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and stop <= self._stops[at]

    def has_any(self, start: int, stop: int) -> bool:
        """Whether some frame of ``[start, stop)`` is in the set."""
        at = bisect_right(self._stops, start)
        return at < len(self._starts) and self._starts[at] < stop

    def add(self, start: int, stop: int) -> None:
        """Put frames in.

        Raises
        ------
        ValueError
            If the range is empty or some of its frames are there.
        """
        if start >= stop or self.has_any(start, stop):
            raise ValueError(f"[{start}, {stop}) is empty or overlaps {self}")
        low = bisect_left(self._stops, start)
        high = bisect_right(self._starts, stop)
        merged = (min([start, *self._starts[low:high]]), max([stop, *self._stops[low:high]]))
        self._starts[low:high] = [merged[0]]
        self._stops[low:high] = [merged[1]]
        self.n_frames += stop - start

    def remove(self, start: int, stop: int) -> None:
        """Take frames out.

        Raises
        ------
        ValueError
            If the range is empty or some of its frames are not there.
        """
        if start >= stop or not self.has_all(start, stop):
            raise ValueError(f"[{start}, {stop}) is empty or not all in {self}")
        at = bisect_right(self._starts, start) - 1
        around = (self._starts[at], start), (stop, self._stops[at])
        rest = [(low, high) for low, high in around if low < high]
        self._starts[at : at + 1] = [low for low, _ in rest]
        self._stops[at : at + 1] = [high for _, high in rest]
        self.n_frames -= stop - start
