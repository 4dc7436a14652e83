"""``pointillist maps``: the maps of a camera, measured or imported from other programs."""

from __future__ import annotations

import click

from pointillist.cli.lazy_group import LazyGroup

SUBCOMMANDS = {"make": "pointillist.cli.maps_make", "convert": "pointillist.cli.maps_convert"}
"""Where each command is."""


@click.group(cls=LazyGroup, commands_in=SUBCOMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Measure or convert a camera's pixel maps.

    The maps hold the offset, the read noise and the sensitivity of each pixel.

    \b
    Examples:
        pointillist maps make dark.h5 --flat flat.h5 --photon-transfer light*.h5
        pointillist maps convert calibration.npy -o maps
    """  # noqa: D301  # click's marker for lines that stay
