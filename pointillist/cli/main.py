"""The three commands that are installed: ``pointillist``, ``analyse`` and ``launch-workers``."""

from __future__ import annotations

import click

from pointillist.cli import lazy_group
from pointillist.cli.inspection import leave_inspection

COMMANDS = {
    "analyse": "pointillist.cli.analyse",
    "launch-workers": "pointillist.cli.launch_workers",
    "status": "pointillist.cli.status",
    "jobs": "pointillist.cli.jobs",
    "log": "pointillist.cli.log",
    "cancel": "pointillist.cli.cancel",
    "retry": "pointillist.cli.retry",
    "key": "pointillist.cli.key",
    "test-detection": "pointillist.cli.test_detection",
    "background": "pointillist.cli.background",
    "maps": "pointillist.cli.maps",
    "simulate": "pointillist.cli.simulate",
    "info": "pointillist.cli.info",
    "settings": "pointillist.cli.settings",
    "score": "pointillist.cli.score",
    "render": "pointillist.cli.render",
}
"""Module of each command, which holds it as ``command`` and imports heavy packages late."""


def load(name: str) -> click.Command:
    """Import and return the command of that name."""
    return lazy_group.load(COMMANDS[name])


@click.group(cls=lazy_group.LazyGroup, commands_in=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pointillist", message="pointillist %(version)s")
def pointillist() -> None:
    """Localize the blinking molecules of a microscopy movie on all cores.

    \b
    Test the detection, analyse the movie, draw the result:
        pointillist test-detection movie.h5
        pointillist analyse movie.h5
        pointillist render movie.h5r -o picture.png
    """  # noqa: D301  # click's own marker for text that keeps its line breaks


def analyse() -> None:
    """Run the command ``analyse``."""
    leave_inspection()
    load("analyse")(prog_name="analyse")


def launch_workers() -> None:
    """Run the command ``launch-workers``."""
    leave_inspection()
    load("launch-workers")(prog_name="launch-workers")
