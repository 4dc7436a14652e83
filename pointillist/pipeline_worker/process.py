"""A worker process: its main thread exchanges messages with the server while other threads compute."""

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
        Address of the server, and keys of the cluster.
    kinds
        Kinds of tasks that it can compute.
    frame_client
        Gets frames, maps and backgrounds from the server.
    kernels
        Compiled kernels, loaded before the worker asks for tasks.
    replaced_pid
        Process number of the dead worker that this one replaces.

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
        frame_client: FrameClient | None = None,
        kernels: Kernels | None = None,
        replaced_pid: int | None = None,
    ) -> None:
        self._parent_watch = ParentWatch()
        self._waker = Waker()
        self._context = zmq.Context()
        self._frame_client = frame_client or FrameClient()
        self._frame_client.wake = self._waker.wake
        self._connection = ServerConnection(self._context, address, keys, self._frame_client)
        self._addresses = AddressPipe()
        self._poller = zmq.Poller()
        for source in (self._connection.socket, self._waker.fd, *self._parent_watch.fds, *self._addresses.fds):
            self._poller.register(source, zmq.POLLIN)
        self._replaced_pid = replaced_pid
        self._kernels = kernels or NoKernels()
        self._executor = TaskExecutor(kinds, lambda: self._kernels.load(self._waker.wake), self._waker.wake)

    def run(self) -> int:
        """Work until the parent process ends; return the exit status."""
        status = 0
        if self._replaced_pid is not None:
            # Waits for a connection; silence will tell the server otherwise.
            self._connection.socket.poll(_CONNECT_MS, zmq.POLLOUT)
            self._connection.send([(WorkerDied(host=socket.gethostname(), pid=self._replaced_pid), ())])
        while not self._parent_watch.is_cut():
            self._poller.poll(1 + int(1e3 * self._connection.next_due_s))
            self._waker.clear()
            self._move()
            for task in self._connection.receive():
                self._executor.begin(task)
            self._describe()
            outcomes = self._executor.outcomes()
            if self._kernels.is_lost or self._executor.warm_up_error is not None:
                status = self._explain(self._executor.warm_up_error)
                break
            self._connection.report(outcomes)
            if self._give_up():
                status = EXIT_STUCK
                break
        self._connection.leave()
        self._context.destroy(linger=_LINGER_MS)
        return status

    def _describe(self) -> None:
        """Put the state of threads and kernels into the next heartbeat."""
        state = self._connection.state
        state.is_warm, state.core = self._executor.is_warm, core_of(self._executor.computing_thread)
        state.build, state.is_compiling = self._kernels.build, self._kernels.is_compiling

    def _explain(self, error: Exception | None) -> int:
        """Log why it has no kernels; return the exit status. Its tasks go to other workers, without a fault."""
        note(log, logging.ERROR, "no kernels", error)
        if self._kernels.is_lost or not isinstance(error, PointillistError):
            return EXIT_COLD
        sys.stderr.write(f"{error}\n")  # the launcher shows it
        return EXIT_UNCOMPILED

    def _move(self) -> None:
        """Connect to the latest address of the server."""
        address = self._addresses.latest()
        if address is not None:
            self._connection.move(address)
        if self._addresses.is_closed:
            for fd in self._addresses.fds:
                self._poller.unregister(fd)
            self._addresses.fds = []

    def _give_up(self) -> bool:
        """Report a range that is stuck; a thread cannot be stopped, only its process."""
        now = time.monotonic()
        task = self._executor.stuck(now)
        # A worker that waits for frames is not stuck: the server may be away for long.
        if task is None or self._frame_client.has_waiting_thread or now - self._frame_client.resumed_at <= task.lease_s:
            return False
        note(log, logging.ERROR, "stuck", job=task.ref.job, start=task.ref.start, stop=task.ref.stop)
        self._connection.send(
            self._connection.state.fail(task, f"took longer than {task.lease_s:.0f} s", is_blocked=False)
        )
        return True
