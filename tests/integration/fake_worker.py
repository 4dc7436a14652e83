"""A worker whose fits are made up: frame ``f`` has ``f % 3`` localizations. Faults come from the environment."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from pointillist.fitting.estimation.modules import MODULES
from pointillist.pipeline_protocol.messages import JobSpec, RangeResult
from pointillist.pipeline_protocol.security.keys import user_keys
from pointillist.pipeline_worker.process import WorkerProcess
from pointillist.pipeline_worker.tasks.kind import BlockedError, Computed
from pointillist.settings.encoding import read_settings
from pointillist.settings.typed_settings import AnalysisSettings

ORDERS = json.loads(os.environ.get("FAKE_ORDERS", "{}"))


class FakeRunner:
    def __init__(self, spec: JobSpec) -> None:
        self.movie = Path(spec.movie)
        self.dtype = MODULES[read_settings(spec.settings, AnalysisSettings).fit.fit_module].dtype

    def prepare(self, start: int, stop: int) -> None:  # noqa: ARG002 - any range
        if not self.movie.exists():
            raise BlockedError(f"{self.movie}: has vanished; put it back")

    def compute(self, start: int, stop: int) -> Computed:
        for frame in range(start, stop):
            if frame in ORDERS.get("raise", []) and Path(ORDERS.get("while", "/")).exists():
                raise ValueError(f"frame {frame} is bad")
            if frame in ORDERS.get("die", []):
                os.kill(os.getpid(), signal.SIGKILL)
            if not Path(ORDERS.get("until", "/none")).exists():
                time.sleep(ORDERS.get("seconds_per_frame", 0.0))
        frames = np.repeat(range(start, stop), np.arange(start, stop) % 3)
        rows = np.zeros(len(frames), self.dtype)
        rows["frame"] = frames
        rows["x"] = rows["amplitude"] = frames + 1
        rows["sigma"] = 1.3
        seconds = (stop - start) * ORDERS.get("seconds_per_frame", 0.0)
        buffer = rows.tobytes()
        result = RangeResult(
            start=start, stop=stop, n_items=len(rows), failures={}, seconds={"fit": seconds}, sizes=[len(buffer)]
        )
        return result, [buffer]

    def close(self) -> None:
        pass


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    replaced = int(sys.argv[3]) if "--replaces" in sys.argv else None
    kinds = {"fit": FakeRunner}
    status = WorkerProcess(sys.argv[1], user_keys(), kinds, replaced_pid=replaced).run()
    os._exit(status)
