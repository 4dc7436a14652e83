"""A worker that takes its time, and notes in a file of its own which ranges it has had; real otherwise."""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from msgspec import structs

from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_worker import __main__ as worker
from pointillist.pipeline_worker.tasks import fit
from pointillist.pipeline_worker.tasks.kind import Computed

NOTES, SECONDS_PER_FRAME = "SLOW_WORKER_NOTES", "SLOW_WORKER_SECONDS_PER_FRAME"


class SlowRunner(fit.FitRunner):
    def __init__(self, spec: JobSpec, *more: Any) -> None:
        super().__init__(spec, *more)
        self._job = spec.job
        self._notes = Path(os.environ[NOTES]) / str(os.getpid())
        self._seconds = float(os.environ[SECONDS_PER_FRAME])

    def prepare(self, start: int, stop: int) -> None:
        with self._notes.open("a") as notes:
            notes.write(f"{self._job} {start} {stop}\n")
        super().prepare(start, stop)

    def compute(self, start: int, stop: int) -> Computed:
        pause_s = (stop - start) * self._seconds
        time.sleep(pause_s)
        result, buffers = super().compute(start, stop)
        return structs.replace(result, seconds={**result.seconds, "pause": pause_s}), buffers


if __name__ == "__main__":
    fit.FitRunner = SlowRunner  # type: ignore[misc,assignment]
    status = worker.main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
