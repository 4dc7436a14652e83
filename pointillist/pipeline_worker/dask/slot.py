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
from pointillist.pipeline_worker.task_executor import Outcome
from pointillist.pipeline_worker.tasks import Result
from pointillist.pipeline_worker.worker_state import LeasedTask, Stage
from pointillist.version import program_version

if TYPE_CHECKING:
    from distributed import Client, Future


class DaskSlot:
    """Gives the ranges of one worker to Dask.

    Parameters
    ----------
    context, address, keys
        As of :class:`pointillist.pipeline_worker.server_connection.ServerConnection`.
    client
        Of the scheduler.
    node
        Dask's address of the worker whose thread it is.
    wake
        Called, by another thread, when a range is done.
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
        self.link = ServerConnection(context, address, keys)
        self._client, self._node = client, node
        self._wake = wake
        self._running: OrderedDict[Future, LeasedTask] = OrderedDict()
        self._done: queue.SimpleQueue[Future] = queue.SimpleQueue()

    def step(self) -> None:
        """Take what the server sends, and tell it what is done.

        Raises
        ------
        ConnectionError
            If the scheduler has forgotten a range: it is another one, or gone.
        """
        for held in self.link.receive():
            self._submit(held)
        for future in [future for future, held in self._running.items() if held.is_unwanted]:
            del self._running[future]
            future.cancel()
        self.link.report([*self._outcomes(), *self._stuck()])
        self._mark_computing()

    def lose(self) -> None:
        """Leave, since its worker is gone: it may have died of the range that it was at."""
        computing = [held for held in self._running.values() if held.stage is Stage.COMPUTING]
        self.link.report([Outcome(held=held, error=f"its worker of Dask ({self._node}) is gone") for held in computing])
        self.leave()

    def leave(self) -> None:
        """Let go of what it has."""
        for future in self._running:
            future.cancel()
        self.link.leave()
        self.link.socket.close(linger=300)

    def _submit(self, held: LeasedTask) -> None:
        arguments = encode_spec(held.spec), held.ref.start, held.ref.stop, program_version()
        future = self._client.submit(run_range, *arguments, workers=[self._node], pure=False)
        self._running[future] = held
        future.add_done_callback(self._note_done)

    def _note_done(self, future: Future) -> None:
        self._done.put(future)
        self._wake()

    def _outcomes(self) -> list[Outcome]:
        outcomes = []
        with suppress(queue.Empty):
            while True:
                future = self._done.get_nowait()
                held = self._running.pop(future, None)
                if held is not None:
                    outcomes.append(_outcome(held, future))
        return outcomes

    def _stuck(self) -> list[Outcome]:
        """Give up ranges that take longer than their lease: Dask runs the next one elsewhere."""
        now = time.monotonic()
        stuck = [future for future, held in self._running.items() if held.is_stuck(now)]
        for future in stuck:
            future.cancel()
        held = [self._running.pop(future) for future in stuck]
        return [Outcome(held=each, error=f"took longer than {each.lease_s:.0f} s") for each in held]

    def _mark_computing(self) -> None:
        """Take the oldest range for the one that is at work: Dask does not say."""
        oldest = next(iter(self._running.values()), None)
        if oldest is not None and oldest.stage is not Stage.COMPUTING:
            oldest.enter(Stage.COMPUTING, time.monotonic())


def _outcome(held: LeasedTask, future: Future) -> Outcome:
    if future.cancelled():
        raise ConnectionError("the scheduler has lost its tasks")
    error = future.exception()
    if error is not None:
        # The function could not even be called: there is no Pointillist, or the range kills its worker.
        is_blocked = isinstance(error, ImportError)
        text = f"{type(error).__name__}: {error}"
        if is_blocked:
            text = f"the workers of Dask cannot import Pointillist ({error}); install it in their environment"
        return Outcome(held=held, error=text[:2000], is_blocked=is_blocked)
    done = future.result()
    if done.problem:
        return Outcome(held=held, error=done.problem[:2000], is_blocked=done.is_blocked)
    result = Result(n_items=done.n_items, failures=done.failures, buffers=done.buffers, seconds=done.seconds)
    return Outcome(held=held, result=result)
