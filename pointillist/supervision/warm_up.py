"""``python -m pointillist.supervision.warm_up PART``: compile the kernels of a part, so that the cache has them.

A worker calls :func:`load_kernels` before it asks for work. What the kernels find in made-up frames tells builds of
them apart: the file ``PART.build`` in the cache's folder has a checksum.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from pointillist.supervision.parent_watch import PARENT_FD_VARIABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pointillist.fitting import FitSettings

DTYPES = ("uint16", "uint8", "float32")
"""Types of pixels that movies are read as."""

BUILD_ENDING = ".build"

_DIGEST_BYTES = 8
_N_FRAMES, _SIDE_PX, _PERIOD_PX = 4, 96, 8
"""Frames with so many spots that kernels which round differently show it; less than one fit in twenty may."""


def load_kernels() -> str:
    """Load what most movies need; compiles whatever the cache lacks.

    Returns
    -------
    str
        Checksum of the rows that they find in made-up frames.
    """
    with _hidden("scipy.linalg"):
        from numba.np import arraymath  # noqa: F401, PLC0415 - as numba does for the first kernel
    from pointillist.fitting import FitSettings  # noqa: PLC0415 - a launcher reads this module without numba
    from pointillist.pipeline_files.movies import run_kernels  # noqa: PLC0415 - as above

    run_kernels("u2")
    return localize_spots(DTYPES[:1], [FitSettings(psf_sigma_px=1.2, clump_reject_radius_px=0.5)])


def load_backgrounds() -> str:
    """Load all that turns a file into backgrounds, for each type of pixel; return a checksum of the backgrounds."""
    import numpy as np  # noqa: PLC0415 - as above

    from pointillist.fitting import BlockReader, FitSettings  # noqa: PLC0415 - as above
    from pointillist.fitting.backgrounds import (  # noqa: PLC0415 - as above
        LONG_WINDOW,
        METHODS,
        BackgroundImages,
        Mean,
        background_images,
    )
    from pointillist.pipeline_files.movies import run_kernels  # noqa: PLC0415 - as above

    def stored(start: int, stop: int) -> BackgroundImages:
        images, index = np.zeros((1, _SIDE_PX, _SIDE_PX), np.float32), np.zeros(stop - start, np.int32)
        return BackgroundImages(first=start, images=images, index=index, offsets_adu=np.zeros(stop - start))

    checksum = blake2b(digest_size=_DIGEST_BYTES)
    for dtype in DTYPES:
        frames = _frames(dtype)
        run_kernels(f"u{frames.itemsize}")
        for name in METHODS.built_in:
            settings = FitSettings(psf_sigma_px=1.2, background=METHODS[name].example())
            block = BlockReader(partial(_part, frames), _N_FRAMES, settings, stored).block(0, _N_FRAMES)
            images = background_images(block, 0, _N_FRAMES, settings)
            checksum.update(images.images.tobytes())
        rolling_window = Mean().rolling_window(LONG_WINDOW, frames.shape[1:], frames.dtype)
        rolling_window.slide(frames, 0, [(0, 2)], lambda _: True)
    return checksum.hexdigest()


def load_localizations() -> str:
    """Load all that turns frames into rows, for each type of pixel; return a checksum of the rows."""
    from pointillist.fitting import FitSettings  # noqa: PLC0415 - as above
    from pointillist.fitting.backgrounds import NoBackground  # noqa: PLC0415 - as above
    from pointillist.fitting.detection import DETECTORS  # noqa: PLC0415 - as above
    from pointillist.fitting.estimation import MODULES  # noqa: PLC0415 - as above

    settings = FitSettings(psf_sigma_px=1.2, background=NoBackground(), clump_reject_radius_px=0.5)
    choices = [
        *(replace(settings, detector=name) for name in DETECTORS.built_in),
        *(
            replace(settings, fit_module=name, estimator=estimator, background_model="auto")
            for name, module in MODULES.items()
            for estimator in module.estimators or (settings.estimator,)
        ),
    ]
    return localize_spots(DTYPES, choices)


PARTS = {"localizations": load_localizations, "backgrounds": load_backgrounds}
"""What can be compiled at the same time, since no kernel is in both; the longest first."""


def localize_spots(dtypes: Sequence[str], choices: Sequence[FitSettings]) -> str:
    """Localize made-up spots.

    Parameters
    ----------
    dtypes
        Types of the pixels of the raw frames.
    choices
        Settings of each localization.

    Returns
    -------
    str
        Checksum of the rows, to the last bit.
    """
    from pointillist.fitting import BlockReader, localize  # noqa: PLC0415 - as above
    from pointillist.fitting.camera import CameraModel  # noqa: PLC0415 - as above

    camera = CameraModel(electrons_per_adu=1.0, offset_adu=10.0, read_variance_e2=1.0)
    checksum = blake2b(digest_size=_DIGEST_BYTES)
    for dtype in dtypes:
        frames = _frames(dtype)
        for settings in choices:
            block = BlockReader(partial(_part, frames), _N_FRAMES, settings).block(0, _N_FRAMES)
            checksum.update(localize(block, 0, _N_FRAMES, camera, settings).rows.tobytes())
    return checksum.hexdigest()


def _frames(dtype: str) -> NDArray[Any]:
    """Make up frames, the same to the last bit on any machine, of which the second half has a grid of noisy spots."""
    import numpy as np  # noqa: PLC0415 - as above

    n_pixels = _N_FRAMES * _SIDE_PX**2
    noise = (np.arange(n_pixels, dtype=np.uint64) * 2654435761 >> 7) % 11
    frames = 20 + noise.reshape(_N_FRAMES, _SIDE_PX, _SIDE_PX)
    profile = np.array([1, 3, 7, 10, 8, 3, 1, 0], np.uint64)  # of a spot, over _PERIOD_PX
    across = np.tile(profile, _SIDE_PX // _PERIOD_PX)
    frames[_N_FRAMES // 2 :] += across * across[:, None] * (noise[:_SIDE_PX] + 5) // 8
    return frames.astype(dtype)


def _part(frames: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    return frames[start:stop]


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Hide a module from numba that no kernel needs, and whose import takes as long as loading all of them."""
    is_ours = module not in sys.modules
    if is_ours:
        sys.modules[module] = None  # type: ignore[assignment]  # what Python calls a module that cannot be imported
    try:
        yield
    finally:
        if is_ours:
            del sys.modules[module]


def _end_with_parent(parent_fd: int) -> None:
    os.read(parent_fd, 1)  # returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    if PARENT_FD_VARIABLE in os.environ:
        Thread(target=_end_with_parent, args=[int(os.environ[PARENT_FD_VARIABLE])], daemon=True).start()
    part, folder = sys.argv[1], os.environ.get("NUMBA_CACHE_DIR", "")
    (Path(folder) / f"{part}{BUILD_ENDING}").write_text(PARTS[part](), "ascii")
