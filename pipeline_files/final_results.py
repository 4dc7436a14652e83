"""The whole of an analysis, written at once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitting.localizations import Rows, join_rows
from pipeline_files.places import unfinished_path
from pipeline_files.results import ResultsDescription, append_chunks, create_results, results_checksum
from pipeline_files.storage import clear_write_errors, extend_hdf5, publish, sync
from pipeline_protocol.errors import ResultsError

RANGE_DTYPE = np.dtype([("start", "<i8"), ("stop", "<i8"), ("n_localizations", "<i8")])
"""Frames ``[start, stop)`` that were analysed, and how much was found in them."""

FAILURE_DTYPE = np.dtype([("frame", "<i8"), ("reason", "S512")])
"""A frame that could not be analysed, and why, in UTF-8."""

_RANGE_FRAMES = 1000

_N_CHUNKS = 100
"""Chunks that are held, and written, at a time."""

_N_THREADS = min(8, os.cpu_count() or 1)
"""That compress them: by then the workers have nothing to do."""


def write_results(
    path: Path,
    description: ResultsDescription,
    portions: Iterable[Rows],
    done: Iterable[tuple[int, int]],
    failures: Mapping[int, str],
) -> int:
    """Write a finished analysis.

    The bytes of the file depend on what is in it alone: not on how the rows were portioned or the frames shared out.

    Parameters
    ----------
    path
        Of the results. It appears at the end, whole and on the disk, or not at all.
    description
        What the file holds.
    portions
        Of the fit module's dtype, in order of frames; never held together.
    done
        Ranges ``(start, stop)`` of frames that were analysed, in any order and cutting.
    failures
        Frames that could not be analysed, with the reason.

    Returns
    -------
    int
        Number of localizations.

    Raises
    ------
    ResultsError
        If the file exists, there is no room, it cannot be written, or does not hold what was written.
    """
    unfinished = unfinished_path(path)
    with clear_write_errors(unfinished):
        unfinished.unlink(missing_ok=True)
    try:
        n_chunk = create_results(unfinished, description, is_compressed=True)
        ranges = _ranges(done)
        checksum = n_localizations = 0
        with ThreadPoolExecutor(_N_THREADS) as threads:
            pieces = _pieces(portions, n_chunk)
            while block := list(itertools.islice(pieces, _N_CHUNKS)):
                checksum = append_chunks(unfinished, block, threads, checksum)
                frames = np.concatenate([rows["frame"] for rows in block])
                place = np.searchsorted(ranges["start"], frames, side="right") - 1
                ranges["n_localizations"] += np.bincount(place, minlength=len(ranges))
                n_localizations += len(frames)
        _complete(unfinished, ranges, failures)
        _verify(unfinished, n_localizations, checksum)
        publish(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return n_localizations


def _ranges(done: Iterable[tuple[int, int]]) -> NDArray[np.void]:
    """Join ranges that touch, and cut them at fixed frames."""
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


def _pieces(portions: Iterable[Rows], n_rows: int) -> Iterator[Rows]:
    """Portion the rows anew, all alike but the last."""
    rest: list[Rows] = []
    n_lacking = n_rows
    for rows in portions:
        if len(rows) < n_lacking:
            rest.append(rows)
            n_lacking -= len(rows)
            continue
        yield join_rows([*rest, rows[:n_lacking]], rows.dtype)
        end = len(rows) - (len(rows) - n_lacking) % n_rows
        for start in range(n_lacking, end, n_rows):
            yield rows[start : start + n_rows]
        rest, n_lacking = [rows[end:]], n_rows - (len(rows) - end)
    if n_lacking < n_rows:
        yield join_rows(rest, rest[0].dtype)


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
    """Read the table once more: nobody says when it did not reach the disk."""
    if results_checksum(path) != (n_localizations, checksum):
        raise ResultsError(path, "does not hold what was written to it", "check the disk and the room on it")
