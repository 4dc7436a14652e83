"""The first and last rows of a table, for consoles and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN_ROWS = 10
_OMISSION = "…"


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview:
    """Display of a table.

    Parameters
    ----------
    columns
        One-dimensional arrays of equal length by name.
    units
        Units by name of the column.
    n_failures
        Number of frames that could not be analysed.
    remarks
        Remarks for the user.
    """

    columns: Mapping[str, NDArray[Any]]
    units: Mapping[str, str]
    n_failures: int
    remarks: Sequence[str]

    def text(self) -> str:
        """Return the table as aligned text."""
        texts = [[heading, *cells] for heading, cells in zip(self._headings(), self._cells(), strict=True)]
        widths = [max(map(len, column)) for column in texts]
        lines = ["  ".join(map(str.rjust, row, widths)) for row in zip(*texts, strict=True)]
        return "\n".join([self._summary(), *lines])

    def html(self) -> str:
        """Return the table as HTML."""
        head = "".join(f"<th>{escape(heading)}</th>" for heading in self._headings())
        rows = zip(*self._cells(), strict=True)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        notes = "".join(f"<li>{escape(remark)}</li>" for remark in self.remarks)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div><p>{escape(self._summary())}</p>{table}{f'<ul>{notes}</ul>' if notes else ''}</div>"

    @property
    def _n_rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def _summary(self) -> str:
        parts = [_counted(self._n_rows, "localization")]
        if "frame" in self.columns:
            parts.append(f"in {_counted(len(np.unique(self.columns['frame'])), 'frame')}")
        summary = " ".join(parts)
        return f"{summary}; {_counted(self.n_failures, 'frame')} could not be analysed" if self.n_failures else summary

    def _headings(self) -> list[str]:
        return [f"{name} ({self.units[name]})" if name in self.units else name for name in self.columns]

    def _cells(self) -> list[list[str]]:
        """Return the texts of each column."""
        half = _SHOWN_ROWS // 2
        if self._n_rows <= _SHOWN_ROWS:
            return [[_text(value) for value in values] for values in self.columns.values()]
        return [
            [*map(_text, values[:half]), _OMISSION, *map(_text, values[-half:])] for values in self.columns.values()
        ]


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _text(value: Any) -> str:  # noqa: ANN401  # any element of an array
    return f"{value:.6g}" if isinstance(value, np.floating) else str(value)
