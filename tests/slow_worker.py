"""A worker that takes its time, and notes in a file of its own which ranges it has had; real otherwise."""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pointillist.pipeline_protocol.messages.control import JobSpec
from pointillist.pipeline_worker import __main__ as worker
from pointillist.pipeline_worker.tasks import fit
from pointillist.pipeline_worker.tasks.kind import Result

NOTES, SECONDS_PER_FRAME = "SLOW_WORKER_NOTES", "SLOW_WORKER_SECONDS_PER_FRAME"


class SlowRunner(fit.FitRunner):
    def __init__(self, spec: JobSpec, *more: Any) -> None:
        super().__init__(spec, *more)
        self._job = spec.job
        self._notes = Path(os.environ[NOTES]) / str(os.getpid())
        self._seconds = float(os.environ[SECONDS_PER_FRAME])

    def read(self, start: int, stop: int) -> Any:
        with self._notes.open("a") as notes:
            notes.write(f"{self._job} {start} {stop}\n")
        return stop - start, super().read(start, stop)

    def compute(self, inputs: Any) -> Result:
        n_frames, frames = inputs
        pause_s = n_frames * self._seconds
        time.sleep(pause_s)
        result = super().compute(frames)
        return replace(result, seconds={**result.seconds, "pause": pause_s})


if __name__ == "__main__":
    fit.FitRunner = SlowRunner  # type: ignore[misc,assignment]
    status = worker.main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
