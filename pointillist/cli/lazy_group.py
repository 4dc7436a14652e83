"""Commands below a command, each in a file of its own that is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from pointillist.cli.inspection import leave_inspection


class LazyGroup(click.Group):
    """A group whose commands are imported late.

    Parameters
    ----------
    commands_in
        Module of each command, by name, which holds it as ``command``; in the order of the help.
    """

    def __init__(self, *args: Any, commands_in: Mapping[str, str], **options: Any) -> None:  # noqa: ANN401  # click's
        super().__init__(*args, **options)
        self.commands_in = commands_in

    def main(self, args: Sequence[str] | None = None, *others: Any, **options: Any) -> Any:  # noqa: ANN401  # click's
        """Run the command that the command line names."""
        if args is None:
            leave_inspection()
        return super().main(args, *others, **options)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return list(self.commands_in)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        return load(self.commands_in[cmd_name]) if cmd_name in self.commands_in else None


def load(module: str) -> click.Command:
    """Import and return the command that a module holds."""
    command = import_module(module).command
    if not isinstance(command, click.Command):
        msg = f"{module}.command is not a command"
        raise TypeError(msg)
    return command
