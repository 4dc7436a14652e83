"""From marked pixels to candidates: components, clump rejection, debounce."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.detection._component_kernels import find_components
from pointillist.fitting.detection._maximum_kernels import find_maxima
from pointillist.fitting.detection._neighbour_kernels import keep_apart, keep_brightest
from pointillist.fitting.settings import FitSettings

Image = NDArray[np.float32]
Noise = tuple[Image, Image, Image, np.float32]


class ThresholdMask:
    """The marked pixels of a frame.

    Parameters
    ----------
    frame_shape
        Shape of the frames, ``(height, width)``, px.

    Attributes
    ----------
    mask
        Mask ``(y, x)``, uint8, 1 for a marked pixel, a multiple of eight columns wide; 0 everywhere before detectors
        write it.
    rows
        Flags of the rows with a marked pixel, ``(y,)``, uint8, written by detectors.
    """

    def __init__(self, frame_shape: tuple[int, int]) -> None:
        height, width = frame_shape
        self.mask: NDArray[np.uint8] = np.zeros((height, -(-width // 8) * 8), np.uint8)
        self.rows: NDArray[np.uint8] = np.zeros(height, np.uint8)

    def centroids(self, filtered: Image, n_marked: int) -> NDArray[np.float32]:
        """Locate the connected components ``(component, 3)``, and clear the mask.

        Parameters
        ----------
        filtered
            Filtered image ``(y, x)``, float32.
        n_marked
            Number of marked pixels.
        """
        return find_components(self.mask, self.rows, n_marked, filtered)

    def maxima(self, filtered: Image, n_marked: int, reach: int, noise: Noise | None = None) -> NDArray[np.float32]:
        """Find the local maxima ``(maximum, 3)``, and clear the mask.

        Parameters
        ----------
        filtered
            Filtered image ``(y, x)``, float32.
        n_marked
            Number of marked pixels.
        reach
            Largest distance along x and y of the pixels that a maximum exceeds, px, >= 1.
        noise
            Parameters of skewed noise, see :func:`pointillist.fitting.detection._maximum_kernels.find_maxima`.
        """
        none = np.empty((0, 0), np.float32)
        noise = noise or (none, none, none, np.float32(0))
        return find_maxima(self.mask, self.rows, n_marked, filtered, reach, noise)


def without_neighbours(points: NDArray[np.float32], settings: FitSettings) -> NDArray[np.float32]:
    """Drop clumps, and keep the brightest candidate within the debounce radius.

    Parameters
    ----------
    points
        Candidates ``(candidate, 3)``, float32: x and y in px, filtered value.
    settings
        Settings of the analysis, of which the two radii are used.
    """
    for choose, radius_px in (
        (keep_apart, settings.clump_reject_radius_px),
        (keep_brightest, settings.debounce_radius_px),
    ):
        if len(points) and radius_px > 0:
            kept = np.empty(len(points), np.bool_)
            choose(points, radius_px, kept)
            points = points[kept]
    return points
