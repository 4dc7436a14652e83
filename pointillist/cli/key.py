"""``pointillist key``: the key that makes machines one cluster."""

from __future__ import annotations

import click

from pointillist.cli.lazy_group import LazyGroup

SUBCOMMANDS = {
    "show": "pointillist.cli.key_show",
    "new": "pointillist.cli.key_new",
    "import": "pointillist.cli.key_import",
}
"""Where each command is."""


@click.group(cls=LazyGroup, commands_in=SUBCOMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show, create or import the key of the cluster.

    Machines with the same key form one cluster. Anyone who has the key can control the whole cluster: treat it like a
    password.

    \b
    Examples:
        pointillist key show | ssh imaging-pc pointillist key import
        pointillist key import cluster.key
        pointillist key new --force
    """  # noqa: D301  # click's marker for lines that stay
