"""The noise of a movie at each level of light, compared with that of a camera model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera.counts import are_counts

Image = NDArray[np.float32]
Levels = NDArray[np.float64]

TILE_PX = 8
LARGEST_SIDE_PX = 512
"""Largest side of the part of a frame that is measured, px; its middle suffices."""

FEWEST_TILES = 24
FULL_SCALES = (255, 4095, 16383, 65535)
"""Largest counts of cameras with 8, 12, 14 and 16 bits."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
_ROUNDING_ADU2 = 1 / 12
_DARKEST_PERCENT = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseLevels:
    """Signal and noise of the tiles of pairs of consecutive frames.

    Parameters
    ----------
    signal_adu
        Mean above the offset of each tile, ``(tile,)``, ADU.
    variance_adu2
        Half the mean square difference between the frames, ``(tile,)``, ADU²: an upper bound of the camera's variance,
        since changes of light add to it.
    fine_variance_adu2
        Variance of what differs from pixel to pixel, from the median, ``(tile,)``, ADU²: a lower bound, hardly affected
        by blinking molecules and hot pixels, and too small for pixels that light rarely reaches.
    darkest_adu, median_adu
        Mean above the offset of the darkest tiles and of the median tile, ADU.
    """

    signal_adu: Levels
    variance_adu2: Levels
    fine_variance_adu2: Levels
    darkest_adu: float
    median_adu: float

    @property
    def is_conclusive(self) -> bool:
        """Whether there are enough tiles with noise."""
        return len(self.signal_adu) >= FEWEST_TILES and bool(np.median(self.variance_adu2) > 0)

    def part(self, selection: NDArray[np.bool_]) -> NoiseLevels:
        """Return some of the tiles."""
        return NoiseLevels(
            signal_adu=self.signal_adu[selection],
            variance_adu2=self.variance_adu2[selection],
            fine_variance_adu2=self.fine_variance_adu2[selection],
            darkest_adu=self.darkest_adu,
            median_adu=self.median_adu,
        )


@dataclass(frozen=True, kw_only=True)
class CameraNumbers:
    """The parameters of a camera that determine its noise.

    Parameters
    ----------
    electrons_per_adu, em_gain, noise_factor
        Parameters of :class:`pointillist.fitting.camera.CameraModel`.
    read_noise_e
        Standard deviation of the readout, after an EM register, e-.
    offset_change_adu
        Difference of the offset from that with which the levels were measured, ADU.
    """

    electrons_per_adu: float
    em_gain: float
    noise_factor: float
    read_noise_e: float
    offset_change_adu: float = 0.0

    @property
    def slope_adu(self) -> float:
        """Variance per signal, ADU."""
        return self.noise_factor**2 * self.em_gain / self.electrons_per_adu

    @property
    def read_variance_adu2(self) -> float:
        """Variance without light, rounding to whole counts included."""
        return (self.read_noise_e / self.electrons_per_adu) ** 2 + _ROUNDING_ADU2

    def variance_adu2(self, signal_adu: Levels) -> Levels:
        """Return the variance of a pixel at each signal above the offset, ADU²."""
        light = np.maximum(signal_adu - self.offset_change_adu, 0)
        return np.asarray(self.slope_adu * light + self.read_variance_adu2)


