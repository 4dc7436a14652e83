"""Tests of whether a camera map belongs to a movie, by hot pixels and offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from pointillist.fitting.camera.calibration import BLEMISH_VARIANCE_E2, Moments

Image = NDArray[np.floating]

MOST_HOT_SHARE, MOST_HOT_PIXELS = 1e-3, 20
"""Fraction of a map's pixels that are its hot pixels, the noisiest ones, and their least number."""

FEWEST_HOT_PIXELS = 10
LEAST_EXPECTED_RATIO = 3.0
"""Least expected ratio for a conclusive test; below, shot noise exceeds the noise of hot pixels."""

FEWEST_STEPS = 4
"""Least number of pairs of consecutive frames for the variance of a pixel."""

LEAST_CONTRAST = 10.0
"""Least variance of hot pixels over the median for a test of the unit of a map."""

LEAST_UNIT_DISTANCE = 0.7
"""Least logarithm of the factor between e-² and ADU² for a test of the unit."""

HOT_FROM, COLD_TO = 2.0, 1.3
"""Least ratio of pixels that are hot in a movie, and largest ratio of typical pixels."""

COLD_SHARE = 0.05
"""Fraction of the expected excess of the ratio below which pixels are typical, too."""

CLEAR_CORRELATION, CLEAR_SIGMAS = 0.1, 8.0
"""Least correlation of offsets and mean image that belong together: coefficient, and standard deviations from 0."""

_NEIGHBOURHOOD_PX = 5
_WINDOW_PX = 384


