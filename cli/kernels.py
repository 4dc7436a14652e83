"""Where this process finds compiled kernels."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import platformdirs

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


def keep_own_caches() -> None:
    """Give numba and matplotlib folders for what they keep, if they would find none. Before these are imported."""
    from pipeline_protocol.folders import temporary_folder, trouble_of
    from pipeline_worker.kernel_cache import NUMBA_VARIABLE

    if trouble_of(platformdirs.user_config_path("matplotlib")):
        os.environ.setdefault("MPLCONFIGDIR", str(temporary_folder() / "matplotlib"))
    spec = importlib.util.find_spec("fitting")
    sources = Path(spec.origin).parent if spec and spec.origin else Path()
    tried = [sources, platformdirs.user_cache_path("numba")]
    if NUMBA_VARIABLE not in os.environ and all(map(trouble_of, tried)):
        os.environ[NUMBA_VARIABLE] = str(temporary_folder() / "commands")
