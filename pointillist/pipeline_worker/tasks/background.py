"""The kind ``background``: frames in, what each pixel reads without a molecule out."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import BackgroundSeries
from pointillist.pipeline_files.backgrounds import Pack, background_layout
from pointillist.pipeline_protocol.messages import JobSpec, RangeResult
from pointillist.pipeline_worker.data_access import HERE, DataAccess
from pointillist.pipeline_worker.movie_reader import MovieReader, blocked_by_errors
from pointillist.pipeline_worker.tasks.kind import Computed
from pointillist.settings import BackgroundSettings, read_settings

Image = NDArray[np.float32]


class BackgroundRunner:
    """A movie, opened, with the settings of its background.

    Parameters
    ----------
    spec
        Description of the job.
    access
        Files that the worker may open.

    Raises
    ------
    BlockedError
        If neither this machine nor the server has the movie.
    """

    def __init__(self, spec: JobSpec, access: DataAccess = HERE) -> None:
        with blocked_by_errors():
            settings = read_settings(spec.settings, BackgroundSettings)
            self._background = BackgroundSeries(settings.fit)
            self._reader = MovieReader(spec, settings, access)
            self._layout = background_layout(settings, self._reader.movie)

    def prepare(self, start: int, stop: int) -> None:
        """Have the system fetch what a range begins with."""
        self._reader.expect(start, stop)

    def compute(self, start: int, stop: int) -> Computed:
        """Find the background of each frame of a range, and pack it.

        Raises
        ------
        BlockedError
            If the movie is gone, or has changed.
        MovieError
            If these frames cannot be read.
        """
        began = time.perf_counter()
        seconds = {"read": 0.0}
        pack = Pack.of(self._layout, self._images(start, stop, seconds))
        seconds["background"] = time.perf_counter() - began - seconds["read"]
        buffers = pack.buffers()
        sizes = list(map(len, buffers))
        result = RangeResult(
            start=start, stop=stop, n_items=len(pack.chunks), failures={}, seconds=seconds, sizes=sizes
        )
        return result, buffers

    def close(self) -> None:
        """Close the movie."""
        self._reader.close()

    def _images(self, start: int, stop: int, seconds: dict[str, float]) -> Iterator[tuple[Image | None, float]]:
        """Yield the background of each frame, and what has to be added to it; take the time of reading."""
        for part in self._reader.parts(start, stop):
            seconds["read"] += part.read_s
            found = self._background.images(part.block, part.start, part.stop)
            for number, offset_adu in zip(found.index, found.offsets_adu, strict=True):
                yield None if number < 0 else found.images[number], float(offset_adu)
