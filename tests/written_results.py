"""Finished results, written at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pointillist.fitting.localizations import Rows
from pointillist.pipeline_files.results.table import ResultsDescription
from pointillist.pipeline_files.results.writer import ResultsWriter


def write_results(
    path: Path,
    description: ResultsDescription,
    portions: Iterable[Rows],
    done: Iterable[tuple[int, int]],
    failures: Mapping[int, str],
) -> int:
    """Write a finished analysis; return the number of localizations."""
    draft = ResultsWriter(path, description)
    draft.extend(portions)
    return draft.finish(path, done, failures)
