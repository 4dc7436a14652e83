"""One thread of a Dask cluster, as a worker of the server."""

from __future__ import annotations

import queue
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import zmq

from pointillist.pipeline_protocol.messages import encode_spec
from pointillist.pipeline_protocol.security import ClusterKeys
from pointillist.pipeline_worker.dask.task import run_range
from pointillist.pipeline_worker.server_connection import ServerConnection
from pointillist.pipeline_worker.tasks import BlockedError, Outcome
from pointillist.pipeline_worker.worker_state import LeasedTask, Stage
from pointillist.version import program_version

if TYPE_CHECKING:
    from distributed import Client, Future


class DaskSlot:
    """Gives the ranges of one worker to Dask.

    Parameters
    ----------
    context, address, keys
        ZeroMQ context, address of the server, and keys of the cluster.
    client
        Connection with the Dask scheduler.
    node
        Dask's address of the worker whose thread it is.
    wake
        Function that is called by another thread when a range is done.
    """

    def __init__(  # noqa: PLR0913 - it stands between a server and a scheduler
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        address: str,
        keys: ClusterKeys,
        client: Client,
        *,
        node: str,
        wake: Callable[[], None],
    ) -> None:
        self.connection = ServerConnection(context, address, keys)
        self._client, self._node = client, node
        self._wake = wake
        self._running: OrderedDict[Future, LeasedTask] = OrderedDict()
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()

    def step(self) -> None:
        """Take messages of the server, and report outcomes.

        Raises
        ------
        ConnectionError
            If the scheduler has forgotten a range: it is another one, or gone.
        """
        for task in self.connection.receive():
            self._submit(task)
        for future in [future for future, task in self._running.items() if task.is_unwanted]:
            del self._running[future]
            future.cancel()
        self.connection.report([*self._outcomes(), *self._stuck()])
        self._mark_computing()

    def lose(self) -> None:
        """Leave, since its Dask worker is gone: it may have died of the range that it computed."""
        outcome = Outcome(error=f"its Dask worker ({self._node}) is gone")
        computing = [task for task in self._running.values() if task.stage is Stage.COMPUTING]
        self.connection.report([(task, outcome) for task in computing])
        self.leave()

    def leave(self) -> None:
        """Cancel its tasks and leave the server."""
        for future in self._running:
            future.cancel()
        self.connection.leave()
        self.connection.socket.close(linger=300)

    def _submit(self, task: LeasedTask) -> None:
        arguments = encode_spec(task.spec), task.ref.start, task.ref.stop, program_version()
        future = self._client.submit(run_range, *arguments, workers=[self._node], pure=False)
        self._running[future] = task
        future.add_done_callback(self._note_done)

    def _note_done(self, future: Future) -> None:
        self._done.put(future)
        self._wake()

    def _outcomes(self) -> list[tuple[LeasedTask, Outcome]]:
        outcomes = []
        with suppress(queue.Empty):
            while True:
                future = self._done.get_nowait()
                task = self._running.pop(future, None)
                if task is not None:
                    outcomes.append((task, _outcome(future)))
        return outcomes

    def _stuck(self) -> list[tuple[LeasedTask, Outcome]]:
        """Give up ranges that take longer than their lease: Dask runs the next one elsewhere."""
        now = time.monotonic()
        stuck = [future for future, task in self._running.items() if task.is_stuck(now)]
        for future in stuck:
            future.cancel()
        tasks = [self._running.pop(future) for future in stuck]
        return [(task, Outcome(error=f"took longer than {task.lease_s:.0f} s")) for task in tasks]

    def _mark_computing(self) -> None:
        """Take the oldest range to be the one that is computed: Dask does not say."""
        oldest = next(iter(self._running.values()), None)
        if oldest is not None and oldest.stage is not Stage.COMPUTING:
            oldest.enter(Stage.COMPUTING, time.monotonic())


def _outcome(future: Future) -> Outcome:
    if future.cancelled():
        raise ConnectionError("the scheduler has lost its tasks")
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    # The function could not even be called: there is no Pointillist, or the range kills its worker.
    if isinstance(error, ImportError):
        problem = f"the Dask workers cannot import Pointillist ({error}); install it in their environment"
        return Outcome.of_error(BlockedError(problem))
    return Outcome.of_error(error)
