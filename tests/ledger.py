"""Which frames of running jobs are safe, read from their journals while servers write them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pointillist.pipeline_protocol.messages import RangeResult
from pointillist.pipeline_server.jobs.journal import _FILE_MARK
from pointillist.pipeline_server.jobs.records import JobEntry, read_record
from pointillist.pipeline_server.queue.ranges import Ranges


@dataclass(frozen=True, kw_only=True)
class LeasedRange:
    """Frames of a job that a worker has."""

    job: str
    start: int
    stop: int


@dataclass
class Account:
    """What is safe of one job."""

    journal: Path
    n_frames: int
    job: str = ""
    done: Ranges = field(default_factory=Ranges)
    is_closed: bool = False
    _offset: int = len(_FILE_MARK)

    def read_on(self) -> None:
        try:
            file = os.open(self.journal, os.O_RDONLY)
        except FileNotFoundError:  # the results stand
            self.done, self.is_closed = Ranges([(0, self.n_frames)]), True
            return
        try:
            if os.fstat(file).st_size < self._offset:  # what did not fit on the disk was taken away again
                self._offset, self.done = len(_FILE_MARK), Ranges()
            while found := read_record(file, self._offset):
                entry, _, self._offset = found
                if isinstance(entry, JobEntry):
                    self.job = entry.spec.job
                elif isinstance(entry, RangeResult) and not self.done.has_any(entry.start, entry.stop):
                    self.done.add(entry.start, entry.stop)
        finally:
            os.close(file)


@dataclass
class Ledger:
    """What is safe of all jobs on a movie, whose journals are in one folder."""

    folder: Path
    n_frames_each: int
    accounts: list[Account] = field(default_factory=list)

    def read_on(self) -> None:
        known = {account.journal for account in self.accounts if not account.is_closed}
        for journal in self.folder.glob("*.journal"):
            if journal not in known:
                self.accounts.append(Account(journal, self.n_frames_each))
        for account in self.accounts:
            if not account.is_closed:
                account.read_on()

    @property
    def n_frames(self) -> int:
        """Frames that are safe."""
        return sum(account.done.n_frames for account in self.accounts)

    def has(self, leased_range: LeasedRange) -> bool:
        """Whether all of these frames are safe."""
        return any(
            account.job == leased_range.job and account.done.has_all(leased_range.start, leased_range.stop)
            for account in self.accounts
        )
