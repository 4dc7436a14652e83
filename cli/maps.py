"""``pointillist maps``: the maps of a camera, made or brought from other programs."""

from __future__ import annotations

from importlib import import_module

import click

SUBCOMMANDS = {"make": "cli.maps_make", "convert": "cli.maps_convert"}
"""Where each command is."""


class MapsGroup(click.Group):
    """The commands on maps, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        del ctx
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in SUBCOMMANDS:
            return None
        command = import_module(SUBCOMMANDS[cmd_name]).command
        return command if isinstance(command, click.Command) else None


@click.group(cls=MapsGroup, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Make the maps of a camera: offset, noise and response of each pixel.

    \b
    Examples:
        pointillist maps make dark.h5 --flat flat.h5 --photon-transfer light*.h5
        pointillist maps convert calibration.npy -o maps
    """  # noqa: D301  # click's marker for lines that stay
