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
        help="A setting by PYME's name, such as Analysis.DetectionThreshold=1.2; may be given many times. "
        "'pointillist settings' lists them.",
    ),
    click.option(
        "--settings",
        "settings_file",
        metavar="FILE",
        type=FilePath(),
        help="Settings in YAML or JSON. -s wins over this file, this file over the movie's own metadata.",
    ),
)


def settings_options(command: Command) -> Command:
    """Add ``-s`` and ``--settings`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
