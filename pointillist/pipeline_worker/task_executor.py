"""The threads of a worker: one prepares the next range while another is at work on one."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pointillist.pipeline_protocol.messages import JobSpec
from pointillist.pipeline_worker.tasks import BlockedError, Kinds, Result, Runner
from pointillist.pipeline_worker.worker_state import LeasedTask, Stage
from pointillist.system import note

log = logging.getLogger("pointillist.worker")

N_OPEN_JOBS = 3
"""Jobs whose movies stay open."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What became of a range: a result, or an error."""

    held: LeasedTask
    result: Result | None = None
    error: str = ""
    is_blocked: bool = False


class TaskExecutor:
    """A reader and a computer.

    Parameters
    ----------
    kinds
        What can be done.
    warm_up
        Called by the computer first; nothing is computed before it returns.
    wake
        Called when there is an outcome, or the warm-up is over.

    Attributes
    ----------
    is_warm
        Whether the warm-up is over.
    warm_up_error
        What it raised.
    computer
        Number of the thread that computes.
    """

    def __init__(self, kinds: Kinds, warm_up: Callable[[], None], wake: Callable[[], None]) -> None:
        self.is_warm = False
        self.warm_up_error: Exception | None = None
        self._kinds = kinds
        self._warm_up = warm_up
        self._wake = wake
        self._runners: OrderedDict[str, Runner] = OrderedDict()
        self._to_read: queue.SimpleQueue[LeasedTask] = queue.SimpleQueue()
        self._to_compute: queue.Queue[tuple[LeasedTask, Runner, Any]] = queue.Queue(1)
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._active: dict[str, LeasedTask] = {}
        # Daemons: a process that is to end does not wait for a kernel.
        threads = [threading.Thread(target=stage, daemon=True) for stage in (self._read_all, self._compute_all)]
        for thread in threads:
            thread.start()
        self.computer = threads[1].native_id

    def begin(self, held: LeasedTask) -> None:
        """Have a range done after those before it."""
        self._to_read.put(held)

    def outcomes(self) -> list[Outcome]:
        """Return what has been done since the last call."""
        done = []
        with contextlib.suppress(queue.Empty):
            while True:
                done.append(self._outcomes.get_nowait())
        return done

    def stuck(self, now: float) -> LeasedTask | None:
        """Return a range that takes longer than its lease, if there is one."""
        return next((held for held in list(self._active.values()) if held.is_stuck(now)), None)

    def _read_all(self) -> None:
        while True:
            held = self._to_read.get()
            if held.is_unwanted:
                continue
            self._enter("reader", held, Stage.READING)
            try:
                runner = self._runner(held.spec)
                inputs = runner.read(held.ref.start, held.ref.stop)
            except Exception as error:  # noqa: BLE001 - the border of one task
                self._fail(held, error)
                continue
            finally:
                del self._active["reader"]
            held.enter(Stage.READY, time.monotonic())
            self._to_compute.put((held, runner, inputs))

    def _compute_all(self) -> None:
        try:
            self._warm_up()
        except Exception as error:  # noqa: BLE001 - the launcher mends it
            self.warm_up_error = error
        self.is_warm = True
        self._wake()
        while True:
            held, runner, inputs = self._to_compute.get()
            if held.is_unwanted:
                continue
            self._enter("computer", held, Stage.COMPUTING)
            self._wake()
            try:
                result = runner.compute(inputs)
            except Exception as error:  # noqa: BLE001 - the border of one task
                self._fail(held, error)
                continue
            finally:
                del self._active["computer"]
            self._outcomes.put(Outcome(held=held, result=result))
            self._wake()
            del held, runner, inputs  # frames, while waiting

    def _enter(self, thread: str, held: LeasedTask, stage: Stage) -> None:
        held.enter(stage, time.monotonic())
        self._active[thread] = held

    def _fail(self, held: LeasedTask, error: Exception) -> None:
        is_blocked = isinstance(error, BlockedError)
        if not is_blocked:
            ref = held.ref
            note(log, logging.WARNING, "fault", error, job=ref.job, start=ref.start, stop=ref.stop)
        text = str(error) if is_blocked else f"{type(error).__name__}: {error}"
        self._outcomes.put(Outcome(held=held, error=text[:2000], is_blocked=is_blocked))
        self._wake()

    def _runner(self, spec: JobSpec) -> Runner:
        runner = self._runners.get(spec.job)
        if runner is None:
            if spec.kind not in self._kinds:
                raise BlockedError(f"{spec.kind}: this worker has no such kind; use the same version everywhere")
            runner = self._runners[spec.job] = self._kinds[spec.kind](spec)
        self._runners.move_to_end(spec.job)
        while len(self._runners) > N_OPEN_JOBS:
            _, oldest = self._runners.popitem(last=False)
            oldest.close()
        return runner
