"""A worker process: its main thread speaks with the server, whatever the others compute."""

from __future__ import annotations

import logging
import socket
import sys
import time

import zmq

from pointillist.errors import PointillistError
from pointillist.pipeline_protocol import Waker
from pointillist.pipeline_protocol.messages import WorkerDied
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.pipeline_worker.frame_client import FrameClient
from pointillist.pipeline_worker.processor import core_of
from pointillist.pipeline_worker.server_connection import ServerConnection
from pointillist.pipeline_worker.task_executor import TaskExecutor
from pointillist.pipeline_worker.tasks import Kinds
from pointillist.supervision import EXIT_COLD, EXIT_STUCK, EXIT_UNCOMPILED, AddressPipe, Kernels, NoKernels, ParentWatch
from pointillist.system import note

log = logging.getLogger("pointillist.worker")

_LINGER_MS = 300
_CONNECT_MS = 1000


class WorkerProcess:
    """A worker; to be made in the main thread, once.

    Parameters
    ----------
    address, keys
        Of the server.
    kinds
        What it can do.
    supply
        What they have from the server.
    kernels
        What it computes with, loaded before it asks for work.
    replaced_pid
        Of the dead worker that it takes the place of.

    Notes
    -----
    If the standard input is a pipe, each line of it is the address of the server from then on.
    """

    def __init__(  # noqa: PLR0913 - a worker has these parts
        self,
        address: str,
        keys: ClusterKeys,
        kinds: Kinds,
        *,
        supply: FrameClient | None = None,
        kernels: Kernels | None = None,
        replaced_pid: int | None = None,
    ) -> None:
        self._lifeline = ParentWatch()
        self._waker = Waker()
        self._context = zmq.Context()
        self._supply = supply or FrameClient()
        self._supply.wake = self._waker.wake
        self._link = ServerConnection(self._context, address, keys, self._supply)
        self._addresses = AddressPipe()
        self._poller = zmq.Poller()
        for source in (self._link.socket, self._waker.fd, *self._lifeline.fds, *self._addresses.fds):
            self._poller.register(source, zmq.POLLIN)
        self._replaced_pid = replaced_pid
        self._kernels = kernels or NoKernels()
        self._stages = TaskExecutor(kinds, lambda: self._kernels.load(self._waker.wake), self._waker.wake)

    def run(self) -> int:
        """Work until the lifeline is cut; return the exit status."""
        status = 0
        if self._replaced_pid is not None:
            # Waits for a connection; silence will tell the server otherwise.
            self._link.socket.poll(_CONNECT_MS, zmq.POLLOUT)
            self._link.send([(WorkerDied(host=socket.gethostname(), pid=self._replaced_pid), ())])
        while not self._lifeline.is_cut():
            self._poller.poll(1 + int(1e3 * self._link.next_due_s))
            self._waker.clear()
            self._follow()
            for held in self._link.receive():
                self._stages.begin(held)
            self._describe()
            outcomes = self._stages.outcomes()
            if self._kernels.is_lost or self._stages.warm_up_error is not None:
                status = self._explain(self._stages.warm_up_error)
                break
            self._link.report(outcomes)
            if self._give_up():
                status = EXIT_STUCK
                break
        self._link.leave()
        self._context.destroy(linger=_LINGER_MS)
        return status

    def _describe(self) -> None:
        """Let the server know how it is."""
        session = self._link.session
        session.is_warm, session.core = self._stages.is_warm, core_of(self._stages.computer)
        session.build, session.is_compiling = self._kernels.build, self._kernels.is_compiling

    def _explain(self, error: Exception | None) -> int:
        """Log why it has no kernels; return the exit status. What it holds goes to others, without a fault."""
        note(log, logging.ERROR, "no kernels", error)
        if self._kernels.is_lost or not isinstance(error, PointillistError):
            return EXIT_COLD
        sys.stderr.write(f"{error}\n")  # the launcher shows it
        return EXIT_UNCOMPILED

    def _follow(self) -> None:
        """Go where the server has gone to."""
        address = self._addresses.latest()
        if address is not None:
            self._link.move(address)
        if self._addresses.is_closed:
            for fd in self._addresses.fds:
                self._poller.unregister(fd)
            self._addresses.fds = []

    def _give_up(self) -> bool:
        """Report a range that is stuck; a thread cannot be stopped, only its process."""
        now = time.monotonic()
        held = self._stages.stuck(now)
        # Who waits for frames is not stuck: the server may be away for long.
        if held is None or self._supply.is_waited_for or now - self._supply.resumed_at <= held.lease_s:
            return False
        note(log, logging.ERROR, "stuck", job=held.ref.job, start=held.ref.start, stop=held.ref.stop)
        self._link.send(self._link.session.fail(held, f"took longer than {held.lease_s:.0f} s", is_blocked=False))
        return True
