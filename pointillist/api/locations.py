"""Where the server of a cluster is looked for, as the user or the environment says."""

from __future__ import annotations

import os

from pointillist.pipeline_protocol.discovery import (
    DEFAULT_CLUSTER,
    ServerLocation,
    check_cluster,
    find_interface,
    server_endpoint,
)


def server_location(
    server: str | None = None, cluster: str | None = None, interface: str | None = None
) -> ServerLocation:
    """Return where a server is looked for.

    Parameters
    ----------
    server
        Address ``host`` or ``host:port``; None for ``$POINTILLIST_SERVER``, else the search finds it.
    cluster
        Name of the cluster; None for ``$POINTILLIST_CLUSTER``, else ``default``.
    interface
        Network to look on; None for ``$POINTILLIST_INTERFACE``, else all.

    Raises
    ------
    ServerError
        If an address or a name is not valid.
    """
    server = server or os.environ.get("POINTILLIST_SERVER")
    interface = interface or os.environ.get("POINTILLIST_INTERFACE")
    return ServerLocation(
        cluster=check_cluster(cluster or os.environ.get("POINTILLIST_CLUSTER") or DEFAULT_CLUSTER),
        server=server_endpoint(server) if server else None,
        interface=find_interface(interface) if interface else None,
    )
