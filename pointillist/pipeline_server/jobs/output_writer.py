"""The output file of a job, whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pointillist.errors import MessageError
from pointillist.pipeline_files import alternatives, is_taken, partial_path, unfinished_path
from pointillist.pipeline_files.results import ResultsDescription, is_finished
from pointillist.pipeline_protocol.messages import Buffer, RangeResult
from pointillist.pipeline_server.jobs.journal import Journal


class OutputWriter(ABC):
    """Writes the output file of one job from its journal, in the thread that writes HDF5.

    Parameters
    ----------
    path
        Output file. The one that is written has another name if this one is taken at the end.
    journal
        Journal of the job.
    description
        Contents of the file.
    """

    ending: ClassVar[str]
    """Ending of the file's name."""

    def __init__(self, path: Path, journal: Journal, description: ResultsDescription) -> None:
        self.path = path
        self._journal = journal
        self._description = description

    @abstractmethod
    def check(self, result: RangeResult, buffers: Sequence[Buffer]) -> None:
        """Check that the file can hold a result.

        Raises
        ------
        MessageError
            If it cannot: a peer has sent something else.
        """

    def extend(self, starts: Sequence[int]) -> bool:  # noqa: ARG002 - used by those that can grow
        """Append ranges to what can grow before the end; by default, nothing can.

        Parameters
        ----------
        starts
            First frames of the ranges, in order.

        Returns
        -------
        bool
            False if the file is open in another program, so that the same ranges have to be appended later.

        Raises
        ------
        DiskFullError
            If there is no room.
        """
        return True

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write all that the journal has to a file that appears whole, or not at all.

        Raises
        ------
        ResultsError
            If there is no room, or the file cannot be written.
        """

    def discard(self) -> None:
        """Delete the unfinished file."""
        unfinished_path(self.path).unlink(missing_ok=True)

    def finish(self) -> None:
        """Write the file, under another name if its own is taken, and delete what was written before.

        The journal stays if there are failed frames: with it, they can be tried again.

        Raises
        ------
        ResultsError
            If there is no room, or the file cannot be written.
        """
        failures = self._journal.failures
        partial = partial_path(self.path)
        for path in alternatives(self.path, self.ending):
            if is_finished(path, self._description, failures):
                self.path = path  # by a server that died at the last moment, or before a retry that changed nothing
                break
            if not (path.exists() if path == self.path else is_taken(path)):
                self.path = path
                self.write(path)
                break
        self.discard()
        partial.unlink(missing_ok=True)
        if self._journal.given_up:
            self._journal.close()
        else:
            self._journal.remove()


def refused(result: RangeResult, problem: str) -> MessageError:
    """Return the error of a result that is not what it should be."""
    return MessageError(f"frames {result.start} to {result.stop}", problem, "use the same version everywhere")
