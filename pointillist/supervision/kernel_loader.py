"""The kernels of a worker: loaded before it asks for work, and never compiled in an order of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Protocol

from pointillist.supervision.cache_key import SOURCES
from pointillist.supervision.kernel_cache import KernelCache
from pointillist.supervision.warm_up import load_kernels
from pointillist.system import note

log = logging.getLogger("pointillist.worker")


class KernelsLostError(Exception):
    """A kernel is needed that the cache has lost: the worker ends, and its successor fills the cache again."""


class Kernels(Protocol):
    """The compiled kernels of a worker."""

    @property
    def build(self) -> str | None:
        """Checksum of their results, to the last digit; None until it is known."""

    @property
    def is_compiling(self) -> bool:
        """Whether kernels are being compiled, by this process or by the one that fills the cache."""

    @property
    def is_lost(self) -> bool:
        """Whether they can only be loaded by another process."""

    def load(self, wake: Callable[[], None]) -> None:
        """Load the kernels; ``wake`` is called, by any thread, when an attribute has changed."""


class NoKernels:
    """The kernels of a worker that needs none."""

    build: str | None = ""
    is_compiling = False
    is_lost = False

    def load(self, wake: Callable[[], None]) -> None:
        """There is nothing to load."""


class CachedKernels:
    """Kernels from a cache.

    Parameters
    ----------
    environment
        Environment of this process, and of compilers that fill the cache.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.build: str | None = None
        self.is_lost = False
        self._environment = environment
        self._n_compiling = 0
        self._wake: Callable[[], None] = lambda: None

    @property
    def is_compiling(self) -> bool:
        """Whether kernels are being compiled, by this process or by the one that fills the cache."""
        return self._n_compiling > 0

    def load(self, wake: Callable[[], None]) -> None:
        """Fill the cache if it is not filled, and load what most jobs need.

        Raises
        ------
        ServerError
            If the cache cannot be filled.
        Exception
            Whatever numba makes of a damaged cache, which is emptied then.
        """
        self._wake = wake
        cache = self._filled_cache()
        filled_at_ns = cache.filled_at_ns
        _watch_compilation(lambda: self._begin(cache), lambda: self._count(-1))
        try:
            found = load_kernels()
        except Exception:
            cache.discard(filled_at_ns)
            raise
        self.build = blake2b(f"{cache.build} {found}".encode(), digest_size=8).hexdigest()

    def fill_again(self) -> None:
        """Fill the cache that has lost kernels; those that are loaded stay.

        Raises
        ------
        ServerError
            If it cannot be filled.
        """
        self._filled_cache()
        self.is_lost = False

    def _filled_cache(self) -> KernelCache:
        cache = KernelCache.of(self._environment)
        if cache.is_filled:
            cache.stamp()
            return cache
        self._count(1)
        try:
            cache.fill(self._environment, lambda line: note(log, logging.INFO, line))
        finally:
            self._count(-1)
        return cache

    def _begin(self, cache: KernelCache) -> None:
        """Let numba compile what no cache holds, but nothing that a complete cache would hold."""
        if not cache.is_filled:
            self.is_lost = True
            self._wake()
            raise KernelsLostError(f"{cache.folder}: compiled kernels are gone")
        self._count(1)
        note(log, logging.INFO, "compiling a kernel")

    def _count(self, change: int) -> None:
        self._n_compiling += change
        self._wake()


def _watch_compilation(begin: Callable[[], None], end: Callable[[], None]) -> None:
    from numba.core import event  # noqa: PLC0415 - takes a while

    class Watch(event.Listener):
        def on_start(self, event: Any) -> None:  # noqa: ANN401 - numba's
            if _is_ours(event):
                begin()

        def on_end(self, event: Any) -> None:  # noqa: ANN401 - numba's
            if _is_ours(event):
                end()

    event.register("numba:compile", Watch())  # type: ignore[no-untyped-call]  # numba's


def _is_ours(event: Any) -> bool:  # noqa: ANN401 - numba's
    """Whether a kernel of ours is being compiled, and not one of numba's own or of whoever shares this process."""
    module: str = event.data["dispatcher"].py_func.__module__
    return module.startswith(SOURCES)
