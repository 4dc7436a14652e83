"""What every detector does: raw frames in, candidates out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

BORDER_PX = 5
"""Rows and columns at each edge of a frame in which nothing is detected."""


THRESHOLD_SETTINGS: Mapping[str, tuple[str, str]] = {
    "difference-of-gaussians": ("Analysis.DetectionThreshold", "detection_threshold"),
    "local-maximum": ("Analysis.FalsePositives", "false_positives_per_frame"),
    "wavelet": ("Analysis.DetectionThreshold", "detection_threshold"),
}
"""The setting that says how bright a candidate of a detector must be: its key, its field in the settings."""


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
    """Finds candidates in one frame after the other; they depend on that frame alone."""

    filtered: Image
    """What the last frame was searched in, ``(y, x)``."""

    def find(self, frame: RawFrame) -> NDArray[np.float32]:
        """Find the candidates ``(candidate, 3)``: x and y in px, filtered value."""

    def threshold(self, variance: Image) -> Image:
        """Return what :attr:`filtered` had to exceed in the last frame, whose pixels have this variance, e-²."""
