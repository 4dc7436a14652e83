"""The eight ways in which a map can lie on a chip."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

AS_IS = "as-is"

ORIENTATIONS: Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    AS_IS: lambda chip: chip,
    "transposed": lambda chip: chip.T,
    "flipped-x": lambda chip: chip[:, ::-1],
    "flipped-y": lambda chip: chip[::-1],
    "rotated-180": lambda chip: chip[::-1, ::-1],
    "rotated-left": lambda chip: chip.T[::-1],
    "rotated-right": lambda chip: chip.T[:, ::-1],
    "anti-transposed": lambda chip: chip[::-1, ::-1].T,
}
"""What to do with a map ``(y, x)`` as it stands in its file, by name; rotations by 90 degrees, with y pointing down."""
