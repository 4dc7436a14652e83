"""Background images of a range of frames, each image stored once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class BackgroundImages:
    """The background of the frames ``[first, first + len(index))``.

    The background of frame ``first + i`` is ``images[index[i]] + offsets_adu[i]``.

    Parameters
    ----------
    first
        Number of the first frame within the movie, from 0.
    images
        Images ``(image, y, x)``, float32, raw counts.
    index
        Index of each frame's image, ``(frame,)``, int32; -1 for a frame without background.
    offsets_adu
        Offset that is added to each frame's image, ``(frame,)``, float64, ADU.
    """

    first: int
    images: NDArray[np.float32]
    index: NDArray[np.int32]
    offsets_adu: NDArray[np.float64]

    def of(self, frame: int) -> NDArray[np.float32] | None:
        """Return the background of a frame, ``(y, x)``, in raw counts; None where it has none.

        Raises
        ------
        ValueError
            If the frame is not in the range.
        """
        position = frame - self.first
        if not 0 <= position < len(self.index):
            msg = f"frame {frame}: its background image is not among those of frames {self.first} to {self.stop}"
            raise ValueError(msg)
        at = int(self.index[position])
        return None if at < 0 else self.images[at] + np.float32(self.offsets_adu[position])

    @property
    def stop(self) -> int:
        """Number of the frame after the last one."""
        return self.first + len(self.index)


ReadFrames = Callable[[int, int], NDArray[Any]]
"""Reads the frames ``[start, stop)`` of the movie as ``(frame, y, x)``."""

ImagesOfRange = Callable[[int, int], BackgroundImages]
"""Returns the background images of the frames ``[start, stop)``."""
