"""Frames that no task holds so far: free ones, and stretches that are kept for one worker each.

A worker gets neighbouring ranges from its reservation, so that the frames of its background window stay in
memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from pointillist.pipeline_server.queue.ranges import Ranges


class Reservations:
    """The unassigned frames of a job."""

    def __init__(self) -> None:
        self.free = Ranges()
        self.owned: dict[str, tuple[int, int]] = {}
        self.n_frames = 0

    def __iter__(self) -> Iterator[tuple[int, int]]:
        yield from self.free
        yield from self.owned.values()

    def add(self, start: int, stop: int) -> None:
        """Put in frames that any worker may have."""
        self.free.add(start, stop)
        self.n_frames += stop - start

    def take(self, worker: str, n_frames: int, n_reserved: int) -> tuple[int, int] | None:
        """Take out the next range for a worker.

        Parameters
        ----------
        worker
            Name of the worker.
        n_frames
            Wanted length, frames; half as much again where a short rest would remain.
        n_reserved
            Length of the reservation to keep for the worker if it has none.

        Returns
        -------
        (start, stop) or None
            None if no frame is unassigned. A worker without a reservation takes half of the longest one when nothing
            is free.
        """
        reservation = self.owned.pop(worker, None) or self._reserve(n_reserved) or self._steal()
        if reservation is None:
            return None
        start, end = reservation
        stop = end if end - start <= n_frames + n_frames // 2 else start + n_frames
        if stop < end:
            self.owned[worker] = (stop, end)
        self.n_frames -= stop - start
        return start, stop

    def take_exactly(self, start: int, stop: int) -> bool:
        """Take out exactly ``[start, stop)``, or nothing, and return False, if it is not wholly unassigned."""
        if not self.free.has_all(start, stop):
            owner = next((name for name, (low, high) in self.owned.items() if low <= start and stop <= high), None)
            if owner is None:
                return False
            self.give_back(owner)
        self.free.remove(start, stop)
        self.n_frames -= stop - start
        return True

    def give_back(self, worker: str) -> None:
        """Free what is kept for a worker."""
        reservation = self.owned.pop(worker, None)
        if reservation is not None:
            self.free.add(*reservation)

    def _reserve(self, n_frames: int) -> tuple[int, int] | None:
        if not self.free:
            return None
        start, end = self.free.first
        stop = min(end, start + max(1, n_frames))
        self.free.remove(start, stop)
        return start, stop

    def _steal(self) -> tuple[int, int] | None:
        if not self.owned:
            return None
        longest = max(self.owned, key=lambda name: self.owned[name][1] - self.owned[name][0])
        start, stop = self.owned.pop(longest)
        middle = (start + stop) // 2
        if start < middle:
            self.owned[longest] = (start, middle)
        return middle, stop
