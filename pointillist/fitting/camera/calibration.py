"""Pixel statistics, blemishes and flat field of a camera, from dark and uniformly illuminated movies, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float64]
Mask = NDArray[np.bool_]

DARK_THRESHOLD_ADU = 1e4
"""Largest mean of a usable pixel in the dark, ADU; PYME's rule."""

VARIANCE_THRESHOLD_E2 = 300.0**2
"""Largest variance of a usable pixel in the dark, e-²; PYME's rule."""

BLEMISH_VARIANCE_E2 = 1e8
"""Variance that PYME assigns to a blemished pixel, e-², which removes its weight."""

LEAST_RESPONSE = 0.1
"""Least response of a live pixel to light, as a fraction of the median pixel's."""

_BAND_PIXELS = 2**17
"""Pixels per step, whose differences stay in the cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelStatistics:
    """Statistics of each pixel of a movie of a constant scene.

    Parameters
    ----------
    mean
        Mean, ``(y, x)``, in the unit of the movie.
    variance
        Unbiased variance, ``(y, x)``, in the square of the unit of the movie.
    successive_variance
        Half the mean square difference between consecutive frames, ``(y, x)``: the variance without slow drift.
    n_frames, n_pairs
        Number of frames, and of pairs of consecutive frames.
    """

    mean: Image
    variance: Image
    successive_variance: Image
    n_frames: int
    n_pairs: int


class Moments:
    """Mean and variance of every pixel, accumulated in one pass.

    Parameters
    ----------
    frame_shape
        Height and width of the frames, px.

    Notes
    -----
    Sums run over differences from the first frame, in float64: integers are summed without rounding in up to 2e6
    frames of uint16 over the whole range, and in more frames of real movies. The result therefore does not depend on
    the blocks in which the frames are added.
    """

    def __init__(self, frame_shape: tuple[int, int]) -> None:
        self.n_frames = 0
        self._n_pairs = 0
        self._first: Image = np.zeros(frame_shape)
        self._last: Image = np.zeros(frame_shape)
        self._sum: Image = np.zeros(frame_shape)
        self._sum_of_squares: Image = np.zeros(frame_shape)
        self._sum_of_steps: Image = np.zeros(frame_shape)

    def add(self, frames: NDArray[Any], *, is_continuing: bool = True) -> None:
        """Add frames.

        Parameters
        ----------
        frames
            Consecutive frames ``(frame, y, x)``, at least one.
        is_continuing
            Whether the first frame follows the last one of the previous call.
        """
        if not self.n_frames:
            self._first[:] = frames[0]
        follows = is_continuing and self.n_frames > 0
        n, height, width = frames.shape
        step = max(1, _BAND_PIXELS // (n * width))
        for start in range(0, height, step):
            self._add_band(frames, slice(start, start + step), follows=follows)
        self.n_frames += n
        self._n_pairs += n - 1 + follows

    def _add_band(self, frames: NDArray[Any], band: slice, *, follows: bool) -> None:
        change = np.subtract(frames[:, band], self._first[band], dtype=np.float64)
        steps = np.diff(change, axis=0)
        if follows:
            self._sum_of_steps[band] += (change[0] - self._last[band]) ** 2
        self._last[band] = change[-1]
        self._sum[band] += change.sum(axis=0)
        self._sum_of_squares[band] += np.square(change, out=change).sum(axis=0)
        self._sum_of_steps[band] += np.square(steps, out=steps).sum(axis=0)

    def statistics(self) -> PixelStatistics:
        """Return the statistics of the frames so far; NaN if they are too few."""
        squares = self._sum_of_squares - _ratio(self._sum**2, self.n_frames)
        return PixelStatistics(
            mean=self._first + _ratio(self._sum, self.n_frames),
            variance=np.maximum(_ratio(squares, self.n_frames - 1), 0),
            successive_variance=_ratio(self._sum_of_steps, 2 * self._n_pairs),
            n_frames=self.n_frames,
            n_pairs=self._n_pairs,
        )


def _ratio(sums: Image, n: int) -> Image:
    return sums / n if n > 0 else np.full_like(sums, np.nan)


def find_blemishes(offset_adu: Image, variance_e2: Image) -> Mask:
    """Return the blemished pixels, by either of PYME's rules.

    Parameters
    ----------
    offset_adu
        Mean of each pixel in the dark, ``(y, x)``, ADU.
    variance_e2
        Variance of each pixel in the dark, ``(y, x)``, e-².

    Returns
    -------
    ndarray of bool
        Mask of blemished pixels, ``(y, x)``, including those that are not finite.
    """
    return ~((offset_adu <= DARK_THRESHOLD_ADU) & (variance_e2 <= VARIANCE_THRESHOLD_E2))


@dataclass(frozen=True, kw_only=True, eq=False)
class FlatField:
    """The response of pixels to uniform light.

    Parameters
    ----------
    factor
        Factor that equalizes the response of the pixels, ``(y, x)``; 1 for dead pixels.
    relative_error
        Standard error of ``factor`` as a fraction of it, ``(y, x)``.
    is_dead
        Mask of pixels that do not respond, ``(y, x)``, bool.
    level_adu
        Mean signal of the illuminated frames, ADU.
    """

    factor: Image
    relative_error: Image
    is_dead: Mask
    level_adu: float


def measure_flat_field(light: PixelStatistics, dark: PixelStatistics, is_blemished: Mask) -> FlatField:
    """Compare the response of pixels to uniform light.

    Parameters
    ----------
    light, dark
        Statistics of movies under uniform illumination, and of dark movies.
    is_blemished
        Mask of pixels that are left out of the mean, ``(y, x)``, bool.

    Returns
    -------
    FlatField
        Flat field ``factor = mean(light - dark) / (light - dark)``, as defined by PYME.

    Raises
    ------
    ValueError
        If the light is no brighter than the dark.
    """
    signal = light.mean - dark.mean
    noise = np.sqrt(light.variance / light.n_frames + dark.variance / dark.n_frames)
    typical = float(np.median(signal[~is_blemished])) if not is_blemished.all() else np.nan
    if not typical > 0:
        raise ValueError("it is no brighter than the dark movie")
    is_dead = ~(signal > LEAST_RESPONSE * typical)
    level = float(signal[~(is_dead | is_blemished)].mean())
    divisor = np.where(is_dead, level, signal)
    return FlatField(factor=level / divisor, relative_error=noise / divisor, is_dead=is_dead, level_adu=level)
