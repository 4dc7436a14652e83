"""``python -m pointillist.pipeline_worker.dask.gateway SCHEDULER ADDRESS``.

The threads of a Dask cluster as workers of a server.

The cluster key comes in the environment.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
import time

import zmq

from pointillist.errors import PointillistError, ServerError
from pointillist.pipeline_protocol import Waker
from pointillist.pipeline_protocol.security import ClusterKeys, user_keys
from pointillist.pipeline_worker.dask.node import DaskNode
from pointillist.pipeline_worker.dask.slot import DaskSlot
from pointillist.supervision import ParentWatch, log_folder, start_logging

_CONNECT_S = 5.0
_COUNT_S = 1.0
"""Threads are counted so often: a cluster grows and shrinks."""


class DaskGateway:
    """Workers of a server, one for each thread of a Dask cluster; to be made in the main thread, once.

    Parameters
    ----------
    scheduler
        Address of the Dask scheduler, such as ``tcp://host:8786``.
    address, keys
        Address of the server, and keys of the cluster.

    Raises
    ------
    ServerError
        If the scheduler does not answer.
    """

    def __init__(self, scheduler: str, address: str, keys: ClusterKeys) -> None:
        from distributed import Client  # noqa: PLC0415 - an extra

        self._parent_watch, self._waker = ParentWatch(), Waker()
        try:
            self._client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise _lost(scheduler, str(error)) from error
        self._scheduler, self._address, self._keys = scheduler, address, keys
        self._context = zmq.Context()
        self._nodes: dict[str, DaskNode] = {}
        self._count_at = 0.0

    def run(self) -> None:
        """Work until the parent process ends.

        Raises
        ------
        ServerError
            If the scheduler is lost.
        """
        try:
            while not self._parent_watch.is_cut():
                self._wait()
                self._count()
                for node in self._nodes.values():
                    node.step()
        except (OSError, ConnectionError) as error:
            raise _lost(self._scheduler, str(error)) from error
        finally:
            for slot in self._slots:
                slot.leave()

    @property
    def _slots(self) -> list[DaskSlot]:
        return [slot for node in self._nodes.values() for slot in node.slots]

    def _wait(self) -> None:
        poller = zmq.Poller()
        for source in (self._waker.fd, *self._parent_watch.fds, *(slot.connection.socket for slot in self._slots)):
            poller.register(source, zmq.POLLIN)
        due_s = min([_COUNT_S, *(slot.connection.next_due_s for slot in self._slots)])
        poller.poll(1 + int(1e3 * due_s))
        self._waker.clear()

    def _count(self) -> None:
        """Have a worker for each thread of each worker of Dask."""
        now = time.monotonic()
        if now < self._count_at:
            return
        self._count_at = now + _COUNT_S
        if self._client.status != "running":
            raise ConnectionError("it is gone")
        n_threads = self._client.nthreads()
        for address in self._nodes.keys() - n_threads.keys():
            for slot in self._nodes.pop(address).slots:
                slot.lose()
        for address in n_threads.keys() - self._nodes.keys():
            slots = [self._slot(address) for _ in range(n_threads[address])]
            self._nodes[address] = DaskNode(self._client, address, slots, self._waker.wake)

    def _slot(self, node: str) -> DaskSlot:
        return DaskSlot(self._context, self._address, self._keys, self._client, node=node, wake=self._waker.wake)


def _lost(scheduler: str, problem: str) -> ServerError:
    return ServerError(scheduler, f"no Dask scheduler answers ({problem})", "start one, or correct --dask-scheduler")


def main() -> int:
    """Run a gateway; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pointillist.pipeline_worker.dask.gateway", description=__doc__)
    parser.add_argument("scheduler", help="address of the Dask scheduler: tcp://HOST:PORT")
    parser.add_argument("address", help="address of the server: ipc://PATH or tcp://HOST:PORT")
    parser.add_argument(
        "--replaces", type=int, metavar="PID", help="process number of the dead gateway that this one replaces"
    )
    options = parser.parse_args()
    faulthandler.enable()
    start_logging("gateway", log_folder())
    try:
        DaskGateway(options.scheduler, options.address, user_keys()).run()
    except PointillistError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    os._exit(status)
