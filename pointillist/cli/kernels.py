"""Where this process finds compiled kernels."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import platformdirs

from pointillist.cli.console import notices
from pointillist.supervision import NUMBA_VARIABLE, OURS, for_this_process


def fix_numba_settings() -> None:
    """Set what numba takes from the environment and the user has no say in. Before it is imported."""
    if "numba" not in sys.modules:
        os.environ.update(OURS)


def use_kernel_cache() -> None:
    """Use the compiled kernels that the workers use, and compile them if there are none. Before numba is imported.

    Raises
    ------
    ServerError
        If they cannot be compiled.
    """
    from pointillist.supervision import fill_cache

    if "pointillist.fitting.jit" in sys.modules:
        return
    fix_numba_settings()
    console = notices()
    environment = for_this_process(os.environ)
    folder = fill_cache(environment, lambda line: console.print(line, markup=False, soft_wrap=True))
    os.environ[NUMBA_VARIABLE] = str(folder)


def ensure_cache_folders() -> None:
    """Give numba and matplotlib folders for what they keep, if they would find none. Before these are imported."""
    from pointillist.system import temporary_folder, trouble_of

    if trouble_of(platformdirs.user_config_path("matplotlib")):
        os.environ.setdefault("MPLCONFIGDIR", str(temporary_folder() / "matplotlib"))
    spec = importlib.util.find_spec("pointillist.fitting")
    sources = Path(spec.origin).parent if spec and spec.origin else Path()
    tried = [sources, platformdirs.user_cache_path("numba")]
    if NUMBA_VARIABLE not in os.environ and all(map(trouble_of, tried)):
        os.environ[NUMBA_VARIABLE] = str(temporary_folder() / "commands")
