"""The journal of a job: every answer, appended and synced before anybody relies on it.

The file begins with a mark; then come records, the first of which describes the job. A torn tail, as a kill
or a full disk leaves it, is cut off. The lock on the file keeps two servers from the same job.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pointillist.errors import ResultsError
from pointillist.pipeline_protocol.messages import Buffer, RangeResult
from pointillist.pipeline_server.jobs.records import (
    FailureEntry,
    JobEntry,
    JournalLockedError,
    clear_journal_errors,
    pack_record,
    read_record,
    write_all,
)
from pointillist.pipeline_server.queue import Ranges
from pointillist.system import FileLock

_FILE_MARK = b"PointJ01"


@dataclass(frozen=True, slots=True)
class RecordedRange:
    """Offset of a result in the file, length of its buffers (bytes), and end of its range (frame)."""

    offset: int
    n_bytes: int
    stop: int


class Journal:
    """An open, locked journal, from :meth:`create` or :meth:`open`.

    Attributes
    ----------
    job
        The first record.
    done, builds
        Ranges whose answers are in the file and synced, and the builds of the kernels that they come from.
    given_up
        Frames that failed too often, with their errors.
    n_items, seconds
        Sums over the answers, of their items and of each stage.
    n_bytes
        Length of the file.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.job: JobEntry
        self.done = Ranges()
        self.given_up: dict[int, str] = {}
        self.builds: set[str] = set()
        self.n_items = 0
        self.seconds: dict[str, float] = {}
        self.n_bytes = 0
        self._file = file
        self._lock: FileLock | None = None
        self._ranges: dict[int, RecordedRange] = {}
        self._failures: dict[int, str] = {}
        self._pending: list[tuple[RangeResult | FailureEntry, list[Buffer]]] = []

    @classmethod
    def create(cls, path: Path, job: JobEntry) -> Self:
        """Begin a journal; its folder is made.

        Raises
        ------
        JournalFullError
            If there is no room.
        ResultsError
            If the file exists, or cannot be written.
        """
        begin = b"".join([_FILE_MARK, *pack_record(job)])
        with clear_journal_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            journal = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
        try:
            journal._take_lock()
            with clear_journal_errors(path):
                write_all(journal._file, begin, 0)
                os.fsync(journal._file)
                _sync_folder(path.parent)
        except BaseException:
            path.unlink(missing_ok=True)
            journal.close()
            raise
        journal.job = job
        journal.n_bytes = len(begin)
        return journal

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """Open an existing journal; cut off a torn tail.

        Returns
        -------
        Journal or None
            None if there is no such file, or not even its first record is whole, so that nothing is lost with it.

        Raises
        ------
        JournalLockedError
            If another process has it.
        ResultsError
            If it cannot be read, or is no journal.
        """
        with clear_journal_errors(path):
            try:
                journal = cls(path, os.open(path, os.O_RDWR))
            except FileNotFoundError:
                return None
        is_begun = False
        try:
            journal._take_lock()
            with clear_journal_errors(path):
                is_begun = journal._replay()
        finally:
            if not is_begun:
                journal.close()
        return journal if is_begun else None

    @staticmethod
    def peek(path: Path) -> JobEntry | None:
        """Return the first record of a journal that another process may have; None if that is not whole, or gone."""
        with clear_journal_errors(path), suppress(FileNotFoundError), path.open("rb") as file:
            if file.read(len(_FILE_MARK)) != _FILE_MARK:
                return None
            found = read_record(file.fileno(), len(_FILE_MARK))
            return found[0] if found and isinstance(found[0], JobEntry) else None
        return None

    def append_range(self, entry: RangeResult, buffers: Sequence[Buffer]) -> None:
        """Queue a result for the next :meth:`sync`."""
        self._pending.append((entry, pack_record(entry, buffers)))

    def append_failure(self, entry: FailureEntry) -> None:
        """Queue a failed frame for the next :meth:`sync`."""
        self._pending.append((entry, pack_record(entry)))

    @property
    def unsynced(self) -> list[tuple[int, int]]:
        """Ranges ``(start, stop)`` that the next :meth:`sync` brings to the disk."""
        return [
            (entry.start, entry.stop) if isinstance(entry, RangeResult) else (entry.frame, entry.frame + 1)
            for entry, _ in self._pending
        ]

    def sync(self) -> None:
        """Bring all that was appended to the disk.

        Raises
        ------
        JournalFullError
            If there is no room; the file is as it was, what was appended is dropped.
        JournalLockedError
            If another process has taken it, since this one was silent for too long; likewise.
        ResultsError
            If it cannot be written for another reason; likewise.
        """
        pending, self._pending = self._pending, []
        if self._is_lost:
            raise self._taken()
        with clear_journal_errors(self.path):
            try:
                end = self.n_bytes
                for part in itertools.chain.from_iterable(record for _, record in pending):
                    write_all(self._file, part, end)
                    end += len(part)
                os.fdatasync(self._file)
            except OSError:
                os.ftruncate(self._file, self.n_bytes)
                raise
        for entry, record in pending:
            self._note(entry, self.n_bytes)
            self.n_bytes += sum(map(len, record))

    def has_room(self, n_bytes: int) -> bool:
        """Whether the journal could grow by so many bytes; tried with zeros, which are cut off again."""
        if self._is_lost:
            return False
        try:
            write_all(self._file, bytes(n_bytes), self.n_bytes)
            os.fdatasync(self._file)
        except OSError:
            return False
        finally:
            os.ftruncate(self._file, self.n_bytes)
        return True

    @property
    def failures(self) -> dict[int, str]:
        """All failed frames: those given up, and those that results name."""
        return {**self._failures, **self.given_up}

    def range_at(self, start: int) -> RecordedRange | None:
        """Return the range that begins at a frame; None if there is none."""
        return self._ranges.get(start)

    def starts(self) -> list[int]:
        """Return the first frames of all ranges, in order."""
        return sorted(self._ranges)

    def read(self, start: int) -> tuple[RangeResult, list[memoryview]]:
        """Return the answer of the range that begins at a frame; any thread may ask.

        Raises
        ------
        ResultsError
            If the disk does not give back what was written.
        """
        with clear_journal_errors(self.path):
            found = read_record(self._file, self._ranges[start].offset)
        entry = found[0] if found else None
        if found is None or not isinstance(entry, RangeResult):
            raise ResultsError(self.path, f"is damaged at frame {start}", "run the same command again")
        body, buffers, at = found[1], [], 0
        for size in entry.sizes:
            buffers.append(body[at : at + size])
            at += size
        return entry, buffers

    def remove(self) -> None:
        """Delete the file, whose results have been written.

        Raises
        ------
        ResultsError
            If it cannot be deleted.
        """
        with clear_journal_errors(self.path):
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close the file and release its lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _take_lock(self) -> None:
        with clear_journal_errors(self.path):
            try:
                self._lock = FileLock(self._file, self.path)
            except BlockingIOError as error:
                raise self._taken() from error

    @property
    def _is_lost(self) -> bool:
        return self._lock is not None and self._lock.is_lost

    def _taken(self) -> JournalLockedError:
        return JournalLockedError(
            self.path, "another process is already running this analysis", "wait for it, or end it"
        )

    def _replay(self) -> bool:
        """Read all records; return whether there is a job."""
        if os.fstat(self._file).st_nlink == 0:
            return False  # whoever had the lock has finished the job
        mark = os.pread(self._file, len(_FILE_MARK), 0)
        if not _FILE_MARK.startswith(mark.rstrip(b"\0")):  # a power cut leaves zeros
            raise ResultsError(self.path, "is not a journal of this version", "move it away")
        found = read_record(self._file, len(_FILE_MARK))
        job = found[0] if found else None
        if found is None or not isinstance(job, JobEntry):
            return False
        self.job, offset = job, found[2]
        while found := read_record(self._file, offset):
            if not isinstance(found[0], JobEntry):
                self._note(found[0], offset)
            offset = found[2]
        os.ftruncate(self._file, offset)
        self.n_bytes = offset
        return True

    def _note(self, entry: RangeResult | FailureEntry, offset: int) -> None:
        if isinstance(entry, FailureEntry):
            self.given_up[entry.frame] = entry.error
            return
        if self.done.has_any(entry.start, entry.stop):
            return
        for frame in [frame for frame in self.given_up if entry.start <= frame < entry.stop]:
            del self.given_up[frame]
        self.done.add(entry.start, entry.stop)
        self._failures.update(entry.failures)
        self.builds.add(entry.build)
        self.n_items += entry.n_items
        for stage, seconds in entry.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self._ranges[entry.start] = RecordedRange(offset, sum(entry.sizes), entry.stop)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
