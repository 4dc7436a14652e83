"""The kind ``fit`` at the server: answers are rows, the file is a ``.h5r``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from pointillist.errors import ResultsError
from pointillist.fitting import Rows, join_rows
from pointillist.pipeline_files import (
    RESULTS_ENDING,
    DiskFullError,
    FileBusyError,
    check_frames,
    default_results_path,
    partial_path,
)
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import (
    N_THREADS,
    ResultsDescription,
    ResultsWriter,
    append_localizations,
    create_results,
)
from pointillist.pipeline_protocol.messages import Buffer, JobSettings, RangeResult
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.kind import Plan
from pointillist.pipeline_server.jobs.output_writer import OutputWriter, refused
from pointillist.settings import AnalysisSettings, normalised, read_settings
from pointillist.system import note

log = logging.getLogger("pointillist.server")

_TASK_BYTES = 1 << 30
"""Raw frames of one task, at most: what is lost with a worker, and read again. A worker never holds them all."""


def plan_fit(movie: MovieFile, settings: JobSettings) -> Plan:
    """Plan the analysis of a movie.

    Parameters
    ----------
    movie
        Open movie.
    settings
        Settings of the job.

    Raises
    ------
    MovieError
        If the movie cannot be read.
    SettingError
        If a setting is missing or wrong.
    """
    # numba, which a server can do without until it has a job
    from pointillist.fitting.backgrounds import window_span  # noqa: PLC0415
    from pointillist.pipeline_files.maps import camera_model  # noqa: PLC0415

    known = read_settings(settings, AnalysisSettings)
    fit = known.fit
    check_frames(movie, fit)
    camera_model(known.camera, movie.frame_shape, movie.path.parent)  # are the maps there, and of the right size?
    middle = (fit.start_at + movie.n_frames) // 2
    first, stop = window_span(fit, middle, middle + 1, movie.n_frames)
    description = ResultsDescription.of(movie, normalised(settings.recorded))
    return Plan(
        description=description,
        writer=partial(LocalizationWriter, description),
        ending=LocalizationWriter.ending,
        default_output=default_results_path(movie.path),
        start=fit.start_at,
        stop=movie.n_frames,
        context=stop - first - 1,
        max_frames=max(1, _TASK_BYTES // max(1, int(np.prod(movie.frame_shape)) * movie.dtype.itemsize)),
    )


class LocalizationWriter(OutputWriter):
    """Writes a ``.h5r`` file; a compressed one and an uncompressed one that can be opened meanwhile grow beside it.

    Parameters
    ----------
    description, path, journal
        Contents of the file, output file, and journal of the job.
    """

    ending = RESULTS_ENDING

    def __init__(self, description: ResultsDescription, path: Path, journal: Journal) -> None:
        super().__init__(path, journal, description)
        self._results: ResultsWriter | None = None
        self._starts: list[int] = []
        self._is_growing = True
        self._has_partial = True
        self._is_partial_begun = False

    def check(self, result: RangeResult, buffers: Sequence[Buffer]) -> None:
        """Check that a result is the rows of its range, in order of frames.

        Raises
        ------
        MessageError
            If it is not.
        """
        n_bytes = sum(len(buffer) for buffer in buffers)
        if len(buffers) != 1 or n_bytes != result.n_items * self._description.dtype.itemsize:
            raise refused(result, f"{n_bytes} bytes in an answer of {result.n_items} rows")
        frames = np.frombuffer(buffers[0], self._description.dtype)["frame"]
        is_inside = not len(frames) or (frames[0] >= result.start and frames[-1] < result.stop)
        if not is_inside or (np.diff(frames) < 0).any():
            raise refused(result, "rows of other frames in the answer, or in no order")

    def extend(self, starts: Sequence[int]) -> bool:
        """Append ranges to both files, which each server begins anew: the journal has all of it.

        Raises
        ------
        DiskFullError
            If there is no room.
        """
        if self._is_growing:
            self._extend_final(starts)
        return not self._has_partial or self._extend_partial(starts)

    def write(self, path: Path) -> None:
        """Append what the compressed file lacks, and give it its name.

        It is written anew if a range came after those that follow it, or if the file is not as it was left.

        Raises
        ------
        ResultsError
            If there is no room, or it cannot be written.
        """
        starts, results, written = self._journal.starts(), self._results, self._starts
        if results is not None and starts[: len(written)] == written:
            with suppress(ResultsError):
                self._publish(results, path, starts[len(written) :])
                return
        self.discard()
        self._publish(ResultsWriter(self.path, self._description), path, starts)

    def discard(self) -> None:
        """Delete the compressed file."""
        if self._results is not None:
            self._results.discard()
        self._results, self._starts = None, []

    def _extend_final(self, starts: Sequence[int]) -> None:
        """Append ranges that follow those before; others are left for the end."""
        following = [start for start in starts if not self._starts or start > self._starts[-1]]
        try:
            if self._results is None:
                self._results = ResultsWriter(self.path, self._description)
            self._results.extend(self._rows(following))
            self._starts += following
        except (ResultsError, OSError) as error:
            # It is written from the journal at the end; room is more urgent now.
            note(log, logging.WARNING, "no growing file", path=self.path, error=error)
            self.discard()
            self._is_growing = False

    def _extend_partial(self, starts: Sequence[int]) -> bool:
        """Append ranges to the file that people may open; return False if somebody has it open."""
        path = partial_path(self.path)
        try:
            if not self._is_partial_begun:
                path.unlink(missing_ok=True)
                create_results(path, self._description, is_compressed=False)
                self._is_partial_begun = True
            rows = list(self._rows(starts))
            if sum(map(len, rows)):
                append_localizations(path, join_rows(rows, rows[0].dtype))
        except FileBusyError:
            return False
        except DiskFullError:
            raise
        except (ResultsError, OSError) as error:
            # The job does not need it.
            note(log, logging.WARNING, "no partial file", path=path, error=error)
            self._has_partial = False
        return True

    def _publish(self, results: ResultsWriter, path: Path, starts: Sequence[int]) -> None:
        results.extend(self._rows(starts), N_THREADS)
        results.finish(path, list(self._journal.done), self._journal.failures)

    def _rows(self, starts: Sequence[int]) -> Iterator[Rows]:
        dtype = self._description.dtype
        for start in starts:
            result, buffers = self._journal.read(start)
            yield np.frombuffer(buffers[0], dtype) if result.sizes else np.zeros(0, dtype)
