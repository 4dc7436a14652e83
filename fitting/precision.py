"""How precisely a spot can be localized at best: the Cramér-Rao bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

SPOT_PARAMETERS = ("x", "y", "photons", "sigma", "background")
"""Columns of a spot: position from the centre of its region [px], photoelectrons, sigma before the pixels
integrate [px], background [photoelectrons per px]."""

Spots = NDArray[np.float64]
"""``(n, 5)``: :data:`SPOT_PARAMETERS`."""

SPOTS_AT_A_TIME = 4096
"""Bounds the memory to some 40 MB for regions of 15 x 15 px."""


def precision_bound(
    spots: Spots,
    roi_half_size: int,
    read_variance: float | NDArray[np.float64] = 0.0,
    noise_factor: float = 1.0,
) -> NDArray[np.float64]:
    """Return the smallest standard deviations that an unbiased fit of all five parameters can have.

    Parameters
    ----------
    spots
        Spots, ``(n, 5)``, float64, see :data:`SPOT_PARAMETERS`; photons and sigma > 0, background >= 0.
    roi_half_size
        The fit sees ``2 roi_half_size + 1`` px squared.
    read_variance
        Variance of the readout in photoelectrons squared (before an EM register), > 0 where a pixel gets no
        light; a scalar, or ``(n, y, x)`` with a value for each pixel of each region.
    noise_factor
        Excess noise of the EM register, sqrt(2) with one, 1 without.

    Returns
    -------
    NDArray[np.float64]
        ``(n, 5)``, in the units of the parameters; NaN where the information is singular.

    Notes
    -----
    The model is a Gaussian integrated over pixels, on a flat background; the noise has variance
    ``noise_factor² mean + read_variance``. The Fisher information is
    ``F_ab = sum_k (d mean_k / d a) (d mean_k / d b) / variance_k``, in float64 throughout.
    """
    bounds = np.empty((len(spots), len(SPOT_PARAMETERS)))
    for start in range(0, len(spots), SPOTS_AT_A_TIME):
        part = slice(start, start + SPOTS_AT_A_TIME)
        means, slopes = spot_model(spots[part], roi_half_size)
        extra = read_variance if np.ndim(read_variance) == 0 else np.asarray(read_variance)[part]
        variance = noise_factor**2 * means + extra
        information = np.einsum("nayx,nbyx,nyx->nab", slopes, slopes, 1 / variance, optimize=True)
        bounds[part] = _standard_deviations(information)
    return bounds


def spot_model(spots: Spots, roi_half_size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected image of each spot and its derivatives.

    Parameters
    ----------
    spots
        Spots, ``(n, 5)``, see :data:`SPOT_PARAMETERS`.
    roi_half_size
        Images of ``2 roi_half_size + 1`` px squared.

    Returns
    -------
    means
        Expected photoelectrons, ``(n, y, x)``.
    slopes
        Derivatives with respect to each parameter, ``(n, 5, y, x)``.
    """
    x, y, photons, sigma, background = np.asarray(spots, dtype=np.float64).T
    share_x, by_x, sigma_x = _shares(x, sigma, roi_half_size)
    share_y, by_y, sigma_y = _shares(y, sigma, roi_half_size)
    light = photons[:, None, None]
    unit = share_y[:, :, None] * share_x[:, None, :]
    by_sigma = share_y[:, :, None] * sigma_x[:, None, :] + sigma_y[:, :, None] * share_x[:, None, :]
    slopes = np.stack(
        [
            light * share_y[:, :, None] * by_x[:, None, :],
            light * by_y[:, :, None] * share_x[:, None, :],
            unit,
            light * by_sigma,
            np.ones_like(unit),
        ],
        axis=1,
    )
    return light * unit + background[:, None, None], slopes


def _shares(
    centre: NDArray[np.float64], sigma: NDArray[np.float64], half: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of the light in each pixel of a line, and its derivatives by centre and by sigma."""
    edges = np.arange(-half, half + 2) - 0.5 - centre[:, None]
    width = sigma[:, None]
    density = np.exp(-0.5 * (edges / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    share = np.diff(0.5 * erf(edges / (np.sqrt(2) * width)), axis=1)
    return share, -np.diff(density, axis=1), -np.diff(edges / width * density, axis=1)


def _standard_deviations(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the square roots of the diagonal of each inverse; scaled first, for the units differ by 1e4."""
    scale = np.sqrt(np.einsum("naa->na", information))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = information / (scale[:, :, None] * scale[:, None, :])
    is_regular = np.isfinite(scaled).all(axis=(1, 2))
    is_regular[is_regular] &= np.linalg.det(scaled[is_regular]) > 1e-12
    deviations = np.full(scale.shape, np.nan)
    inverse = np.linalg.inv(scaled[is_regular])
    deviations[is_regular] = np.sqrt(np.einsum("naa->na", inverse)) / scale[is_regular]
    return deviations
