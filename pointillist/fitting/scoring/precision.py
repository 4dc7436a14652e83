"""The Cramér-Rao bound of the localization precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

SPOT_PARAMETERS = ("x", "y", "photons", "sigma_x", "sigma_y", "background", "slope_x", "slope_y")
"""Columns of a spot: position from the centre of its region [px], photoelectrons, widths before the pixels integrate
[px], background at the position [photoelectrons per px] and its slopes [photoelectrons per px²]."""

CIRCULAR = ("x", "y", "photons", "sigma", "background")
"""Free parameters of the circular Gaussian on a flat background; ``sigma`` is the common width."""
ELLIPTICAL = ("x", "y", "photons", "sigma_x", "sigma_y", "background")
"""Free parameters of the elliptical Gaussian on a flat background."""
SLOPES = ("slope_x", "slope_y")
"""Additional free parameters of a sloping background."""

Spots = NDArray[np.float64]
"""``(n, 8)``: :data:`SPOT_PARAMETERS`."""

SPOTS_PER_STEP = 4096
"""Spots per step, which bounds the memory to 100 MB for regions of 15 x 15 px."""


def spot_array(*, sigma: ArrayLike | None = None, **columns: ArrayLike) -> Spots:
    """Return spots from their parameters.

    Parameters
    ----------
    sigma
        Both widths of circular spots, px.
    **columns
        Values of other :data:`SPOT_PARAMETERS`, one-dimensional or scalar; missing ones are 0.
    """
    if sigma is not None:
        columns = {"sigma_x": sigma, "sigma_y": sigma, **columns}
    values = [np.asarray(columns.pop(name, 0.0), dtype=np.float64) for name in SPOT_PARAMETERS]
    if columns:
        raise TypeError(f"{', '.join(columns)}: no parameter of a spot; those are {', '.join(SPOT_PARAMETERS)}, sigma")
    return np.stack(np.broadcast_arrays(np.zeros(1), *values)[1:], axis=1)


def precision_bound(
    spots: Spots,
    roi_half_size: int,
    read_variance: ArrayLike = 0.0,
    noise_factor: float = 1.0,
    free: Sequence[str] = CIRCULAR,
) -> NDArray[np.float64]:
    """Return the smallest standard deviations that an unbiased fit can have.

    Parameters
    ----------
    spots
        Spots ``(n, 8)``, float64, see :data:`SPOT_PARAMETERS`; photons and widths > 0, any position.
    roi_half_size
        Half size of the fitted region of ``2 roi_half_size + 1`` px squared.
    read_variance
        Variance of the readout before an EM register, e-², > 0 for a pixel without light; a scalar, or ``(n, y, x)``
        for each pixel of each region. Infinite for pixels that are not fitted, such as those beyond the edge of the
        frame.
    noise_factor
        Excess noise factor of the EM register: sqrt(2) with one, 1 without.
    free
        Names of the fitted parameters, of :data:`SPOT_PARAMETERS` and ``sigma``; all others are known.

    Returns
    -------
    NDArray[np.float64]
        Bounds ``(n, len(free))`` in the units of the parameters; NaN if the information is singular.

    Notes
    -----
    The model is a Gaussian integrated over pixels; the noise has variance ``noise_factor² mean + read_variance``.
    The Fisher information is ``F_ab = sum_k (d mean_k / d a) (d mean_k / d b) / variance_k``, in float64 throughout
    [1]_.

    References
    ----------
    .. [1] C. S. Smith et al., "Fast, single-molecule localization that achieves theoretically minimum uncertainty",
       Nat. Methods 7, 373 (2010).
    """
    bounds = np.empty((len(spots), len(free)))
    readout = np.asarray(read_variance, dtype=np.float64)
    for start in range(0, len(spots), SPOTS_PER_STEP):
        part = slice(start, start + SPOTS_PER_STEP)
        means, slopes = spot_model(spots[part], roi_half_size, free)
        variance = noise_factor**2 * means + (readout[part] if readout.ndim else readout)
        bounds[part] = _standard_deviations(fisher_information(slopes, variance))
    return bounds


def fisher_information(slopes: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``sum_k slope_ak slope_bk / variance_k``, ``(n, a, b)``, of ``(n, a, y, x)`` and ``(n, y, x)``."""
    scaled = (slopes / np.sqrt(variance)[:, None]).reshape(*slopes.shape[:2], -1)
    return np.asarray(scaled @ scaled.transpose(0, 2, 1))


def spot_model(
    spots: Spots, roi_half_size: int, free: Sequence[str] = CIRCULAR
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected image of each spot and its derivatives.

    Parameters
    ----------
    spots
        Spots ``(n, 8)``, float64, see :data:`SPOT_PARAMETERS`.
    roi_half_size
        Half size of the images of ``2 roi_half_size + 1`` px squared.
    free
        Names of the parameters of the derivatives, of :data:`SPOT_PARAMETERS` and ``sigma``.

    Returns
    -------
    means
        Expected photoelectrons, ``(n, y, x)``.
    slopes
        Derivatives with respect to each free parameter, ``(n, len(free), y, x)``.
    """
    x, y, photons, _, _, background, slope_x, slope_y = (column[:, None, None] for column in spots.T)
    share_x, by_x, by_sigma_x = (line[:, None, :] for line in _pixel_fractions(spots[:, 0], spots[:, 3], roi_half_size))
    share_y, by_y, by_sigma_y = (line[:, :, None] for line in _pixel_fractions(spots[:, 1], spots[:, 4], roi_half_size))
    pixel = np.arange(-roi_half_size, roi_half_size + 1)
    u, v = pixel[None, None, :] - x, pixel[None, :, None] - y
    derivatives = {
        "x": photons * share_y * by_x - slope_x,
        "y": photons * by_y * share_x - slope_y,
        "photons": share_y * share_x,
        "sigma": photons * (share_y * by_sigma_x + by_sigma_y * share_x),
        "sigma_x": photons * share_y * by_sigma_x,
        "sigma_y": photons * by_sigma_y * share_x,
        "background": np.ones(1),
        "slope_x": u,
        "slope_y": v,
    }
    means = photons * share_y * share_x + background + slope_x * u + slope_y * v
    slopes = np.empty((len(spots), len(free), *means.shape[1:]))
    for index, name in enumerate(free):
        slopes[:, index] = derivatives[name]
    return means, slopes


def _pixel_fractions(
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