@dataclass(frozen=True, kw_only=True, eq=False)
class MovieSample:
    """Pixel statistics of a few frames of a movie.

    Parameters
    ----------
    mean_adu
        Mean of each pixel, ``(y, x)``, ADU.
    variance_adu2
        Variance of each pixel between consecutive frames, ``(y, x)``, ADU².
    n_steps
        Number of pairs of consecutive frames behind the variance.
    """

    mean_adu: Image
    variance_adu2: Image
    n_steps: int

    @cached_property
    def typical_variance_adu2(self) -> float:
        """Median of ``variance_adu2``."""
        return float(np.median(self.variance_adu2))

    @classmethod
    def of(cls, moments: Moments) -> MovieSample:
        """Return the statistics of accumulated frames."""
        statistics = moments.statistics()
        return cls(
            mean_adu=statistics.mean, variance_adu2=statistics.successive_variance, n_steps=statistics.n_pairs
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class HotPixels:
    """Noise of a map's hot pixels in a movie.

    Parameters
    ----------
    n_pixels
        Number of hot pixels.
    ratio
        Median temporal variance of the hot pixels over that of all pixels.
    expected_ratio
        Value of ``ratio`` if map and movie belong together.
    """

    n_pixels: int
    ratio: float
    expected_ratio: float

    @property
    def is_conclusive(self) -> bool:
        """Whether the ratio would be clearly above 1 if map and movie belonged together."""
        return self.n_pixels >= FEWEST_HOT_PIXELS and self.expected_ratio >= LEAST_EXPECTED_RATIO

    @property
    def is_hot(self) -> bool:
        """Whether the hot pixels of the map are hot in the movie."""
        return self.n_pixels >= FEWEST_HOT_PIXELS and self.ratio >= HOT_FROM

    @property
    def is_mismatch(self) -> bool:
        """Whether the hot pixels of the map are certainly typical in the movie."""
        return self.is_conclusive and self.ratio <= max(COLD_TO, 1 + COLD_SHARE * (self.expected_ratio - 1))


def compare_hot_pixels(variance_adu2: Image, sample: MovieSample) -> HotPixels:
    """Measure the noise of a movie at the hot pixels of a variance map.

    Parameters
    ----------
    variance_adu2
        Variance map of the movie's region, ``(y, x)``, ADU².
    sample
        Statistics of the movie.

    Returns
    -------
    HotPixels
        Comparison for the noisiest thousandth of the pixels, without blemished and without typical pixels.
    """
    typical = sample.typical_variance_adu2
    is_hot = hot_pixels(variance_adu2)
    n = int(is_hot.sum())
    if n == 0 or sample.n_steps < FEWEST_STEPS or not typical > 0:
        return HotPixels(n_pixels=0, ratio=1.0, expected_ratio=1.0)
    return HotPixels(
        n_pixels=n,
        ratio=float(np.median(sample.variance_adu2[is_hot])) / typical,
        expected_ratio=1 + float(np.median(variance_adu2[is_hot])) / typical,
    )


def hot_pixels(variance: Image) -> NDArray[np.bool_]:
    """Return the mask of the hot pixels of a variance map in any unit."""
    is_usable = variance < 0.01 * BLEMISH_VARIANCE_E2
    n_most = max(MOST_HOT_PIXELS, int(MOST_HOT_SHARE * variance.size))
    if not n_most <= is_usable.sum():
        return np.zeros(variance.shape, dtype=bool)
    hottest = np.partition(variance[is_usable], -n_most)[-n_most]
    return np.asarray(is_usable & (variance >= max(hottest, 3 * np.median(variance))))


def compare_offsets(offset_adu: Image, sample: MovieSample) -> tuple[float, float]:
    """Correlate the local differences of an offset map with those of the mean image of a movie.

    Parameters
    ----------
    offset_adu
        Offset map of the movie's region, ``(y, x)``, ADU.
    sample
        Statistics of the movie.

    Returns
    -------
    correlation
        Spearman's coefficient of the differences from the local mean, which smooth features such as light do not
        affect, -1 to 1.
    sigmas
        Distance of the correlation from 0, standard deviations.

    Notes
    -----
    For large frames, the middle part suffices.
    """
    window = tuple(slice(max(0, (n - _WINDOW_PX) // 2), (n + _WINDOW_PX + 1) // 2) for n in offset_adu.shape)
    offset_adu, mean_adu = offset_adu[window], sample.mean_adu[window]
    if min(offset_adu.shape) < 2 * _NEIGHBOURHOOD_PX or np.ptp(offset_adu) == 0:
        return 0.0, 0.0
    map_ranks, movie_ranks = _ranks(fine_structure(offset_adu)), _ranks(fine_structure(mean_adu))
    coefficient = float(np.mean(map_ranks * movie_ranks))
    return coefficient, float(coefficient * np.sqrt(offset_adu.size))


def fine_structure(image: Image) -> Image:
    """Return the difference of each pixel from the mean of its neighbourhood."""
    image = np.asarray(image, dtype=np.float64)
    return image - uniform_filter(image, _NEIGHBOURHOOD_PX, mode="nearest")


def _ranks(image: Image) -> Image:
    """Return the ranks of the pixels, with mean 0 and variance 1, which are robust against outliers."""
    ranks = np.empty(image.size)
    ranks[np.argsort(image, axis=None, kind="stable")] = np.arange(image.size)
    return np.asarray((ranks - ranks.mean()) / ranks.std())


def better_match_by_hot_pixels(tests: Mapping[str, HotPixels], given: str) -> str | None:
    """Return the name of a better match of the hot pixels of map and movie.

    Parameters
    ----------
    tests
        Results of :func:`compare_hot_pixels` by the name of an orientation or position.
    given
        Name of the orientation or position in use.

    Returns
    -------
    str or None
        Name of the one that fits better; None if the one in use fits, if none does, or if the movie cannot decide.
    """
    best = max(tests, key=lambda name: tests[name].ratio)
    is_clear = tests[best].is_conclusive and tests[best].is_hot and tests[best].ratio > 2 * tests[given].ratio
    return best if is_clear and tests[given].is_mismatch else None


def better_match_by_offsets(tests: Mapping[str, tuple[float, float]], given: str) -> str | None:
    """Return the name of a better match of the offsets of map and movie.

    Parameters
    ----------
    tests
        Results of :func:`compare_offsets` by the name of an orientation or position.
    given
        Name of the orientation or position in use.

    Returns
    -------
    str or None
        Name of the one that fits better; None if the one in use fits, if none does, or if the movie cannot decide.
    """
    best = max(tests, key=lambda name: tests[name][0])
    return best if is_clear(tests[best]) and abs(tests[given][0]) < 0.3 * tests[best][0] else None


def is_clear(test: tuple[float, float]) -> bool:
    """Return whether a result of :func:`compare_offsets` is significant."""
    coefficient, sigmas = test
    return coefficient >= CLEAR_CORRELATION and sigmas >= CLEAR_SIGMAS


def unit_ratio(variance_e2: Image, sample: MovieSample, electrons_per_adu: float) -> float:
    """Return the variance of a map's hot pixels in the movie over that in the map.

    Parameters
    ----------
    variance_e2
        Variance map of the movie's region, ``(y, x)``, e-².
    sample
        Statistics of the movie.
    electrons_per_adu
        Electrons per count of the camera, e-/ADU, > 0.

    Returns
    -------
    float
        Ratio of the movie's variance to the map's: 1 if the map is in e-², ``electrons_per_adu**2`` if it is in ADU²;
        NaN if the movie cannot decide.

    Notes
    -----
    The median over the hot pixels of the movie's variance, less that of its typical pixel, over the map's.
    """
    is_hot = hot_pixels(variance_e2)
    if sample.n_steps < 2 * FEWEST_STEPS or not compare_hot_pixels(variance_e2, sample).is_hot:
        return float("nan")
    if np.median(variance_e2[is_hot]) < LEAST_CONTRAST * np.median(variance_e2):
        return float("nan")
    typical = sample.typical_variance_adu2
    excess_e2 = (sample.variance_adu2[is_hot] - typical) * electrons_per_adu**2
    return float(np.median(excess_e2 / variance_e2[is_hot]))


def is_of_other_unit(ratio: float, factor: float) -> bool:
    """Return whether the hot pixels show that a map is in the other unit.

    Parameters
    ----------
    ratio
        Ratio from :func:`unit_ratio`.
    factor
        Value of the ratio for the other unit; near 1 the two units cannot be distinguished.
    """
    distance = abs(np.log(factor))
    return bool(distance > LEAST_UNIT_DISTANCE and ratio > 0 and abs(np.log(ratio / factor)) < 0.3 * distance)
