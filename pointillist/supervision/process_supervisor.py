"""A server and workers, kept running by a thread."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pointillist.errors import PointillistError, ServerError
from pointillist.pipeline_protocol.discovery import local_endpoint
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.supervision.exit_codes import EXIT_COLD, EXIT_UNCOMPILED
from pointillist.supervision.kernel_watch import KernelWatch
from pointillist.supervision.managed_process import (
    LONGEST_PAUSE_S,
    ManagedProcess,
    ParentPipe,
    child_environment,
    describe_status,
    stop_all,
)
from pointillist.supervision.parent_watch import EXIT_REPLACED
from pointillist.supervision.process_log import new_log

WORKER_COMMAND = ("-m", "pointillist.pipeline_worker")
"""Arguments of the interpreter for a worker."""

_CHECK_S = 0.1
_START_S = 30.0


class ProcessSupervisor:
    """Processes of one cluster on this machine.

    Parameters
    ----------
    keys
        Keys of the cluster.
    on_message
        Function that shows a line to the user; called by the thread that keeps the processes running.
    allowed
        Folders that server and workers may read, besides those of :class:`pointillist.pipeline_files.DataRoots`.

    Attributes
    ----------
    log_path
        File for the output of the processes.
    """

    def __init__(self, keys: ClusterKeys, on_message: Callable[[str], None], allowed: Sequence[Path] = ()) -> None:
        self.log_path = new_log(on_message)
        self._on_message = on_message
        self._log = self.log_path.open("ab")
        self._parent_pipe = ParentPipe()
        self._environment = child_environment(keys, self._parent_pipe, allowed)
        self._server: ManagedProcess | None = None
        self._workers: list[ManagedProcess] = []
        self._failing: set[ManagedProcess] = set()
        self._failure: PointillistError | None = None
        self._kernels: KernelWatch | None = None
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start_server(self, address: str, options: Sequence[str], otherwise: Sequence[str] = ()) -> str:
        """Start a server; return its address, as this machine reaches it, once it listens.

        Parameters
        ----------
        address
            Endpoint to listen on.
        options
            Further arguments of its command line.
        otherwise
            Endpoints to listen on if that is taken: the first of these that is free.

        Raises
        ------
        ServerError
            If it does not listen.
        """
        reader, writer = os.pipe()
        server = self._child(
            "server", ["-m", "pointillist.pipeline_server", address, *otherwise, *options, "--ready-fd", str(writer)]
        )
        try:
            server.start(time.monotonic(), [writer])
        finally:
            os.close(writer)
        with os.fdopen(reader) as ready:
            has_spoken, _, _ = select.select([ready], [], [], _START_S)
            bound = ready.read() if has_spoken else ""
        if not bound:
            stop_all([server])
            raise ServerError("server", f"cannot be started ({self._last_line()})", f"see {self.log_path}")
        # A restarted server listens where its peers look for it, if that is free.
        server.arguments = ["-m", "pointillist.pipeline_server", bound, address, *otherwise, *options]
        with self._lock:
            self._server = server
        return local_endpoint(bound)

    def start_workers(self, address: str, n_workers: int, command: Sequence[str] = WORKER_COMMAND) -> None:
        """Start workers of a server, and watch all processes from then on.

        Parameters
        ----------
        address
            Address of the server.
        n_workers
            Number of workers; 0 for a machine that only has the server.
        command
            Arguments of the interpreter before the address.

        Raises
        ------
        ServerError
            If there is no folder for compiled kernels.
        """
        if n_workers and tuple(command) == WORKER_COMMAND:  # others may need no kernels
            self._kernels = KernelWatch(self._environment, self._on_message)
        self._start([self._child(f"worker {number}", [*command, address]) for number in range(1, n_workers + 1)])

    def start_gateway(self, address: str, scheduler: str) -> None:
        """Start the gateway from a server to a Dask cluster, and watch all processes from then on.

        Parameters
        ----------
        address, scheduler
            Addresses of the server and of the scheduler of the Dask cluster.
        """
        self._start(
            [self._child("gateway to Dask", ["-m", "pointillist.pipeline_worker.dask.gateway", scheduler, address])]
        )

    def _start(self, workers: Sequence[ManagedProcess]) -> None:
        self._workers.extend(workers)
        for worker in workers:
            worker.start(time.monotonic())
        self._thread.start()

    def move(self, address: str) -> None:
        """Send the workers to the server at another address."""
        with self._lock:
            for worker in self._workers:
                *before, _ = worker.arguments
                worker.arguments = [*before, address]
                worker.tell(address)

    @property
    def has_server(self) -> bool:
        """Whether there is a server among the processes."""
        return self._server is not None

    @property
    def troubles(self) -> list[str]:
        """Messages about the workers that die again and again, one line each."""
        return [worker.trouble for worker in self._workers if worker.is_failing]

    def check(self) -> None:
        """Raise the error that has ended the supervision, if one has.

        Raises
        ------
        PointillistError
            If the processes cannot be kept alive.
        """
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """End all processes."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        stop_all(self._children)
        self._parent_pipe.close()
        self._log.close()

    @property
    def pids(self) -> list[int]:
        """Numbers of the running processes: the server, then the workers."""
        children = [*([self._server] if self._server else []), *self._workers]
        return [child.process.pid for child in children if child.process is not None]

    @property
    def _children(self) -> list[ManagedProcess]:
        return [*self._workers, *([self._server] if self._server else [])]

    def _child(self, name: str, arguments: Sequence[str]) -> ManagedProcess:
        return ManagedProcess(
            name=name,
            is_worker=name != "server",
            arguments=arguments,
            environment=self._environment,
            log=self._log,
            parent_pipe=self._parent_pipe,
        )

    def _run(self) -> None:
        while not self._is_over.wait(_CHECK_S):
            try:
                with self._lock:
                    for child in self._children:
                        status = child.restart_if_dead(time.monotonic())
                        if status is not None and not self._is_over.is_set():
                            self._on_exit(child, status)
                self._report_recoveries()
                if self._kernels is not None:
                    self._kernels.keep_in_use(time.monotonic())
            except PointillistError as error:
                self._failure = error
                return

    def _on_exit(self, child: ManagedProcess, status: int) -> None:
        """Tell the user of the death of a process, once if it is repeated; stop if no process works.

        Raises
        ------
        ServerError
            If the server, or every worker, keeps dying, or kernels cannot be compiled.
        """
        if child is self._server and status == EXIT_REPLACED:
            self._server = None
            self._on_message("another server leads the cluster; the one of this machine has ended")
            return
        if self._kernels is not None and child is not self._server:
            self._kernels.announce_compilation()
            if status in {EXIT_COLD, EXIT_UNCOMPILED}:
                self._kernels.check(child.name, status, self._last_line(), time.monotonic())
                return
        concerned = [child] if child is self._server else self._workers
        if all(each.is_failing for each in concerned):
            problem = f"keeps dying ({self._last_line()})"
            raise ServerError(child.name, problem, f"see {self.log_path}")
        if not child.is_failing:
            self._on_message(f"{child.name} ended ({describe_status(status)}) and is started again")
        elif child not in self._failing:
            self._failing.add(child)
            retried = f"it is restarted every {LONGEST_PAUSE_S:.0f} s, the other workers continue"
            self._on_message(f"{child.trouble}; {retried}; see {self.log_path}")

    def _report_recoveries(self) -> None:
        for child in [child for child in self._failing if not child.n_quick_deaths]:
            self._failing.remove(child)
            self._on_message(f"{child.name} is running again")

    def _last_line(self) -> str:
        self._log.flush()
        lines = self.log_path.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "no message"
