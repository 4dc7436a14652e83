"""Kernels in a process that is not ours alone: a notebook, or a worker of Dask."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pointillist.supervision.kernel_cache import fill_cache
from pointillist.supervision.numba_options import for_this_process


def use_cached_kernels(on_message: Callable[[str], None]) -> Path:
    """Run the compiled kernels that workers run in this process, too; compile them if there are none.

    Neither the options of numba nor the environment are changed. Kernels that have run before stay as they are.

    Parameters
    ----------
    on_message
        Function that shows a line to the user; called if kernels have to be compiled.

    Returns
    -------
    Path
        Folder of compiled kernels.

    Raises
    ------
    ServerError
        If they cannot be compiled.
    """
    from pointillist.fitting import keep_kernels_in, kernel_folder  # noqa: PLC0415 - numba

    folder = kernel_folder()
    if folder is None:
        folder = str(fill_cache(for_this_process(os.environ), on_message))
        keep_kernels_in(folder)
    return Path(folder)
