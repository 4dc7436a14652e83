"""Starting a server and workers on this machine, and keeping them alive."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from pointillist.errors import ServerError
from pointillist.pipeline_protocol import Client
from pointillist.pipeline_protocol.security import ephemeral_keys, existing_keys, is_key_shared, user_keys
from pointillist.supervision.launchers import registered
from pointillist.supervision.node_agent import LaunchPlan, NodeAgent
from pointillist.supervision.process_supervisor import ProcessSupervisor
from pointillist.system import is_utf8

OnMessage = Callable[[str], None]

_CHECK_S = 0.5

MOST_WORKERS_PER_CORE = 8
"""Number of workers per core beyond which the memory runs out before anything becomes faster."""

_LONGEST_IPC_PATH = 100
"""Largest length of a socket's path, bytes (108 on Linux, 104 on macOS)."""


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def workers_beside(n_reserved: int) -> int:
    """Return the number of workers that leaves so many cores to others.

    Raises
    ------
    ServerError
        If none would be left.
    """
    n_cores = default_workers()
    if n_reserved >= n_cores:
        problem = f"leaves no core for a worker, of {n_cores}"
        raise ServerError(f"--reserve {n_reserved}", problem, f"reserve at most {n_cores - 1}")
    return n_cores - n_reserved


def checked_workers(n_workers: int) -> int:
    """Return a number of workers that this machine bears.

    Raises
    ------
    ServerError
        If they are too many.
    """
    n_cores = default_workers()
    if n_workers > MOST_WORKERS_PER_CORE * n_cores:
        problem = f"too many for {n_cores} core{'s' if n_cores > 1 else ''}"
        raise ServerError(f"{n_workers} workers", problem, f"start at most {MOST_WORKERS_PER_CORE * n_cores}")
    return n_workers


def embedded(n_workers: int, on_message: OnMessage = lambda _: None) -> contextlib.AbstractContextManager[Client]:
    """Run a server and workers of our own for as long as the block lasts; as :func:`own_cluster`."""
    return own_cluster(lambda supervisor, address: supervisor.start_workers(address, n_workers), on_message)


@contextlib.contextmanager
def own_cluster(start_workers: Callable[[ProcessSupervisor, str], None], on_message: OnMessage) -> Iterator[Client]:
    """Run a server of our own, and its workers, for as long as the block lasts.

    Parameters
    ----------
    start_workers
        Function of a supervisor and the server's address that starts the workers.
    on_message
        Function that shows a line to the user; called by another thread.

    Yields
    ------
    Client
        Client of that server. It raises ServerError once server or workers cannot be kept alive.

    Raises
    ------
    ServerError
        If they cannot be started.

    Notes
    -----
    Meanwhile SIGTERM and SIGHUP raise SystemExit in the main thread, so that the block is left in order. The
    processes end with this one if it is killed. An unfinished job keeps its journal.
    """
    keys = ephemeral_keys()
    with _folder() as folder, terminable():
        supervisor = ProcessSupervisor(keys, on_message, allowed=[Path(os.sep)])  # nobody else has the keys
        try:
            address = f"ipc://{folder / 'server'}"
            start_workers(supervisor, address)  # first, since they take longest; they wait for the server
            supervisor.start_server(address, ["--state", str(folder / "journals")])
            with Client(address, keys, check=supervisor.check) as client:
                client.tell = on_message
                yield client
        finally:
            supervisor.stop()


def launch_workers(plan: LaunchPlan, on_message: OnMessage = lambda _: None) -> None:
    """Run workers, and a server unless the cluster has one, until SIGINT, SIGTERM or SIGHUP.

    Parameters
    ----------
    plan
        Number of workers, and where they find or start their server.
    on_message
        Function that shows a line to the user; called by other threads as well.

    Raises
    ------
    ServerError
        If they cannot be started, or not be kept alive, or the server has another key.
    """
    makes_key = plan.may_serve and plan.location.server is None
    keys = user_keys() if makes_key else existing_keys()
    with registered(plan.location.cluster) as remark, terminable(), contextlib.suppress(KeyboardInterrupt, SystemExit):
        if remark:
            on_message(f"note: {remark}")
        supervisor = ProcessSupervisor(keys, on_message, plan.allowed)
        agent = NodeAgent(plan, keys, supervisor, on_message)
        try:
            address = agent.join()
            if supervisor.has_server:
                on_message(_who_is_let_in(plan))
            supervisor.start_workers(address, plan.n_workers, plan.worker_command)
            on_message(f"{plan.n_workers} workers; Ctrl-C stops them")
            while True:
                agent.check_server()
                time.sleep(_CHECK_S)
        finally:
            agent.close()
            supervisor.stop()


def _who_is_let_in(plan: LaunchPlan) -> str:
    if plan.location.interface is None:
        return "for this machine only; --interface admits other machines"
    if not is_key_shared():
        return "no other machine has its key: run 'pointillist key show' here, 'pointillist key import' there"
    return "for all machines that have its key"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder for a socket that no other user can open."""
    folder = Path(tempfile.mkdtemp(prefix="pointillist-"))
    if len(os.fsencode(folder)) > _LONGEST_IPC_PATH - len("/server") or not is_utf8(str(folder)):
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="pointillist-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP leave the block as an exception does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _raise_exit) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
