"""Finished results, written at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from fitting.localizations import Rows
from pipeline_files.final_results import ResultsDraft
from pipeline_files.results import ResultsDescription


def write_results(
    path: Path,
    description: ResultsDescription,
    portions: Iterable[Rows],
    done: Iterable[tuple[int, int]],
    failures: Mapping[int, str],
) -> int:
    """Write a finished analysis; return the number of localizations."""
    draft = ResultsDraft(path, description)
    draft.extend(portions)
    return draft.finish(path, done, failures)
