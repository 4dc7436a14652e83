"""The interface of fits: frames with candidates in, rows out."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.localizations import Rows

Image = NDArray[np.float32]


class FrameImages(NamedTuple):
    """A camera-corrected frame, images as ``(y, x)``.

    Parameters
    ----------
    photoelectrons
        Camera-corrected frame, photoelectrons.
    background
        Known background, photoelectrons.
    variance
        Variance of each pixel, estimated from the frame, e-².
    """

    photoelectrons: Image
    background: Image
    variance: Image


class Fit(Protocol):
    """Fits the candidates of one frame after the other; a row depends on its spot alone."""

    dtype: np.dtype[Any]
    """Dtype of the rows: that of :data:`pointillist.fitting.estimation.MODULES`."""
    needs_background: bool
    """Whether :meth:`add` uses the background of the images."""
    needs_variance: bool
    """Whether :meth:`add` uses the variance of the images."""

    def add(self, frame: int, images: FrameImages, points: NDArray[np.float32]) -> None:
        """Add the candidates ``(candidate, 3)``, x and y first in px, of a frame; the images may change afterwards."""

    def rows(self) -> Rows:
        """Return the rows of all candidates since the last call, in the order in which they came."""
