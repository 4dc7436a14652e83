"""The three commands that are installed: ``pointillist``, ``analyse`` and ``launch-workers``."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "analyse": "cli.analyse",
    "launch-workers": "cli.launch_workers",
    "status": "cli.status",
    "jobs": "cli.jobs",
    "log": "cli.log",
    "cancel": "cli.cancel",
    "retry": "cli.retry",
    "test-detection": "cli.test_detection",
    "background": "cli.background",
    "maps": "cli.maps",
    "simulate": "cli.simulate",
    "info": "cli.info",
    "settings": "cli.settings",
    "score": "cli.score",
    "render": "cli.render",
}
"""Where each command is. Every module holds one, called ``command``, and imports what is heavy late."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order in which a user meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        return load(cmd_name) if cmd_name in COMMANDS else None


def load(name: str) -> click.Command:
    """Import and return the command of that name."""
    command = import_module(COMMANDS[name]).command
    if not isinstance(command, click.Command):
        msg = f"{COMMANDS[name]}.command is no command"
        raise TypeError(msg)
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pointillist", message="pointillist %(version)s")
def pointillist() -> None:
    """Localize the blinking molecules of a microscopy movie, on every core.

    \b
    A first look at a movie, then the analysis, then a picture:
        pointillist test-detection movie.h5
        pointillist analyse movie.h5
        pointillist render movie.h5r -o picture.png
    """  # noqa: D301  # click's own marker for text that keeps its line breaks


def analyse() -> None:
    """Run the command ``analyse``."""
    load("analyse")(prog_name="analyse")


def launch_workers() -> None:
    """Run the command ``launch-workers``."""
    load("launch-workers")(prog_name="launch-workers")
