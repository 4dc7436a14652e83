"""Frames that no task holds so far: free ones, and stretches that are kept for one worker each.

A worker gets neighbouring ranges from its stretch, so that the frames of its background window stay in
memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from pointillist.pipeline_server.queue.ranges import Ranges


class Reservations:
    """The uncut frames of a job."""

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

    def cut(self, worker: str, n_frames: int, n_reserved: int) -> tuple[int, int] | None:
        """Take out the next range for a worker.

        Parameters
        ----------
        worker
            Its name.
        n_frames
            Wished length; half as much again where a short rest would remain.
        n_reserved
            Length of the stretch to keep for the worker if it has none.

        Returns
        -------
        (start, stop) or None
            None if no frame is uncut. A worker without a stretch takes half of the longest one when nothing
            is free.
        """
        stretch = self.owned.pop(worker, None) or self._reserve(n_reserved) or self._steal()
        if stretch is None:
            return None
        start, end = stretch
        stop = end if end - start <= n_frames + n_frames // 2 else start + n_frames
        if stop < end:
            self.owned[worker] = (stop, end)
        self.n_frames -= stop - start
        return start, stop

    def carve(self, start: int, stop: int) -> bool:
        """Take out exactly ``[start, stop)``, or nothing, and return False, if it is not wholly uncut."""
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
        stretch = self.owned.pop(worker, None)
        if stretch is not None:
            self.free.add(*stretch)

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
        victim = max(self.owned, key=lambda name: self.owned[name][1] - self.owned[name][0])
        start, stop = self.owned.pop(victim)
        middle = (start + stop) // 2
        if start < middle:
            self.owned[victim] = (start, middle)
        return middle, stop
