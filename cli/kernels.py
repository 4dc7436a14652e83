"""Where this process finds compiled kernels."""

from __future__ import annotations

import os

from cli.console import notices


def use_kernel_cache() -> None:
    """Use the compiled kernels that the workers use, and compile them if there are none. Before numba is imported.

    A ``NUMBA_CACHE_DIR`` that the user has set is left alone.
    """
    from pipeline_worker.kernel_cache import NUMBA_VARIABLE, fill_cache

    if NUMBA_VARIABLE in os.environ:
        return
    console = notices()
    folder = fill_cache(dict(os.environ), lambda line: console.print(line, markup=False, soft_wrap=True))
    os.environ[NUMBA_VARIABLE] = str(folder)
