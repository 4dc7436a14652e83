"""The interface of detectors: raw frames in, candidates out."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

BORDER_PX = 5
"""Rows and columns at each edge of a frame in which nothing is detected."""


class RawFrame(NamedTuple):
    """A frame as recorded, images as ``(y, x)``.

    Parameters
    ----------
    counts
        Frame ``(y, x)``, ADU.
    background
        Background ``(y, x)``, ADU; None if it is not known.
    """

    counts: NDArray[Any]
    background: Image | None


class Detector(Protocol):
    """Finds candidates in one frame after the other; they depend on that frame alone.

    It is made from the settings of the analysis and the camera maps of the shape of the frames.
    """

    filtered: Image
    """Filtered image of the last frame, ``(y, x)``, photoelectrons."""

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value."""

    def threshold(self, variance: Image) -> Image:
        """Return the threshold of the last frame for :attr:`filtered`, from the variance of its pixels, e-²."""
