"""The options with which commands take settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from pointillist.cli.file_names import FilePath

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., object]")

_OPTIONS = (
    click.option(
        "-s",
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="Value of a setting by PYME's name, such as Analysis.DetectionThreshold=1.2; may be repeated. "
        "'pointillist settings' lists all settings.",
    ),
    click.option(
        "--settings",
        "settings_file",
        metavar="FILE",
        type=FilePath(),
        help="Settings file (YAML or JSON). It overrides the movie's metadata, and -s overrides it.",
    ),
)


def settings_options(command: Command) -> Command:
    """Add ``-s`` and ``--settings`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
