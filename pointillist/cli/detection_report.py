"""A detection test, for people: its table and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointillist.cli.console import notices, output

if TYPE_CHECKING:
    from rich.table import Table

    from pointillist.api import DetectionTest


def show_detection(test: DetectionTest) -> None:
    """Print the remarks, the table and the warnings of a test."""
    for remark in test.remarks:
        notices().print(f"note: {remark}", markup=False)
    console = output()
    console.print(_table(test))
    for line in test.on_maps:
        console.print(f"camera maps: {line}", markup=False, soft_wrap=True)
    for frame, reason in test.failures.items():
        console.print(f"frame {frame} could not be analysed: {reason}", markup=False)
    console.print()
    console.print(_warnings(test))
    if not test.findings and test.samples.has_frames:
        console.print("[green]no warnings[/green]: detection, camera settings and spot size fit together")


def _table(test: DetectionTest) -> Table:
    from rich.table import Table
    from rich.text import Text

    headings, *lines = test.table
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right")
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _warnings(test: DetectionTest) -> Table:
    from rich.table import Table
    from rich.text import Text

    warnings = Table.grid(padding=(0, 2, 0, 0))
    for finding in test.findings:
        warnings.add_row(Text("warning", style="yellow"), Text(f"{finding.problem}; {finding.remedy}"))
        if finding.settings:
            warnings.add_row("", Text(f"settings: {', '.join(finding.settings)}", style="dim"))
    return warnings
