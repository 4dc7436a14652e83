"""The three commands that are installed: ``pointillist``, ``analyse`` and ``launch-workers``."""

from __future__ import annotations

import click

from cli import lazy_group

COMMANDS = {
    "analyse": "cli.analyse",
    "launch-workers": "cli.launch_workers",
    "status": "cli.status",
    "jobs": "cli.jobs",
    "log": "cli.log",
    "cancel": "cli.cancel",
    "retry": "cli.retry",
    "key": "cli.key",
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


def load(name: str) -> click.Command:
    """Import and return the command of that name."""
    return lazy_group.load(COMMANDS[name])


@click.group(cls=lazy_group.LazyGroup, commands_in=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
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
