"""The kind ``fit`` at the server: answers are rows, the file is a ``.h5r``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from pointillist.errors import MessageError, ResultsError
from pointillist.fitting import Rows, join_rows
from pointillist.pipeline_files import RESULTS_ENDING, check_frames, default_results_path
from pointillist.pipeline_files.movies import MovieFile
from pointillist.pipeline_files.results import (
    N_THREADS,
    ResultsDescription,
    ResultsDraft,
    append_localizations,
    create_results,
)
from pointillist.pipeline_protocol.messages import Answer, Buffer
from pointillist.pipeline_server.jobs.journal import Journal
from pointillist.pipeline_server.jobs.kind import Draft, Plan
from pointillist.settings import Metadata, fit_settings

_TASK_BYTES = 1 << 30
"""Raw frames of one task, at most: what is lost with a worker, and read again. A worker never holds them all."""


def plan_fit(movie: MovieFile, settings: Metadata) -> Plan:
    """Plan the analysis of a movie.

    Parameters
    ----------
    movie
        Open.
    settings
        Complete.

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

    fit = fit_settings(settings)
    check_frames(movie, settings)
    camera_model(settings, movie.frame_shape, movie.path.parent)  # are the maps there, and of the right size?
    middle = (fit.start_at + movie.n_frames) // 2
    first, stop = window_span(fit, middle, middle + 1, movie.n_frames)
    description = ResultsDescription.of(movie, settings)
    return Plan(
        description=description,
        form=LocalizationForm(description),
        default_output=default_results_path(movie.path),
        start=fit.start_at,
        stop=movie.n_frames,
        context=stop - first - 1,
        max_frames=max(1, _TASK_BYTES // max(1, int(np.prod(movie.frame_shape)) * movie.dtype.itemsize)),
    )


class LocalizationForm:
    """Rows of the fit module's dtype, in order of frames.

    Parameters
    ----------
    description
        Of the results.
    """

    ending = RESULTS_ENDING
    has_partial = True

    def __init__(self, description: ResultsDescription) -> None:
        self._description = description

    def check(self, answer: Answer, buffers: Sequence[Buffer]) -> None:
        """Make sure that an answer is the rows of its range, in order of frames.

        Raises
        ------
        MessageError
            If it is not.
        """
        ref = answer.ref
        n_bytes = sum(len(buffer) for buffer in buffers)
        if len(buffers) != 1 or n_bytes != answer.n_items * self._description.dtype.itemsize:
            problem = f"an answer of {answer.n_items} rows has {n_bytes} bytes"
            raise MessageError(answer.worker, problem, "use the same version everywhere")
        frames = np.frombuffer(buffers[0], self._description.dtype)["frame"]
        is_inside = not len(frames) or (frames[0] >= ref.start and frames[-1] < ref.stop)
        if not is_inside or (np.diff(frames) < 0).any():
            problem = f"an answer to frames {ref.start} to {ref.stop} has others, or no order"
            raise MessageError(answer.worker, problem, "use the same version everywhere")

    def begin_partial(self, path: Path) -> None:
        """Make results without rows."""
        create_results(path, self._description, is_compressed=False)

    def extend_partial(self, path: Path, journal: Journal, starts: Sequence[int]) -> None:
        """Append rows."""
        rows = list(_rows(journal, starts, self._description))
        if sum(map(len, rows)):
            append_localizations(path, join_rows(rows, rows[0].dtype))

    def draft(self, path: Path) -> Draft:
        """Return what becomes the file of a job."""
        return LocalizationDraft(path, self._description)


class LocalizationDraft:
    """Rows, compressed as PYME does while the job runs, so that nobody waits for it at the end.

    Parameters
    ----------
    path
        Of the file.
    description
        What it holds.
    """

    def __init__(self, path: Path, description: ResultsDescription) -> None:
        self._path = path
        self._description = description
        self._results: ResultsDraft | None = None
        self._starts: list[int] = []

    def extend(self, journal: Journal, starts: Sequence[int]) -> None:
        """Take in ranges that follow those before; others are passed over.

        Raises
        ------
        ResultsError
            If there is no room, or they cannot be written.
        """
        fresh = [start for start in starts if not self._starts or start > self._starts[-1]]
        if self._results is None:
            self._results = ResultsDraft(self._path, self._description)
        self._results.extend(_rows(journal, fresh, self._description))
        self._starts += fresh

    def finish(self, path: Path, journal: Journal) -> None:
        """Take in the rest, and give the file its name.

        All is taken in anew if a range came after those that follow it, or if the file that grew is not as it was left.

        Raises
        ------
        ResultsError
            If there is no room, or it cannot be written.
        """
        starts, results, taken = journal.starts(), self._results, self._starts
        self._results, self._starts = None, []
        if results is not None and starts[: len(taken)] == taken:
            with suppress(ResultsError):
                self._finish(results, path, journal, starts[len(taken) :])
                return
        self._finish(ResultsDraft(self._path, self._description), path, journal, starts)

    def discard(self) -> None:
        """Delete what there is."""
        if self._results is not None:
            self._results.discard()
        self._results, self._starts = None, []

    def _finish(self, results: ResultsDraft, path: Path, journal: Journal, starts: Sequence[int]) -> None:
        results.extend(_rows(journal, starts, self._description), N_THREADS)
        results.finish(path, list(journal.done), journal.failures)


def _rows(journal: Journal, starts: Sequence[int], description: ResultsDescription) -> Iterator[Rows]:
    for start in starts:
        entry, buffers = journal.read(start)
        dtype = description.dtype
        yield np.frombuffer(buffers[0], dtype) if entry.sizes else np.zeros(0, dtype)
