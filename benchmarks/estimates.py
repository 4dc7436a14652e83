"""What a fit found in regions of known content, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pointillist.fitting.scoring.precision import CIRCULAR, ELLIPTICAL, SLOPES, SPOT_PARAMETERS, precision_bound
from pointillist.fitting.simulation.regions import Regions

FAR_PX, FAR_BOUNDS = 1.0, 4.0
"""A fit that ends farther from the truth than both has failed; the second is in bounds of the spot's x."""
LEAST_RATIO, LARGEST_RATIO = 0.2, 5.0
"""So has one whose photons or width over the true ones are beyond these."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimates:
    """Fitted values; NaN where a fit does not give them.

    Parameters
    ----------
    values
        ``(n, 8)``, see :data:`pointillist.fitting.scoring.precision.SPOT_PARAMETERS`;
        positions from the centre of the region, px.
    errors_x
        Reported standard deviations of x, px.
    """

    values: NDArray[np.float64]
    errors_x: NDArray[np.float64]


def estimates_of(n: int, *, errors_x: ArrayLike = np.nan, **columns: ArrayLike) -> Estimates:
    """Return estimates from columns by name; those left out are NaN."""
    values = np.full((n, len(SPOT_PARAMETERS)), np.nan)
    for name, column in columns.items():
        values[:, SPOT_PARAMETERS.index(name)] = column
    return Estimates(values=values, errors_x=np.broadcast_to(np.asarray(errors_x, np.float64), n))


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How good the fits are that have not failed.

    Parameters
    ----------
    rmse_over_bound
        Root of the mean square error of x and y over that of their Cramér-Rao bounds.
    bias
        Mean error by parameter, in its unit; NaN where the fit does not give it.
    edge_bias_px
        Mean error of x towards the nearer edge of the pixel, of spots more than 0.35 px off its centre, px.
    pull
        Standard deviation of the error of x over the reported one; 1 is honest.
    failed
        Fraction of the fits.
    """

    rmse_over_bound: float
    bias: dict[str, float]
    edge_bias_px: float
    pull: float
    failed: float


def quality(found: Estimates, regions: Regions, bound: NDArray[np.float64]) -> Quality:
    """Compare the fits of the first regions, as many as there are, with the truth.

    Parameters
    ----------
    found
        The fits.
    regions
        What was fitted.
    bound
        Of all regions, :func:`model_bound`.
    """
    truth, bound = regions.spots[: len(found.values)], bound[: len(found.values)]
    error = found.values - truth
    ratio = found.values[:, 2:4] / truth[:, 2:4]
    is_far = np.hypot(error[:, 0], error[:, 1]) > np.maximum(FAR_PX, FAR_BOUNDS * bound[:, 0])
    is_odd = ((ratio < LEAST_RATIO) | (ratio > LARGEST_RATIO)).any(axis=1)  # not so where they are not told
    is_good = np.isfinite(found.values[:, :2]).all(axis=1) & ~is_far & ~is_odd
    if not is_good.any():
        return Quality(rmse_over_bound=np.nan, bias={}, edge_bias_px=np.nan, pull=np.nan, failed=1.0)
    error, x, bound = error[is_good], truth[is_good, 0], bound[is_good]
    is_off = np.abs(x) > 0.35
    return Quality(
        rmse_over_bound=float(np.sqrt((error[:, :2] ** 2).mean() / (bound[:, :2] ** 2).mean())),
        bias=dict(zip(SPOT_PARAMETERS, error.mean(axis=0).tolist(), strict=True)),
        edge_bias_px=float((error[is_off, 0] * np.sign(x[is_off])).mean()) if is_off.any() else np.nan,
        pull=_pull(error[:, 0], found.errors_x[is_good]),
        failed=float(1 - is_good.mean()),
    )


def _pull(error: NDArray[np.float64], reported: NDArray[np.float64]) -> float:
    is_known = np.isfinite(reported) & (reported > 0)
    return float(np.std(error[is_known] / reported[is_known])) if is_known.any() else np.nan


def model_bound(regions: Regions, *, is_sloping: bool = False) -> NDArray[np.float64]:
    """Return the bound of the smallest family that holds the spots, ``(n, n_free)``; x and y come first.

    Parameters
    ----------
    regions
        The spots.
    is_sloping
        Whether the family has a sloping background in any case.
    """
    widths, slopes = regions.spots[:, 3:5], regions.spots[:, 6:8]
    free = CIRCULAR if np.array_equal(widths[:, 0], widths[:, 1]) else ELLIPTICAL
    if is_sloping or slopes.any():
        free = (*free, *SLOPES)
    return precision_bound(regions.spots, regions.roi_half_size, regions.read_variance, free=free)
