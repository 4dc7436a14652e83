"""Writing of complete results, in a file that is renamed once it is finished."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import deflate
import numpy as np
from numpy.typing import NDArray

from pointillist.errors import ResultsError
from pointillist.fitting import Rows, join_rows
from pointillist.pipeline_files.hdf5_file import open_h5py
from pointillist.pipeline_files.paths import unfinished_path
from pointillist.pipeline_files.results.conversion import pack_chunk, to_pyme_words
from pointillist.pipeline_files.results.table import ResultsDescription, create_results, row_converter
from pointillist.pipeline_files.storage import extend_hdf5, publish, sync, translated_write_errors

RANGE_DTYPE = np.dtype([("start", "<i8"), ("stop", "<i8"), ("n_localizations", "<i8")])
"""Range of analysed frames ``[start, stop)`` and number of localizations in it."""

FAILURE_DTYPE = np.dtype([("frame", "<i8"), ("reason", "S512")])
"""Frame that could not be analysed, and the reason in UTF-8."""

_RANGE_FRAMES = 1000

_N_CHUNKS = 64
"""Number of chunks written at a time."""

N_THREADS = min(8, os.cpu_count() or 1)
"""Number of threads that compress chunks while the workers are idle."""


class ResultsWriter:
    """A finished analysis on its way: rows are added in order of frames, then the file gets its name, at once.

    The bytes of the file depend on what is in it alone: not on how the rows were portioned or the frames shared out.

    Parameters
    ----------
    path
        Path of the results. The unfinished file beside it is overwritten if it exists.
    description
        Metadata and provenance of the file.

    Raises
    ------
    ResultsError
        If there is no room, or it cannot be written. No file is left then, as by every method.
    """

    def __init__(self, path: Path, description: ResultsDescription) -> None:
        self._path = unfinished_path(path)
        self._held: list[Rows] = []
        self._n_held = 0
        self._counts = np.zeros(description.n_frames, np.int32)
        self._checksum = 0
        with self._or_nothing():
            with translated_write_errors(self._path):
                self._path.unlink(missing_ok=True)
            self._n_chunk = create_results(self._path, description, is_compressed=True)

    def extend(self, portions: Iterable[Rows], n_threads: int = 1) -> None:
        """Add rows.

        Parameters
        ----------
        portions
            Structured arrays of the fit module's dtype, in order of frames; they need not fit into memory together.
        n_threads
            Number of threads that compress the rows, ``>= 1``.

        Raises
        ------
        ResultsError
            If there is no room, they cannot be written, or as `portions` raises.
        """
        n_block = _N_CHUNKS * self._n_chunk
        with self._or_nothing(), ThreadPoolExecutor(n_threads) as threads:
            for rows in portions:
                self._held.append(rows)
                self._n_held += len(rows)
                if self._n_held >= n_block:
                    self._write(self._n_held - self._n_held % n_block, threads)

    def finish(self, path: Path, done: Iterable[tuple[int, int]], failures: Mapping[int, str]) -> int:
        """Complete and sync the file, and rename it.

        Parameters
        ----------
        path
            Path of the results, in the same folder as the path at creation.
        done
            Ranges ``[start, stop)`` of analysed frames, in any order, which may overlap.
        failures
            Reasons why frames could not be analysed, by frame.

        Returns
        -------
        int
            Number of localizations.

        Raises
        ------
        ResultsError
            If the file exists, there is no room, it cannot be written, or does not hold what was written.
        """
        with self._or_nothing():
            with ThreadPoolExecutor(N_THREADS) as threads:
                self._write(self._n_held, threads)
            ranges = _ranges(done)
            for found in ranges:
                found["n_localizations"] = self._counts[found["start"] : found["stop"]].sum()
            n_localizations = int(self._counts.sum())
            _complete(self._path, ranges, failures)
            _verify(self._path, n_localizations, self._checksum)
            publish(self._path, path)
        return n_localizations

    def discard(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)

    def _write(self, n_rows: int, threads: Executor) -> None:
        """Write the first of the buffered rows, in whole blocks except at the end."""
        if not n_rows:
            return
        rows = join_rows(self._held, self._held[0].dtype)
        for start in range(0, n_rows, _N_CHUNKS * self._n_chunk):
            stop = min(start + _N_CHUNKS * self._n_chunk, n_rows)
            chunks = [rows[first : min(first + self._n_chunk, stop)] for first in range(start, stop, self._n_chunk)]
            self._checksum = append_chunks(self._path, chunks, threads, self._checksum)
        first, last = int(rows["frame"][0]), int(rows["frame"][n_rows - 1])
        self._counts[first : last + 1] += np.bincount(rows["frame"][:n_rows] - first).astype(np.int32)
        self._held, self._n_held = [rows[n_rows:].copy()], self._n_held - n_rows

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.discard()
            raise


def _ranges(done: Iterable[tuple[int, int]]) -> NDArray[np.void]:
    """Join adjacent ranges, and split them at fixed frames."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(done):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    ranges = []
    for start, stop in joined:
        edges = [start, *range((start // _RANGE_FRAMES + 1) * _RANGE_FRAMES, stop, _RANGE_FRAMES), stop]
        ranges += [(a, b, 0) for a, b in itertools.pairwise(edges)]
    return np.array(ranges, RANGE_DTYPE)


def _complete(path: Path, ranges: NDArray[np.void], failures: Mapping[int, str]) -> None:
    failed = failure_table(failures)
    with extend_hdf5(path, ranges.nbytes + failed.nbytes) as file:
        own = file.root.Pointillist
        file.create_table(own, "Ranges", ranges, track_times=False)
        file.create_table(own, "Failures", failed, track_times=False)
        file.set_node_attr(own, "is_complete", True)
    sync(path)


def failure_table(failures: Mapping[int, str]) -> NDArray[np.void]:
    """Return failed frames, in order, as :data:`FAILURE_DTYPE`."""
    return np.array([(frame, reason.encode()[:512]) for frame, reason in sorted(failures.items())], FAILURE_DTYPE)


def _verify(path: Path, n_localizations: int, checksum: int) -> None:
    """Read the table back, since failed writes are not always reported."""
    if results_checksum(path) != (n_localizations, checksum):
        raise ResultsError(path, "does not hold what was written to it", "check the disk and its free space")


def append_chunks(path: Path, chunks: Sequence[Rows], threads: Executor, checksum: int) -> int:
    """Append localizations to a compressed file that has whole chunks so far.

    Parameters
    ----------
    path
        Of :func:`create_results`.
    chunks
        As for :func:`append_localizations`, portioned as the table is; only the last one of all may be shorter.
    threads
        Convert and compress.
    checksum
        Of the chunks before.

    Returns
    -------
    int
        What :func:`results_checksum` should find.

    Raises
    ------
    DiskFullError, FileBusyError, ResultsError
        As :func:`append_localizations`.
    """
    with extend_hdf5(path, 2 * sum(rows.nbytes for rows in chunks)) as file:
        table, convert = file.root.FitResults, row_converter(file, to_pyme_words)
        start, (n_rows,) = int(table.nrows), table.chunkshape
        n_stored = start + sum(map(len, chunks))
        table.truncate(n_stored)  # which also makes longer
        table._v_attrs.NROWS = np.int64(n_stored)  # noqa: SLF001 - truncate leaves it as it is
        for stored in threads.map(lambda rows: pack_chunk(convert(rows), n_rows), chunks):
            table.write_chunk((start,), stored)
            checksum = deflate.crc32(stored, checksum)
            start += n_rows
    return checksum


def results_checksum(path: Path) -> tuple[int, int]:
    """Return the number of localizations in a compressed file, and the checksum of their chunks.

    Parameters
    ----------
    path
        Of :func:`create_results`.

    Raises
    ------
    ResultsError
        If it cannot be read.
    """
    checksum = 0
    with translated_write_errors(path), open_h5py(path) as file:  # PyTables' read_chunk looks at every chunk
        table = file["FitResults"]
        with suppress(RuntimeError):  # a chunk is missing: the checksum tells
            for start in range(0, len(table), *table.chunks):
                checksum = deflate.crc32(table.id.read_direct_chunk((start,))[1], checksum)
        return len(table), checksum
