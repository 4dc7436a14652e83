"""The decorator that compiles kernels.

Kernels share numba with whatever else runs in the process: how their code is generated and where it is kept is set for
them alone, and none of numba's options is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar, cast

from numba.core import caching, codegen, config
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Reassociation and contraction let sums run in vector lanes. NaN and infinity are preserved, since fits test for them.
FAST_MATH = ("reassoc", "contract", "arcp", "nsz")
"""LLVM's flags of every floating-point operation."""


def kernel(function: Kernel) -> Kernel:
    """Compile a function of numbers and arrays to machine code, on first use.

    The code is kept on disk, runs without the interpreter's lock, and divides as numpy does (no exception on zero).
    """
    if vars(config)["DISABLE_JIT"]:
        return function
    options = {"nopython": True, "nogil": True, "error_model": "numpy", "fastmath": set(FAST_MATH), "boundscheck": None}
    return cast("Kernel", _KernelDispatcher(function, targetoptions=options))


def keep_kernels_in(folder: str) -> None:
    """Keep the code of the kernels that are compiled or loaded from here on in a folder.

    Parameters
    ----------
    folder
        Absolute path of a folder that can be written. Without it, numba chooses one.
    """
    _KernelDispatcher.folder = folder


def kernel_folder() -> str | None:
    """Return the folder of :func:`keep_kernels_in`; None if numba chooses one."""
    return _KernelDispatcher.folder


class _KernelDispatcher(CPUDispatcher):
    """A compiled function; its cache is chosen on first use."""

    folder: ClassVar[str | None] = None
    _cache: Any

    def compile(self, sig: Any) -> Any:  # noqa: ANN401  # numba's
        with global_compiler_lock, _own_code(self.targetctx):
            if isinstance(self._cache, caching.NullCache):
                cache = caching.FunctionCache if self.folder is None else _KernelCache
                self._cache = cache(self.py_func)
            return super().compile(sig)


class _FolderLocator(caching._SourceFileBackedLocatorMixin, caching._CacheLocator):  # noqa: SLF001  # numba's interface
    """The subfolders and names that numba gives to files in its ``CACHE_DIR``, in the folder of the kernels."""

    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        self._py_file = py_file
        self._lineno = py_func.__code__.co_firstlineno
        self._cache_path = f"{_KernelDispatcher.folder}/{self.get_suitable_cache_subpath(py_file)}"

    def get_cache_path(self) -> str:
        return self._cache_path


class _KernelCacheFiles(caching.CompileResultCacheImpl):
    _locator_classes: Any = (_FolderLocator,)


class _KernelCache(caching.FunctionCache):
    _impl_class = _KernelCacheFiles


class _WideVectors(codegen.JITCPUCodegen):
    """Generation of code with vectors of 512 bits."""

    def _customize_tm_features(self) -> str:
        return f"{codegen.get_host_cpu_features()},-prefer-256-bit"


def _own_codegen() -> codegen.JITCPUCodegen | None:
    """Return what generates the code of kernels; None if it is what generates all other code."""
    # LLVM prefers vectors of half the width on Intel's processors, which makes filters 1.4 times slower.
    is_wide = "+avx512f" in codegen.get_host_cpu_features() and vars(config)["CPU_FEATURES"] is None
    return _WideVectors("pointillist") if is_wide else None


_OWN_CODEGEN = _own_codegen()


@contextmanager
def _own_code(context: Any) -> Iterator[None]:  # noqa: ANN401  # numba's
    """Generate code for kernels; the compiler's lock must be held, so that nobody else compiles meanwhile."""
    shared = context._internal_codegen  # noqa: SLF001  # there is no public way
    context._internal_codegen = _OWN_CODEGEN or shared  # noqa: SLF001  # as above
    try:
        yield
    finally:
        context._internal_codegen = shared  # noqa: SLF001  # as above
