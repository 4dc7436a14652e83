"""The kernel cache as the launcher of workers sees it: workers fill it, and people are told."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping

from pointillist.errors import ServerError
from pointillist.supervision.exit_codes import EXIT_UNCOMPILED
from pointillist.supervision.kernel_cache import CACHE_VARIABLE, COMPILING, KernelCache
from pointillist.supervision.numba_options import NUMBA_VARIABLE

_STAMP_S = 3600.0
_N_COLD, _COLD_S = 5, 900.0
"""A worker that loses its kernels so many times within this time, s, has a lasting reason."""


class KernelWatch:
    """The cache of the workers of one launcher.

    Parameters
    ----------
    environment
        Environment of the workers; :data:`NUMBA_VARIABLE` is set there.
    on_message
        Function that shows a line to the user; called when kernels are being compiled.

    Raises
    ------
    ServerError
        If there is no folder for them.
    """

    def __init__(self, environment: MutableMapping[str, str], on_message: Callable[[str], None]) -> None:
        self._cache = KernelCache.of(environment)
        environment[NUMBA_VARIABLE] = str(self._cache.folder)
        self._on_message = on_message
        self._stamp_at = 0.0
        self._cold_at: dict[str, list[float]] = {}
        self._is_compiling = False
        self.announce_compilation()

    def announce_compilation(self) -> None:
        """Tell the user, once, if the next worker has to fill the cache."""
        is_filled = self._cache.is_filled
        if not is_filled and not self._is_compiling:
            self._on_message(COMPILING)
        self._is_compiling = not is_filled

    def keep_in_use(self, now: float) -> None:
        """Record now and then that the cache is in use; some workers run for weeks."""
        if self._is_compiling:
            self._is_compiling = not self._cache.is_filled
        if now >= self._stamp_at:
            self._stamp_at = now + _STAMP_S
            self._cache.stamp()

    def check(self, worker: str, status: int, last_line: str, now: float) -> None:
        """Record that a worker ended because it has no kernels.

        Raises
        ------
        ServerError
            If they cannot be compiled, or are lost again and again.
        """
        if status == EXIT_UNCOMPILED:
            raise ServerError(worker, f"has no kernels ({last_line})", "then run the command again")
        colds = self._cold_at.setdefault(worker, [])
        colds[:] = [*(at for at in colds if now - at < _COLD_S), now]
        if len(colds) >= _N_COLD:
            problem = "compiled kernels keep disappearing"
            raise ServerError(self._cache.folder, problem, f"set {CACHE_VARIABLE} to an empty folder on another disk")
