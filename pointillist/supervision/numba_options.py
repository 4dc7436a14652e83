"""What numba takes from the environment: what alters its code, and what is not the user's to say here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path

NUMBA_VARIABLE = "NUMBA_CACHE_DIR"

OURS = {
    "NUMBA_NUM_THREADS": "1",  # no kernel has threads of its own; 0 would keep numba from being imported
    "NUMBA_DISABLE_JIT": "0",  # the same fits, a thousand times slower
    "NUMBA_CACHE_LOCATOR_CLASSES": "",  # would let kernels be kept elsewhere
}
"""Variables that our processes set, whatever the user has."""

_HARMLESS = {NUMBA_VARIABLE, *OURS} | {
    f"NUMBA_{name}"
    for name in (
        *("THREADING_LAYER", "THREADING_LAYER_PRIORITY", "COLOR_SCHEME", "DEVELOPER_MODE", "FULL_TRACEBACKS"),
        *("SHOW_HELP", "DISABLE_PERFORMANCE_WARNINGS", "DISABLE_ERROR_MESSAGE_HIGHLIGHTING"),
    )
}
_CONFIG_FILE = Path(".numba_config.yaml")
"""Options that numba reads from the working folder; the environment goes before it."""


_ALTERED = {"PYTHONOPTIMIZE", "PYTHONINSPECT"}
"""Variables with which Python compiles, or ends, in another way than by default."""


def for_workers(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for processes of our own: Python as it is by default, and :data:`OURS`."""
    return {name: value for name, value in environment.items() if name not in _ALTERED} | OURS


def for_this_process(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for compilers whose kernels this very process is to load."""
    level = {"PYTHONOPTIMIZE": str(sys.flags.optimize)} if sys.flags.optimize else {}
    return for_workers(environment) | level


def code_options(environment: Mapping[str, str]) -> str:
    """Return what alters the code of kernels; empty where nothing does.

    Parameters
    ----------
    environment
        Environment of the process that compiles.

    Notes
    -----
    Numba keeps code by its source and the processor, whatever else it was compiled with, and by the bytecode of the
    kernels, which ``python -OO`` alters. A variable that is not known here counts: a cache too many does no harm.
    """
    options = [
        f"{name}={value}"
        for name, value in sorted(environment.items())
        if (name.startswith("NUMBA_") and name not in _HARMLESS and not name.startswith("NUMBA_CUDA"))
        or (name == "PYTHONOPTIMIZE" and value not in {"", "0"})
    ]
    with contextlib.suppress(OSError):  # there is none, as usual
        options.append(_CONFIG_FILE.read_text("utf-8", "replace"))
    return "\n".join(options)
