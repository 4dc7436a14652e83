"""A worker of a Dask cluster: its kernels are loaded, then each of its threads is a worker of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pointillist.pipeline_worker.dask.slot import DaskSlot
from pointillist.pipeline_worker.dask.task import has_kernels, load_build

if TYPE_CHECKING:
    from distributed import Client, Future


class DaskNode:
    """Prepares a worker of Dask, which may be of another kind of machine than the others.

    Parameters
    ----------
    client
        Connection with the scheduler.
    address
        Dask's address of the worker.
    slots
        Slots for the threads of the worker.
    wake
        Called, by another thread, when there is something to do.
    """

    def __init__(self, client: Client, address: str, slots: Sequence[DaskSlot], wake: Callable[[], None]) -> None:
        self.slots = slots
        self._client, self._address, self._wake = client, address, wake
        self._asked: Future | None = self._ask(has_kernels)
        self._loaded: Future | None = None

    def step(self) -> None:
        """Take the next step with its slots."""
        if self._asked is not None and self._asked.done():
            has_them = self._asked.status == "finished" and self._asked.result()
            for slot in self.slots:
                slot.connection.state.is_compiling = not has_them
            self._asked, self._loaded = None, self._ask(load_build)
        if self._loaded is not None and self._loaded.done():
            # Where they cannot be loaded, the first range says why.
            build = self._loaded.result() if self._loaded.status == "finished" else ""
            for slot in self.slots:
                state = slot.connection.state
                state.build, state.is_compiling, state.is_warm = build, False, True
            self._loaded = None
        for slot in self.slots:
            slot.step()

    def _ask(self, question: Callable[[], object]) -> Future:
        future = self._client.submit(question, workers=[self._address], pure=False)
        future.add_done_callback(lambda _: self._wake())
        return future
