"""The kind ``fit``: frames in, localizations out."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from pathlib import Path

from pointillist.fitting import Localizer, Rows
from pointillist.pipeline_files.maps import camera_model
from pointillist.pipeline_protocol.messages import JobSpec, RangeResult
from pointillist.pipeline_worker.data_access import HERE, DataAccess
from pointillist.pipeline_worker.movie_reader import MovieReader, blocked_by_errors
from pointillist.pipeline_worker.tasks.kind import Computed
from pointillist.settings import AnalysisSettings, read_settings


class FitRunner:
    """A movie, opened, with its camera and settings.

    Parameters
    ----------
    spec
        Description of the job.
    access
        Files that the worker may open.

    Raises
    ------
    BlockedError
        If neither this machine nor the server has the movie, or a camera map.
    """

    def __init__(self, spec: JobSpec, access: DataAccess = HERE) -> None:
        with blocked_by_errors(), contextlib.ExitStack() as stack:
            settings = read_settings(spec.settings, AnalysisSettings)
            self._reader = stack.enter_context(contextlib.closing(MovieReader(spec, settings, access)))
            load = partial(access.load_map, spec)
            shape = self._reader.movie.frame_shape
            camera = camera_model(settings.camera, shape, Path(spec.movie).parent, load)
            stack.pop_all()  # the movie stays open
        self._localizer = Localizer(camera, settings.fit)

    def prepare(self, start: int, stop: int) -> None:
        """Have the system fetch what a range begins with."""
        self._reader.expect(start, stop)

    def compute(self, start: int, stop: int) -> Computed:
        """Localize the molecules of a range.

        Raises
        ------
        BlockedError
            If the movie is gone, or has changed.
        MovieError
            If these frames cannot be read.
        """
        rows: list[Rows] = []
        failures: dict[int, str] = {}
        seconds = {"read": 0.0, "fit": 0.0}
        for part in self._reader.parts(start, stop):
            began = time.perf_counter()
            found = self._localizer.localize(part.block, part.start, part.stop)
            rows.append(found.rows)
            failures.update(found.failures)
            seconds["read"] += part.read_s
            seconds["fit"] += time.perf_counter() - began
        buffer = b"".join(part.tobytes() for part in rows)
        result = RangeResult(
            start=start,
            stop=stop,
            n_items=sum(map(len, rows)),
            failures=failures,
            seconds=seconds,
            sizes=[len(buffer)],
        )
        return result, [buffer]

    def close(self) -> None:
        """Close the movie."""
        self._reader.close()
