"""Connections of commands to their server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pointillist.api import Cluster
    from pointillist.pipeline_protocol.discovery import ServerLocation


def connected(location: ServerLocation) -> Cluster:
    """Return a connection to the cluster, for a ``with`` statement.

    Raises
    ------
    ServerError
        If there is no server.
    """
    from pointillist.api import connect_to
    from pointillist.cli.console import tell

    return connect_to(location, tell)
