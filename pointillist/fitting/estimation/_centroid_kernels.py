"""Kernels of the extrema and centroids of regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]
Vector = NDArray[np.float32]


@kernel
def _region(position: float, half_size: int, length: int) -> tuple[int, int]:
    """Return the pixels ``[start, stop)`` around a position, clipped to the frame."""
    centre = int(np.floor(position + 0.5))
    return max(centre - half_size, 0), min(centre + half_size + 1, length)


@kernel
def clip_regions(
    points: NDArray[np.float32], half_size: int, shape: tuple[int, int], regions: NDArray[np.int32]
) -> None:
    """Write the region around each point.

    Parameters
    ----------
    points
        Centres of the regions, ``(spot, 3)``, float32: x and y first, px.
    half_size
        Half size of the regions, px, >= 0.
    shape
        Height and width of the frame, px; regions are clipped to it.
    regions
        Regions ``(spot, 4)``, int32, written: start and stop along x, and along y, px.
    """
    for spot in range(points.shape[0]):
        regions[spot, 0], regions[spot, 1] = _region(points[spot, 0], half_size, shape[1])
        regions[spot, 2], regions[spot, 3] = _region(points[spot, 1], half_size, shape[0])


@kernel
def span_regions(signal: Image, regions: NDArray[np.int32], spans: NDArray[np.float32]) -> None:
    """Find the least and the largest pixel of each region.

    Parameters
    ----------
    signal
        Image ``(y, x)``, float32.
    regions
        Regions ``(spot, 4)``, int32, from :func:`clip_regions`.
    spans
        Least and largest pixel of each region, ``(spot, 2)``, float32, written.
    """
    for spot in range(regions.shape[0]):
        region = signal[regions[spot, 2] : regions[spot, 3], regions[spot, 0] : regions[spot, 1]]
        spans[spot, 0], spans[spot, 1] = region.min(), region.max()


@kernel
def centre_regions(signal: Image, background: Image, regions: NDArray[np.int32], centres: NDArray[np.float32]) -> None:
    """Find the centre of what exceeds half of the maximum of each region.

    Parameters
    ----------
    signal, background
        Images ``(y, x)``, float32; of their difference, the least pixel in the region counts as 0.
    regions
        Regions ``(spot, 4)``, int32, from :func:`clip_regions`.
    centres
        Results ``(spot, 5)``, float32, written: sum above half of the maximum, x and y of its centre, half-widths along
        x and y, px; 0 and NaN if all pixels are equal.
    """
    along_x, along_y = np.empty(signal.shape[1], np.float32), np.empty(signal.shape[0], np.float32)
    for spot in range(regions.shape[0]):
        x_start, x_stop, y_start, y_stop = regions[spot]
        n_x, n_y = x_stop - x_start, y_stop - y_start
        light = signal[y_start:y_stop, x_start:x_stop] - background[y_start:y_stop, x_start:x_stop]
        low = high = light[0, 0]
        for y in range(n_y):
            for x in range(n_x):
                low = min(low, light[y, x])
                high = max(high, light[y, x])
        half = (low + high) / np.float32(2)
        along_x[:n_x] = 0.0
        total = np.float32(0)
        for y in range(n_y):
            sum_of_line = np.float32(0)
            for x in range(n_x):
                excess = light[y, x] - half if light[y, x] > half else np.float32(0)
                along_x[x] += excess
                sum_of_line += excess
            along_y[y] = sum_of_line
            total += sum_of_line
        centres[spot, 0] = total
        centre_x, centres[spot, 3] = _centre(along_x[:n_x])
        centre_y, centres[spot, 4] = _centre(along_y[:n_y])
        centres[spot, 1], centres[spot, 2] = x_start + centre_x, y_start + centre_y


@kernel
def _centre(light: Vector) -> tuple[float, float]:
    """Return the centroid of light along an axis, and its mean distance from there on one side; NaN without light."""
    total, moment = 0.0, 0.0
    for k in range(light.size):
        total += light[k]
        moment += k * light[k]
    centre = moment / total
    beyond = 0.0
    for k in range(light.size):
        beyond += max(k - centre, 0.0) * light[k]
    return centre, beyond / total
