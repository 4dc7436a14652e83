"""How fast a job goes: per worker, to size its tasks, and over the last seconds, to show it."""

from __future__ import annotations

from collections import deque

_WEIGHT = 0.3
"""Weight of the latest task in the moving average."""

_SHORTEST_S = 1e-3
_SHORTEST_WINDOW_S = 1.0
_WINDOW_S = 10.0
_LONGEST_WINDOW_S = 60.0
_N_ANSWERS = 8
"""That a window has at least, so that a rate is not that of a single long task."""

_BUCKET_S = 0.25


class RecentRate:
    """Frames per second over the last ten seconds; over up to a minute where answers are few.

    Notes
    -----
    It is counted from an answer on: nobody knows how long the first one took, or waited to be begun.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._buckets: deque[tuple[float, int, int]] = deque()

    def add(self, now: float, n_frames: int) -> None:
        """Count an answer."""
        self._forget(now)
        if self._since is None:
            self._since = now
            return
        n_answers = 1
        if self._buckets and now - self._buckets[-1][0] < _BUCKET_S:
            when, n_before, n_answers_before = self._buckets.pop()
            now, n_frames, n_answers = when, n_frames + n_before, n_answers + n_answers_before
        self._buckets.append((now, n_frames, n_answers))

    def at(self, now: float) -> float:
        """Return the frames per second of the time before ``now``; 0.0 before the second answer."""
        self._forget(now)
        if self._since is None:
            return 0.0
        n_frames = n_answers = 0
        for when, frames, answers in reversed(self._buckets):
            if now - when > _WINDOW_S and n_answers >= _N_ANSWERS:
                return n_frames / (now - when)
            n_frames += frames
            n_answers += answers
        return n_frames / max(now - self._since, _SHORTEST_WINDOW_S)

    def _forget(self, now: float) -> None:
        while self._buckets and self._buckets[0][0] < now - _LONGEST_WINDOW_S:
            self._since = self._buckets.popleft()[0]
        if self._since is not None and not self._buckets and self._since < now - _LONGEST_WINDOW_S:
            self._since = None


class Speed:
    """Frames per second of one job.

    Attributes
    ----------
    done
        Rate of the frames whose rows are recorded.
    """

    def __init__(self) -> None:
        self.done = RecentRate()
        self._overall: float | None = None
        self._per_worker: dict[str, float] = {}

    def note_answer(self, worker: str, n_frames: int, seconds: float) -> None:
        """Learn from a task that took a worker ``seconds``."""
        rate = n_frames / max(seconds, _SHORTEST_S)
        self._overall = _blend(self._overall, rate)
        self._per_worker[worker] = _blend(self._per_worker.get(worker), rate)

    def drop_worker(self, worker: str) -> None:
        """Forget a worker that is gone."""
        self._per_worker.pop(worker, None)

    def of(self, worker: str) -> float | None:
        """Frames per second of one worker; None if no worker has answered so far."""
        return self._per_worker.get(worker, self._overall)


def _blend(old: float | None, latest: float) -> float:
    return latest if old is None else (1.0 - _WEIGHT) * old + _WEIGHT * latest
