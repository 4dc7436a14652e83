"""The options that say which server a command uses."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable


_OPTIONS = (
    click.option(
        "--server",
        metavar="HOST[:PORT]",
        envvar="POINTILLIST_SERVER",
        help="Address of the server, if it is not found automatically.",
    ),
    click.option(
        "--cluster",
        metavar="NAME",
        envvar="POINTILLIST_CLUSTER",
        default="default",
        help="Name of the cluster, if there are several on the network.",
    ),
)


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add ``--server`` and ``--cluster`` to a command, which gets them as ``location``."""

    @functools.wraps(command)
    def with_location(*, server: str | None, cluster: str, **others: object) -> None:
        from pointillist.api import server_location

        interface = others.get("interface")
        command(location=server_location(server, cluster, str(interface) if interface else None), **others)

    for option in reversed(_OPTIONS):
        with_location = option(with_location)
    return with_location
