"""The results of a job, on their way from the journal to the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fitting.localizations import Rows
from pipeline_files.final_results import write_results
from pipeline_files.places import alternatives, is_taken, partial_path
from pipeline_files.results import append_localizations, create_results
from pipeline_files.storage import DiskFullError, FileBusyError
from pipeline_protocol.errors import MessageError, ResultsError
from pipeline_protocol.messages import Answer
from pipeline_protocol.wire import Buffer
from pipeline_server.submission import Submission

log = logging.getLogger("pointillist.server")


def check_answer(answer: Answer, buffers: Sequence[Buffer], dtype: np.dtype[Any]) -> None:
    """Make sure that an answer is what the results can hold.

    Raises
    ------
    MessageError
        If it is not the rows of its range, in order of frames.
    """
    ref = answer.ref
    n_bytes = sum(len(buffer) for buffer in buffers)
    if len(buffers) != 1 or n_bytes != answer.n_items * dtype.itemsize:
        problem = f"an answer of {answer.n_items} rows has {n_bytes} bytes"
        raise MessageError(answer.worker, problem, "use the same version everywhere")
    frames = np.frombuffer(buffers[0], dtype)["frame"]
    is_inside = not len(frames) or (frames[0] >= ref.start and frames[-1] < ref.stop)
    if not is_inside or (np.diff(frames) < 0).any():
        problem = f"an answer to frames {ref.start} to {ref.stop} has others, or no order"
        raise MessageError(answer.worker, problem, "use the same version everywhere")


class Output:
    """The files of one job; all methods but the constructor belong to the thread that writes HDF5.

    Parameters
    ----------
    submission
        What the job is.

    Attributes
    ----------
    path
        Of the finished results.
    """

    def __init__(self, submission: Submission) -> None:
        self.path = Path(submission.spec.output)
        self._description = submission.description
        self._journal = submission.journal
        self._is_written = submission.is_finished
        self._is_begun = False
        self._is_given_up = False

    def extend(self, starts: Sequence[int]) -> bool:
        """Append ranges to the partial file, which is begun anew by each server: the journal has it all.

        Parameters
        ----------
        starts
            First frames of the ranges, in order.

        Returns
        -------
        bool
            False if the file is open in another program, so that it has to be tried again.

        Raises
        ------
        DiskFullError
            If there is no room.
        """
        partial = partial_path(self.path)
        if self._is_given_up:
            return True
        try:
            if not self._is_begun:
                partial.unlink(missing_ok=True)
                create_results(partial, self._description, is_compressed=False)
                self._is_begun = True
            rows = [self._rows(start) for start in starts]
            if sum(map(len, rows)):
                append_localizations(partial, np.concatenate(rows))
        except FileBusyError:
            return False
        except DiskFullError:
            raise
        except (ResultsError, OSError) as error:
            # The partial file is for the eye; the job does not need it.
            log.warning("partial given up path=%s %s", partial, error)
            self._is_given_up = True
        return True

    def finish(self) -> None:
        """Write the results from the journal, under another name if theirs has been taken meanwhile.

        Raises
        ------
        ResultsError
            If there is no room, or they cannot be written.
        """
        partial, journal = partial_path(self.path), self._journal
        if not self._is_written:
            if self.path.exists():
                self.path = next(path for path in alternatives(self.path) if not is_taken(path))
            write_results(self.path, self._description, self._portions(), list(journal.done), journal.failures)
        partial.unlink(missing_ok=True)
        journal.remove()

    def _portions(self) -> Iterator[Rows]:
        for start in self._journal.starts():
            yield self._rows(start)

    def _rows(self, start: int) -> Rows:
        entry, buffers = self._journal.read(start)
        dtype = self._description.dtype
        return np.frombuffer(buffers[0], dtype) if entry.sizes else np.zeros(0, dtype)