class NoiseSample:
    """Noise levels of a movie, accumulated from pairs of consecutive frames.

    Parameters
    ----------
    offset_adu
        Dark signal, scalar or map ``(y, x)``, ADU.
    """

    def __init__(self, offset_adu: float | Image) -> None:
        self._offset = np.asarray(offset_adu, np.float32)
        self._pairs: list[Levels] = []

    def add(self, frames: NDArray[np.generic]) -> None:
        """Add consecutive frames, ``(frame, y, x)``; those that hold no counts are left out."""
        middle = tuple(slice(max(0, (n - LARGEST_SIDE_PX) // 2), (n + LARGEST_SIDE_PX) // 2) for n in frames.shape[1:])
        is_counted = are_counts(frames)
        raw = frames[:, middle[0], middle[1]]
        is_clipped = (raw == 0) | (raw == raw.max() if raw.max() in FULL_SCALES else False)
        signal = raw.astype(np.float32) - (self._offset[middle] if self._offset.ndim else self._offset)
        for k in range(len(raw) - 1):
            if is_counted[k : k + 2].all() and raw[k].any() and raw[k + 1].any():
                self._pairs.append(_tile_levels(signal[k], signal[k + 1], is_clipped[k] | is_clipped[k + 1]))

    def levels(self) -> NoiseLevels:
        """Return the levels of the frames so far; without tiles if frames are too few or too small."""
        pairs = np.stack(self._pairs) if self._pairs else np.zeros((1, 3, 0))
        means = pairs[:, 0].mean(axis=0)
        tiles = np.moveaxis(pairs, 1, 0).reshape(3, -1)
        signal, variance, fine = tiles[:, np.isfinite(tiles).all(axis=0)]
        return NoiseLevels(
            signal_adu=signal,
            variance_adu2=variance,
            fine_variance_adu2=fine,
            darkest_adu=float(np.percentile(means, _DARKEST_PERCENT)) if means.size else float("nan"),
            median_adu=float(np.median(means)) if means.size else float("nan"),
        )


def _tile_levels(first: Image, second: Image, is_clipped: NDArray[np.bool_]) -> Levels:
    """Return signal, variance and fine variance of each tile; NaN for the variances of clipped ones."""
    step = (second - first) * np.float32(np.sqrt(0.5))
    fine = MAD_TO_SIGMA * np.median(np.abs(_tiled(_fine(step))), axis=1)
    levels = np.stack([_tiled((first + second) / 2).mean(axis=1), np.square(_tiled(step)).mean(axis=1), fine**2])
    levels[1:, _tiled(is_clipped).any(axis=1)] = np.nan
    return np.asarray(levels, np.float64)


def _fine(image: Image) -> Image:
    """Return second differences along both axes, with the variance that independent pixels have; 0 at the border."""
    differences = np.zeros_like(image)
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    differences[1:-1, 1:-1] = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    return differences


def _tiled(image: NDArray[np.generic]) -> NDArray[np.generic]:
    n_y, n_x = (n // TILE_PX for n in image.shape)
    tiles = image[: n_y * TILE_PX, : n_x * TILE_PX].reshape(n_y, TILE_PX, n_x, TILE_PX)
    return tiles.transpose(0, 2, 1, 3).reshape(n_y * n_x, TILE_PX**2)


@dataclass(frozen=True, kw_only=True)
class NoiseBounds:
    """Bounds of the measured over the expected variance.

    Parameters
    ----------
    upper
        Upper bound of the movie's variance over the expected variance, blinking molecules included.
    lower
        Lower bound of the movie's variance over the expected variance, whatever the molecules do.
    """

    upper: float
    lower: float

    @property
    def is_agreeing(self) -> bool:
        """Whether the expected variance is compatible with the bounds."""
        return self.upper > 0.7 and self.lower < 1.25


def compare_noise(levels: NoiseLevels, camera: CameraNumbers) -> NoiseBounds:
    """Compare the noise of a movie with that of a camera.

    Parameters
    ----------
    levels
        Noise levels of the movie, sufficient for a comparison.
    camera
        Camera parameters to compare with.

    Returns
    -------
    NoiseBounds
        Bounds of the ratio; for right parameters ``upper`` is >= 0.9 and ``lower`` <= 1.
    """
    expected = camera.variance_adu2(levels.signal_adu)
    return NoiseBounds(
        upper=float(np.quantile(levels.variance_adu2 / expected, 0.75)),
        lower=float(np.median(levels.fine_variance_adu2 / expected)),
    )
