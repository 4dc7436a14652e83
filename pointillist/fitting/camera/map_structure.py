"""Fine structure of a camera map in a movie: whether each pixel differs from its neighbours as the map says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from pointillist.fitting.camera.map_checks import FEWEST_STEPS, Image, MovieSample, fine_structure

CLEAR_SIGMAS = 8.0
"""Distance of a slope from 0, or from 1, in standard errors, from which on it is no chance."""

LEAST_SLOPE, FOREIGN_SLOPE = 0.5, 0.25
"""Slope of a map that belongs to the movie, at least; and of one that does not, at most. A right map has 1."""

LONGEST_SHIFT_PX = 16
LEAST_VARIANCE_SPREAD = 0.3
"""Logarithmic spread of a map of variances below which it may be no more than the error of the map."""

_TILE_PX, _SMALLEST_PX, _WINDOW_PX = 8, 24, 384
_FEWEST_STEPS_OF_HOT, _FEWEST_HOT, _LEAST_HOT_SHARE = 12, 20, 5e-4
_AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
_LEAST_SHARE = 0.02
_CLIP_SIGMAS = 5.0
_MAD_IN_SIGMAS = 1.4826
_SCALES = 10.0 ** np.arange(-2.5, 2.51, 0.25)
_SCALE_TOLERANCE = 25.0


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Regression of a movie's fine structure on that which a map predicts.

    Parameters
    ----------
    slope
        Slope: 1 for the right map, 0 for another camera's.
    error
        Standard error of ``slope``; infinite where the map, or the movie, has no fine structure.
    """

    slope: float
    error: float

    @property
    def is_telling(self) -> bool:
        """Whether a slope of 1 and one of 0 can be told apart."""
        return CLEAR_SIGMAS * self.error < 1

    @property
    def is_clear(self) -> bool:
        """Whether map and movie have fine structure in common."""
        return self.slope > CLEAR_SIGMAS * self.error

    @property
    def is_foreign(self) -> bool:
        """Whether they certainly have next to none in common, though it would show."""
        return self.is_telling and abs(self.slope) + 4 * self.error < LEAST_SLOPE and abs(self.slope) < FOREIGN_SLOPE


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """Fine structure of a map and of a movie.

    Parameters
    ----------
    expected, seen
        Differences from the neighbourhood as the map predicts them and as the movie has them, ``(y, x)``, in the
        same unit.
    """

    expected: Image
    seen: Image

    def agreement(self) -> Agreement:
        """Return how map and movie agree as they lie."""
        power = float(np.square(self.expected).sum())
        if not power > 0 or not np.ptp(self.seen) > 0 or min(self.seen.shape) < _SMALLEST_PX:
            return Agreement(slope=0.0, error=float("inf"))
        slope = float((self.expected * self.seen).sum()) / power
        rest = self.seen - slope * self.expected
        # Of each pixel by itself: hot pixels carry most of the power, and their errors most of the error.
        error = float(np.sqrt(np.square(rest * self.expected).sum())) / power
        return Agreement(slope=slope, error=max(error, 1e-9))

    def shift(self) -> tuple[int, int] | None:
        """Seek the shift of the map under which it fits the movie.

        Returns
        -------
        tuple or None
            Rows and columns from a pixel of the movie to its pixel in the map, up to 16 each; None if no shift fits
            clearly better than others do, the map as it lies included.
        """
        if not self.agreement().error < np.inf:
            return None
        reach = LONGEST_SHIFT_PX
        size = [n + reach for n in self.seen.shape]
        spread = _CLIP_SIGMAS * 2 * robust_sigma(self.expected)
        expected = np.clip(self.expected, -spread, spread) if spread > 0 else self.expected
        product = np.fft.rfft2(self.seen, size).conj() * np.fft.rfft2(expected, size)
        common = np.fft.fftshift(np.fft.irfft2(product, size))
        centre = [n // 2 for n in size]
        common = common[tuple(slice(max(c - reach, 0), c + reach + 1) for c in centre)]
        y, x = (int(k) for k in np.unravel_index(int(common.argmax()), common.shape))
        noise = robust_sigma(common)
        others = common.copy()
        others[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = -np.inf
        if not (noise > 0 and common[y, x] > CLEAR_SIGMAS * noise and common[y, x] > 2 * others.max()):
            return None
        found = y - min(centre[0], reach), x - min(centre[1], reach)
        return found if found != (0, 0) else None


def structure_of_variance(variance_adu2: Image, sample: MovieSample, scale: float = 1.0) -> Structure | None:
    """Return the fine structure of the noise.

    Parameters
    ----------
    variance_adu2
        Variance map of the movie's region, ``(y, x)``, ADU².
    sample
        Statistics of the movie.
    scale
        Factor on the map.

    Returns
    -------
    Structure or None
        Structure of the logarithm of the variance, whose error is the same in all pixels; None where the movie is
        too short or without noise.

    Notes
    -----
    Of the map only what differs from the median of 8 x 8 px counts, as a share of the whole variance there: light makes
    the rest, whose structure the map does not know.
    """
    seen = middle(sample.variance_adu2)
    if sample.n_steps < 2 * FEWEST_STEPS or min(seen.shape) < _SMALLEST_PX:
        return None
    local = _local_median(seen)
    if not (local > 0).all():
        return None
    given = scale * np.minimum(middle(variance_adu2), 1e4 * local)
    smooth = _local_median(given)
    total = np.maximum(local, smooth)
    expected = np.log(np.maximum(1 + (given - smooth) / total, _LEAST_SHARE))
    return Structure(expected=fine_structure(expected), seen=fine_structure(np.log(np.maximum(seen / local, 0.02))))


def scale_of_variance(variance_adu2: Image, sample: MovieSample) -> float:
    """Return by how much a variance map has to be multiplied to explain the movie's fine structure.

    Parameters
    ----------
    variance_adu2
        Variance map of the movie's region, ``(y, x)``, ADU².
    sample
        Statistics of the movie.

    Returns
    -------
    float
        Factor, the one nearest to 1 of those that explain it about equally well, in steps of 10^(1/4) from 1/316 to
        316; NaN if the movie cannot decide.
    """
    rests = []
    for scale in _SCALES:
        structure = structure_of_variance(variance_adu2, sample, float(scale))
        if structure is None:
            return float("nan")
        rests.append(float(np.minimum(np.square(structure.seen - structure.expected), 9.0).mean()))
        n_pixels = structure.seen.size
    least = min(rests)
    good = [
        float(k) for k, rest in zip(_SCALES, rests, strict=True) if rest <= least * (1 + _SCALE_TOLERANCE / n_pixels)
    ]
    best = min(good, key=lambda k: abs(np.log(k)))
    structure = structure_of_variance(variance_adu2, sample, best)
    return best if structure is not None and structure.agreement().is_clear else float("nan")


def count_unknown_hot_pixels(variance_adu2: Image, sample: MovieSample) -> int:
    """Count single noisy pixels of a movie that are like any others in a variance map.

    Parameters
    ----------
    variance_adu2
        Variance map of the movie's region, ``(y, x)``, ADU².
    sample
        Statistics of the movie.

    Returns
    -------
    int
        Number of pixels; 0 where they are few, or the map knows a tenth of them.

    Notes
    -----
    A pixel counts whose neighbours have no part in its noise, as they would have in a molecule's.
    """
    seen, given = middle(sample.variance_adu2), middle(variance_adu2)
    if sample.n_steps < _FEWEST_STEPS_OF_HOT or min(seen.shape) < _SMALLEST_PX:
        return 0
    local = np.maximum(_local_median(seen), 1e-9)
    ratio, sigma = seen / local, np.sqrt(3 / sample.n_steps)
    around = maximum_filter(ratio, footprint=_AROUND, mode="nearest")
    is_hot = (ratio > max(4.0, 1 + 10 * sigma)) & (around < 1 + 2.5 * sigma + 0.06 * (ratio - 1))
    n_hot = int(is_hot.sum())
    if n_hot < max(_FEWEST_HOT, _LEAST_HOT_SHARE * ratio.size):
        return 0
    is_known = given[is_hot] > 0.3 * (seen - local)[is_hot]
    return n_hot if is_known.mean() < 0.1 else 0


def is_uneven(variance: Image) -> bool:
    """Return whether pixels of a variance map differ by more than the error of a map of a few dozen frames."""
    positive = variance[variance > 0]
    if not positive.size:
        return False
    low, typical, high, highest = np.percentile(np.log(positive), (25, 50, 75, 99.5))
    return bool((high - low) / 1.349 > LEAST_VARIANCE_SPREAD or highest - typical > np.log(10))


def structure_of_flat_field(flat_field: Image, offset_adu: Image | float, sample: MovieSample) -> Structure | None:
    """Return the fine structure of the response to light.

    Parameters
    ----------
    flat_field
        Flat field of the movie's region, ``(y, x)``.
    offset_adu
        Dark map or offset of the movie's region, ADU.
    sample
        Statistics of the movie.

    Returns
    -------
    Structure or None
        Relative structure of the movie's mean above the offset, and that of the reciprocal of the flat field; None
        where the movie is hardly brighter than the offset.
    """
    signal = middle(sample.mean_adu - offset_adu)
    if min(signal.shape) < _SMALLEST_PX:
        return None
    local = _local_median(signal)
    if not np.percentile(local, 5) > 0:
        return None
    response = fine_structure(-np.log(middle(flat_field)))
    return _clipped(response, fine_structure(signal / np.maximum(local, np.percentile(local, 5))))


def structure_of_offset(offset_adu: Image, flat_field: Image | float, sample: MovieSample) -> Structure | None:
    """Return the fine structure of the offset.

    Parameters
    ----------
    offset_adu
        Dark map of the movie's region, ``(y, x)``, ADU.
    flat_field
        Flat field of the movie's region, with which the light loses its fine structure; 1 without one.
    sample
        Statistics of the movie.
    """
    if min(offset_adu.shape) < _SMALLEST_PX:
        return None
    offset = fine_structure(middle(offset_adu))
    most = 2 * _CLIP_SIGMAS * robust_sigma(offset)
    light = (sample.mean_adu - np.median(offset_adu)) * flat_field
    return _clipped(np.clip(offset, -most, most) if most > 0 else offset, fine_structure(middle(light)))


def middle(image: Image) -> Image:
    """Return the middle of an image, of up to 384 x 384 px, which are enough."""
    return image[tuple(slice(max(0, (n - _WINDOW_PX) // 2), (n + _WINDOW_PX + 1) // 2) for n in image.shape)]


def _clipped(expected: Image, seen: Image) -> Structure:
    """Return structures of which the movie's lacks molecules, as far as they exceed all that the map predicts."""
    most = _CLIP_SIGMAS * robust_sigma(seen) + float(np.percentile(np.abs(expected), 99.9))
    return Structure(expected=expected, seen=np.clip(seen, -most, most))


def robust_sigma(image: Image) -> float:
    """Return the standard deviation of an image without its outliers."""
    return _MAD_IN_SIGMAS * float(np.median(np.abs(image - np.median(image))))


def _local_median(image: Image) -> Image:
    """Return the median of squares of 8 x 8 px, smoothed; at least 24 px are there along both axes."""
    n_y, n_x = (n // _TILE_PX for n in image.shape)
    tiles = image[: n_y * _TILE_PX, : n_x * _TILE_PX].reshape(n_y, _TILE_PX, n_x, _TILE_PX)
    medians = np.median(tiles.transpose(0, 2, 1, 3).reshape(n_y, n_x, -1), axis=2)
    rows, columns = (np.minimum(np.arange(n) // _TILE_PX, k - 1) for n, k in zip(image.shape, (n_y, n_x), strict=True))
    return np.asarray(uniform_filter(medians[np.ix_(rows, columns)], _TILE_PX + 1, mode="nearest"))
