"""A Dask cluster instead of workers of our own."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
from urllib.parse import urlsplit

from pointillist.errors import ServerError
from pointillist.pipeline_protocol import Client
from pointillist.supervision import OnMessage, own_cluster

_DEFAULT_PORT = 8786
_KNOCK_S = 5.0


def dask_engine(scheduler: str, on_message: OnMessage = lambda _: None) -> contextlib.AbstractContextManager[Client]:
    """Run a server of our own, whose ranges a Dask cluster does; as :func:`pointillist.supervision.own_cluster`.

    Parameters
    ----------
    scheduler
        Address of the cluster's scheduler, such as ``tcp://host:8786``.
    on_message
        Told what a user may want to know.

    Raises
    ------
    ServerError
        If Dask is not installed, or no scheduler answers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ServerError("Dask", "is not installed", "run pip install 'pointillist[dask]'")
    address = scheduler if "://" in scheduler else f"tcp://{scheduler}"
    _knock(address)
    return own_cluster(lambda supervisor, server: supervisor.start_gateway(server, address), on_message)


def _knock(address: str) -> None:
    """See whether anybody listens, which shows at once; Dask itself tries for long."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORT
        socket.create_connection((host, port), _KNOCK_S).close()
    except (OSError, ValueError) as error:
        raise ServerError(
            address, f"no Dask scheduler answers ({error})", "start one, or correct --dask-scheduler"
        ) from error
