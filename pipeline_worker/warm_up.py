"""``python -m pipeline_worker.warm_up``: compile every kernel, so that the cache has them.

A worker calls :func:`load_kernels` before it asks for work.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from pipeline_protocol.lifeline import LIFELINE_VARIABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES = ("uint16", "uint8", "float32")


def load_kernels() -> None:
    """Load what most movies need; compiles whatever the cache lacks."""
    with _hidden("scipy.linalg"):
        from numba.np import arraymath  # noqa: F401, PLC0415 - as numba does for the first kernel
    run_kernels(DTYPES[:1], (("LatGaussFitFR", "mean:b=-2", "sloping"),))


def load_all_kernels() -> None:
    """Load all that there are: those of each fit module, and those of each way to the background."""
    from fitting.modules import MODULES  # noqa: PLC0415 - as below

    modules = tuple((name, "mean:b=-2", next(iter(module.backgrounds), "none")) for name, module in MODULES.items())
    methods = ("percentile:b=-2", "rollmed:k=2", "sparsemed:k=2^i=2")
    run_kernels(DTYPES, (*modules, *(("LatGaussFitFR", method, "none") for method in methods)))


def run_kernels(dtypes: tuple[str, ...], variants: tuple[tuple[str, str, str], ...]) -> None:
    """Read a few made-up pixels, and localize a few made-up spots.

    Parameters
    ----------
    dtypes
        Of the raw frames.
    variants
        Fit module, method of the background, and what background is fitted.
    """
    import numpy as np  # noqa: PLC0415 - a launcher reads this module without numba

    from fitting.backgrounds.registry import background_method  # noqa: PLC0415 - likewise
    from fitting.blocks import BlockReader  # noqa: PLC0415 - likewise
    from fitting.camera import CameraModel  # noqa: PLC0415 - likewise
    from fitting.localize import localize  # noqa: PLC0415 - likewise
    from fitting.settings import FitSettings  # noqa: PLC0415 - likewise
    from pipeline_files import _chunk_kernels as chunk_kernels  # noqa: PLC0415 - likewise

    for dtype in dtypes:
        chunk_kernels.run_kernels(f"u{np.dtype(dtype).itemsize}")
    camera = CameraModel(electrons_per_adu=1.0, offset_adu=10.0, read_variance_e2=1.0)
    y, x = np.mgrid[:32, :32]
    spot = 100.0 * np.exp(-((x - 16.2) ** 2 + (y - 15.7) ** 2) / 2.5)
    for dtype, (fit_module, method, background) in itertools.product(dtypes, variants):
        frames = np.full((4, 32, 32), 20, dtype)
        frames[2:] += spot.astype(dtype)
        settings = FitSettings(
            psf_sigma_px=1.2,
            background=background_method(method),
            clump_reject_radius_px=0.5,
            background_model=background,
            fit_module=fit_module,
        )
        block = BlockReader(partial(_part, frames), 4, settings).block(0, 4)
        localize(block, 0, 4, camera, settings)
    localize(block, 0, 4, camera, replace(settings, detector="wavelet"))


def _part(frames: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    return frames[start:stop]


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Have numba do without a module that no kernel needs, and whose import takes as long as loading all of them."""
    is_ours = module not in sys.modules
    if is_ours:
        sys.modules[module] = None  # type: ignore[assignment]  # what Python calls a module that cannot be imported
    try:
        yield
    finally:
        if is_ours:
            del sys.modules[module]


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    if LIFELINE_VARIABLE in os.environ:
        Thread(target=_end_with_parent, args=[int(os.environ[LIFELINE_VARIABLE])], daemon=True).start()
    load_all_kernels()
