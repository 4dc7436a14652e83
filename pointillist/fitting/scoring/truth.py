"""The true emitters of a simulated movie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TRUTH_DTYPE = np.dtype(
    [
        ("frame", "<i4"),
        ("x", "<f8"),
        ("y", "<f8"),
        ("photons", "<f8"),
        ("sigma", "<f8"),
        ("background", "<f8"),
        ("blink", "<i8"),
    ]
)
"""One emitter in one frame: position in px (centre of pixel 0 is 0), expected photoelectrons in that frame,
sigma of the Gaussian before the pixels integrate it in px, background under it in photoelectrons per px, and
the number of the on-period, the same in each frame that it lasts."""

Truth = NDArray[np.void]
"""One-dimensional structured array of :data:`TRUTH_DTYPE`."""
