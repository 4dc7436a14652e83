"""The file of a job, on its way from the journal, whatever the kind of the job."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from pointillist.errors import ResultsError
from pointillist.pipeline_files import DiskFullError, FileBusyError, alternatives, is_taken, partial_path
from pointillist.pipeline_files.results import is_finished
from pointillist.pipeline_server.jobs.submission import JobRequest
from pointillist.system import note

log = logging.getLogger("pointillist.server")


class Output:
    """The files of one job; the thread that writes HDF5 extends and finishes them.

    Parameters
    ----------
    submission
        What the job is.

    Attributes
    ----------
    path
        Of the finished file.
    """

    def __init__(self, submission: JobRequest) -> None:
        self.path = Path(submission.spec.output)
        self._form = submission.plan.form
        self._journal = submission.journal
        self._description = submission.plan.description
        self._is_begun = False
        self._has_partial = self._form.has_partial
        self._draft = self._form.draft(self.path)
        self._has_draft = True

    def extend(self, starts: Sequence[int]) -> bool:
        """Append ranges to the partial file and the draft, which are begun anew by each server: the journal has it all.

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
        if self._has_draft:
            self._extend_draft(starts)
        if not self._has_partial:
            return True
        partial = partial_path(self.path)
        try:
            if not self._is_begun:
                partial.unlink(missing_ok=True)
                self._form.begin_partial(partial)
                self._is_begun = True
            self._form.extend_partial(partial, self._journal, starts)
        except FileBusyError:
            return False
        except DiskFullError:
            raise
        except (ResultsError, OSError) as error:
            # The partial file is for the eye; the job does not need it.
            note(log, logging.WARNING, "no partial file", path=partial, error=error)
            self._has_partial = False
        return True

    def finish(self) -> None:
        """Write the file from the journal, under another name if its own is taken.

        The journal stays if there are frames that another try may mend: with it, they can be tried again.

        Raises
        ------
        ResultsError
            If there is no room, or it cannot be written.
        """
        partial = partial_path(self.path)
        failures = self._journal.failures
        for path in alternatives(self.path, self._form.ending):
            if is_finished(path, self._description, failures):
                self.path = path  # by a server that died at the last moment, or before a try that mended nothing
                break
            if not (path.exists() if path == self.path else is_taken(path)):
                self.path = path
                self._draft.finish(path, self._journal)
                break
        self._draft.discard()
        partial.unlink(missing_ok=True)
        if self._journal.given_up:
            self._journal.close()
        else:
            self._journal.remove()

    def close(self) -> None:
        """Delete what nobody needs of a job that was stopped, while no thread is at it."""
        self._draft.discard()

    def _extend_draft(self, starts: Sequence[int]) -> None:
        try:
            self._draft.extend(self._journal, starts)
        except (ResultsError, OSError) as error:
            # It is written from the journal at the end; room is more urgent now.
            note(log, logging.WARNING, "no draft", path=self.path, error=error)
            self._draft.discard()
            self._has_draft = False
