"""``pointillist settings``: all settings, with defaults and units."""

from __future__ import annotations

import click

from pointillist.cli.console import output
from pointillist.cli.error_handling import PlainErrorsCommand


@click.command(cls=PlainErrorsCommand)
@click.argument("search", required=False)
def command(search: str | None) -> None:
    """List the settings with their defaults and units.

    Settings are given with -s KEY=VALUE, in a file with --settings, or in the movie's metadata. SEARCH is a word; only
    settings that mention it are listed.

    \b
    Example:
        pointillist settings background
    """  # noqa: D301  # click's marker for lines that stay
    from rich.table import Table
    from rich.text import Text

    from pointillist.settings import SETTINGS

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("setting", no_wrap=True)
    table.add_column("default", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("description")
    for setting in SETTINGS.values():
        if search is None or search.lower() in f"{setting.name} {setting.meaning}".lower():
            table.add_row(*map(Text, (setting.name, _shown(setting.default), setting.unit, setting.meaning)))
    output().print(table)


def _shown(default: object) -> str:
    if default is None:
        return "-"
    return ":".join(map(str, default)) if isinstance(default, tuple) else str(default)
