"""How fast a job goes: per worker, to size its tasks, and as a whole, to show it."""

from __future__ import annotations

from collections import deque

_WEIGHT = 0.3
"""Of the latest task in the moving average."""

_SHORTEST_S = 1e-3
_WINDOW_S = 10.0


class Speed:
    """Frames per second of one job.

    Parameters
    ----------
    began
        When the job was added, s.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._overall: float | None = None
        self._per_worker: dict[str, float] = {}
        self._recent: deque[tuple[float, int]] = deque()

    def note_answer(self, worker: str, n_frames: int, seconds: float) -> None:
        """Learn from a task that took a worker ``seconds``."""
        rate = n_frames / max(seconds, _SHORTEST_S)
        self._overall = _blend(self._overall, rate)
        self._per_worker[worker] = _blend(self._per_worker.get(worker), rate)

    def note_done(self, now: float, n_frames: int) -> None:
        """Count frames whose rows are safe."""
        self._recent.append((now, n_frames))
        self._forget(now)

    def drop_worker(self, worker: str) -> None:
        """Forget a worker that is gone."""
        self._per_worker.pop(worker, None)

    def of(self, worker: str) -> float | None:
        """Frames per second of one worker; None if no worker has answered so far."""
        return self._per_worker.get(worker, self._overall)

    def recent(self, now: float) -> float:
        """Frames per second of the whole job over the last seconds."""
        self._forget(now)
        elapsed = min(_WINDOW_S, now - self._began)
        return sum(n for _, n in self._recent) / max(elapsed, _SHORTEST_S)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - _WINDOW_S:
            self._recent.popleft()


def _blend(old: float | None, latest: float) -> float:
    return latest if old is None else (1.0 - _WEIGHT) * old + _WEIGHT * latest
