"""How commands that watch and steer find their server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline_protocol.errors import ServerError

if TYPE_CHECKING:
    from pipeline_protocol.client import Client


@contextmanager
def connected() -> Iterator[Client]:
    """Yield a client of the server in reach.

    Raises
    ------
    ServerError
        If there is none.
    """
    with connected_if_any() as client:
        if client is None:
            raise ServerError("server", "none is in reach", "start one with launch-workers")
        yield client


@contextmanager
def connected_if_any() -> Iterator[Client | None]:
    """Yield a client of the server in reach; None if there is none."""
    from pipeline_protocol.client import Client
    from pipeline_protocol.discovery import find_server
    from pipeline_protocol.keys import user_keys

    address = find_server()
    if address is None:
        yield None
        return
    with Client(address, user_keys()) as client:
        yield client
