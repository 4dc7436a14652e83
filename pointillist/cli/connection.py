"""Connections of commands to their server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pointillist.errors import ServerError

if TYPE_CHECKING:
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.discovery import ServerLocation


@contextmanager
def connected(location: ServerLocation) -> Iterator[Client]:
    """Yield a client of the server.

    Raises
    ------
    ServerError
        If there is no server.
    """
    with connected_if_any(location) as client:
        if client is None:
            raise ServerError("server", "none was found", "start one with launch-workers")
        yield client


@contextmanager
def connected_if_any(location: ServerLocation) -> Iterator[Client | None]:
    """Yield a client of the server; None if there is none."""
    from pointillist.cli.console import tell
    from pointillist.pipeline_protocol import Client
    from pointillist.pipeline_protocol.discovery import check_listening
    from pointillist.pipeline_protocol.security import existing_keys

    location = location.checked()
    address = location.find()
    if address is None:
        yield None
        return
    if location.server is not None:
        check_listening(address)
    with Client(address, existing_keys(), locate=location.find) as client:
        client.tell = tell
        yield client
