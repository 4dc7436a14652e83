"""``python -m pipeline_worker.warm_up``: compile every kernel, so that the cache has them.

A worker calls :func:`load_kernels` before it asks for work.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from pipeline_protocol.lifeline import LIFELINE_VARIABLE

DTYPES = ("uint16", "uint8", "float32")


def load_kernels() -> None:
    """Load what most movies need; compiles whatever the cache lacks."""
    with _hidden("scipy.linalg"):
        from numba.np import arraymath  # noqa: F401, PLC0415 - as numba does for the first kernel
    run_kernels(DTYPES[:1], (("LatGaussFitFR", 0.0, "sloping"),))


def load_all_kernels() -> None:
    """Load all that there are: those of each fit module, and those of each way to the background."""
    from fitting.modules import MODULES  # noqa: PLC0415 - as below

    modules = tuple((name, 0.0, next(iter(module.backgrounds), "none")) for name, module in MODULES.items())
    run_kernels(DTYPES, (*modules, ("LatGaussFitFR", 0.25, "none")))


def run_kernels(dtypes: tuple[str, ...], variants: tuple[tuple[str, float, str], ...]) -> None:
    """Read a few made-up pixels, and localize a few made-up spots.

    Parameters
    ----------
    dtypes
        Of the raw frames.
    variants
        Fit module, percentile of the background, and what background is fitted.
    """
    import numpy as np  # noqa: PLC0415 - a launcher reads this module without numba

    from fitting.camera import CameraModel  # noqa: PLC0415 - likewise
    from fitting.localizations import FrameBlock  # noqa: PLC0415 - likewise
    from fitting.localize import localize  # noqa: PLC0415 - likewise
    from fitting.settings import FitSettings  # noqa: PLC0415 - likewise
    from pipeline_files import _chunk_kernels as chunk_kernels  # noqa: PLC0415 - likewise

    for dtype in dtypes:
        chunk_kernels.run_kernels(f"u{np.dtype(dtype).itemsize}")
    camera = CameraModel(electrons_per_adu=1.0, offset_adu=10.0, read_variance_e2=1.0)
    y, x = np.mgrid[:32, :32]
    spot = 100.0 * np.exp(-((x - 16.2) ** 2 + (y - 15.7) ** 2) / 2.5)
    for dtype, (fit_module, percentile, background) in itertools.product(dtypes, variants):
        frames = np.full((4, 32, 32), 20, dtype)
        frames[2:] += spot.astype(dtype)
        settings = FitSettings(
            psf_sigma_px=1.2,
            background_range=(-2, 0),
            background_percentile=percentile,
            clump_reject_radius_px=0.5,
            background_model=background,
            fit_module=fit_module,
        )
        localize(FrameBlock(frames=frames, first=0, n_movie_frames=4), 0, 4, camera, settings)


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
