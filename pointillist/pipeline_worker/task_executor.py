"""The threads of a worker: one prepares the next range while the other one computes."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pointillist.pipeline_protocol.messages import JobSpec
from pointillist.pipeline_worker.tasks import Kinds, Outcome, Runner, new_runner
from pointillist.pipeline_worker.worker_state import LeasedTask, Stage
from pointillist.system import note

log = logging.getLogger("pointillist.worker")

N_OPEN_JOBS = 3
"""Jobs whose movies stay open."""


class TaskExecutor:
    """Two threads: one opens movies and prepares ranges, the other one computes.

    Parameters
    ----------
    kinds
        Kinds of tasks that can be computed.
    warm_up
        Called first by the thread that computes; nothing is computed before it returns.
    wake
        Called when there is an outcome, or the warm-up is over.

    Attributes
    ----------
    is_warm
        Whether the warm-up is over.
    warm_up_error
        Exception that the warm-up raised, if any.
    computing_thread
        System-wide number of the thread that computes.
    """

    def __init__(self, kinds: Kinds, warm_up: Callable[[], None], wake: Callable[[], None]) -> None:
        self.is_warm = False
        self.warm_up_error: Exception | None = None
        self._kinds = kinds
        self._warm_up = warm_up
        self._wake = wake
        self._runners: OrderedDict[str, Runner] = OrderedDict()
        self._to_prepare: queue.SimpleQueue[LeasedTask] = queue.SimpleQueue()
        self._to_compute: queue.Queue[tuple[LeasedTask, Runner]] = queue.Queue(1)
        self._outcomes: queue.SimpleQueue[tuple[LeasedTask, Outcome]] = queue.SimpleQueue()
        self._active: dict[str, LeasedTask] = {}
        # Daemons: a process that is to end does not wait for a kernel.
        threads = [threading.Thread(target=loop, daemon=True) for loop in (self._prepare_all, self._compute_all)]
        for thread in threads:
            thread.start()
        self.computing_thread = threads[1].native_id

    def begin(self, task: LeasedTask) -> None:
        """Have a range computed after those before it."""
        self._to_prepare.put(task)

    def outcomes(self) -> list[tuple[LeasedTask, Outcome]]:
        """Return the outcomes since the last call, with their tasks."""
        outcomes = []
        with contextlib.suppress(queue.Empty):
            while True:
                outcomes.append(self._outcomes.get_nowait())
        return outcomes

    def stuck(self, now: float) -> LeasedTask | None:
        """Return a range that takes longer than its lease, if there is one."""
        return next((task for task in list(self._active.values()) if task.is_stuck(now)), None)

    def _prepare_all(self) -> None:
        while True:
            task = self._to_prepare.get()
            if task.is_unwanted:
                continue
            self._enter("prepare", task, Stage.PREPARING)
            try:
                runner = self._runner(task.spec)
                runner.prepare(task.ref.start, task.ref.stop)
            except Exception as error:  # noqa: BLE001 - the border of one task
                self._fail(task, error)
                continue
            finally:
                del self._active["prepare"]
            task.enter(Stage.READY, time.monotonic())
            self._to_compute.put((task, runner))

    def _compute_all(self) -> None:
        try:
            self._warm_up()
        except Exception as error:  # noqa: BLE001 - the launcher deals with it
            self.warm_up_error = error
        self.is_warm = True
        self._wake()
        while True:
            task, runner = self._to_compute.get()
            if task.is_unwanted:
                continue
            self._enter("compute", task, Stage.COMPUTING)
            self._wake()
            try:
                computed = runner.compute(task.ref.start, task.ref.stop)
            except Exception as error:  # noqa: BLE001 - the border of one task
                self._fail(task, error)
                continue
            finally:
                del self._active["compute"]
            self._outcomes.put((task, Outcome(computed=computed)))
            self._wake()
            del task, runner, computed  # rows, while waiting

    def _enter(self, thread: str, task: LeasedTask, stage: Stage) -> None:
        task.enter(stage, time.monotonic())
        self._active[thread] = task

    def _fail(self, task: LeasedTask, error: Exception) -> None:
        outcome = Outcome.of_error(error)
        if not outcome.is_blocked:
            ref = task.ref
            note(log, logging.WARNING, "fault", error, job=ref.job, start=ref.start, stop=ref.stop)
        self._outcomes.put((task, outcome))
        self._wake()

    def _runner(self, spec: JobSpec) -> Runner:
        runner = self._runners.get(spec.job)
        if runner is None:
            runner = self._runners[spec.job] = new_runner(self._kinds, spec)
        self._runners.move_to_end(spec.job)
        while len(self._runners) > N_OPEN_JOBS:
            _, oldest = self._runners.popitem(last=False)
            oldest.close()
        return runner
