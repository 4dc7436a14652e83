"""The servers on this machine and on the network."""

from __future__ import annotations

from collections.abc import Iterator

from pointillist.cli.console import notices, output
from pointillist.errors import PointillistError
from pointillist.pipeline_protocol import Client
from pointillist.pipeline_protocol.discovery import (
    PROBE_S,
    Browser,
    DiscoveredServer,
    ServerLocation,
    fingerprint,
    probe,
)
from pointillist.pipeline_protocol.messages import PROTOCOL_VERSION, Pong
from pointillist.pipeline_protocol.security import ClusterKeys, existing_keys

_SEARCH_S = 2.5
_COLUMNS = ("cluster", "address", "machine", "protocol", "key", "workers")

Row = tuple[str, ...]


def list_servers(location: ServerLocation) -> None:
    """Print the servers that are found, of any cluster and key."""
    from rich import box
    from rich.table import Table

    try:
        keys = existing_keys()
    except PointillistError as error:
        notices().print(f"note: {error}", markup=False, soft_wrap=True)
        keys = None
    seen = {row[1]: row for row in [*_known_rows(location, keys), *_announced_rows(location, keys)]}
    if not seen:
        notices().print("no server was found")
        return
    table = Table(*_COLUMNS, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in sorted(seen.values()):
        table.add_row(*row)
    output().print(table, markup=False)


def _known_rows(location: ServerLocation, keys: ClusterKeys | None) -> Iterator[Row]:
    """Yield the server that the user named, or that this machine knows."""
    address = location.local
    if address is None or keys is None:
        return
    try:
        with Client(address, keys, timeout_s=PROBE_S) as client:
            pong = client.ping()
    except PointillistError as error:
        yield location.cluster, address, "", "", error.problem, ""
    else:
        yield pong.cluster, address, "", str(PROTOCOL_VERSION), "same", _workers(pong)


def _announced_rows(location: ServerLocation, keys: ClusterKeys | None) -> Iterator[Row]:
    with Browser(location.networks) as browser:
        for server in browser.servers(_SEARCH_S):
            pong = probe(server, server.cluster, keys) if keys else None
            yield (
                server.cluster,
                server.address,
                server.host,
                str(server.version),
                _key_verdict(server, keys, pong),
                _workers(pong) if pong else "",
            )


def _workers(pong: Pong) -> str:
    return f"{pong.n_workers}, {pong.n_compiling} compiling kernels" if pong.n_compiling else str(pong.n_workers)


def _key_verdict(server: DiscoveredServer, keys: ClusterKeys | None, pong: Pong | None) -> str:
    if keys is None or server.fingerprint != fingerprint(keys):
        return "different"
    if server.version != PROTOCOL_VERSION:
        return "same, other version"
    return "same" if pong else "same, no answer"
