"""How many frames a task has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """Constants of the queue; times in seconds.

    Parameters
    ----------
    task_s
        Time that a task should take.
    context_s
        Time that a task may take in order to be as long as its background window.
    first_frames
        Length of a task while nothing is known of the speed.
    reservation_tasks
        Tasks in the reservation that is kept for a worker.
    silence_s
        A worker that is silent for so long is gone.
    transit_s
        A task that its worker does not know of after so long has been lost on the way.
    lease_s, lease_factor
        A lease lasts ``max(lease_s, lease_factor x expected time)``.
    n_faults
        A range that raised so often is halved; a frame that did is recorded as failed.
    straggler_factor, straggler_s
        A task that takes longer than ``max(straggler_s, straggler_factor x expected time)`` is given to a
        second worker once nothing else is left.
    fair_s
        Lead, in seconds of work per worker, that a job may have over another one for the sake of neighbouring
        ranges.
    n_poison
        A job that has failed so many frames and done none is paused.
    """

    task_s: float = 1.0
    context_s: float = 3.0
    first_frames: int = 16
    reservation_tasks: int = 16
    silence_s: float = 5.0
    transit_s: float = 3.0
    lease_s: float = 60.0
    lease_factor: float = 20.0
    n_faults: int = 3
    straggler_factor: float = 2.0
    straggler_s: float = 2.0
    fair_s: float = 4.0
    n_poison: int = 5


def task_frames(settings: QueueSettings, *, rate: float | None, context: int, n_left: int, n_workers: int) -> int:
    """Return the length of the next task.

    Parameters
    ----------
    settings
        Constants of the queue.
    rate
        Frames per second of the worker, None while unknown.
    context
        Frames of the background window.
    n_left
        Frames that no task holds.
    n_workers
        Workers that share them.

    Returns
    -------
    int
        At least 1. Near the end tasks get shorter, so that all workers end together.
    """
    if rate is None:
        wished = settings.first_frames
    else:
        wished = int(max(rate * settings.task_s, min(context, rate * settings.context_s)))
    fair_share = -(-n_left // (2 * max(1, n_workers)))
    return max(1, min(wished, max(fair_share, wished // 8)))
