"""Where commands print to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointillist.system import printable as printable  # noqa: PLC0414  # commands import it from here

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_OF_PIPES = 120
"""Columns, where there is no terminal to ask."""


def output() -> Console:
    """Return the console for results: stdout, plain where it is no terminal."""
    return _console(is_error=False)


def notices() -> Console:
    """Return the console for progress, notes and warnings: stderr."""
    return _console(is_error=True)


def _console(*, is_error: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=is_error, highlight=False, emoji=False, markup=True)
    if not console.is_terminal:
        console.width = WIDTH_OF_PIPES
    return console


def facts(rows: dict[str, str]) -> Table:
    """Return a table of names and values without lines.

    Parameters
    ----------
    rows
        What each line says, and the value that it states; values are shown as they are.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, Text(value))
    return table


def tell(line: str) -> None:
    """Print a line of another machine for people, on stderr."""
    notices().print(printable(line), markup=False, soft_wrap=True)
