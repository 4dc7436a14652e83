"""Fits in float64 by scipy, one spot at a time: slow, plain, and what the kernels are measured by.

Positions are in px from the centre of the region. Data that a fit does not see have an infinite variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, minimize

from pointillist.fitting.scoring.precision import CIRCULAR, SPOT_PARAMETERS, fisher_information, spot_model

Values = NDArray[np.float64]
Image = NDArray[np.floating]

SAMPLED = ("amplitude", "x", "y", "sigma", "background", "slope_x", "slope_y")
"""Free parameters of PYME's LatGaussFitFR; its first four with no background."""
LEAST_VARIANCE = 1e-2
"""Of a pixel without read noise and light, e-²."""
SAMPLED_ELLIPTICAL = ("amplitude", "x", "y", "sigma_x", "sigma_y", "background")


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceFit:
    """An optimum.

    Parameters
    ----------
    values, errors
        In order of the free parameters.
    objective
        Least squares: weighted sum of squared residuals. Likelihood: twice the log-likelihood ratio to the data.
    """

    values: Values
    errors: Values
    objective: float


def sampled_gaussian(values: Values, free: Sequence[str], half: int) -> tuple[Values, Values]:
    """Return PYME's model at the pixel centres, ``(y, x)``, and its derivatives, ``(len(free), y, x)``.

    ``A exp(-u² / 2 σx² - v² / 2 σy²) + b + bx u + by v``, ``u = x - x0``, ``v = y - y0``; a parameter that is not free
    is 0, and ``sigma`` is both widths.
    """
    given = dict(zip(free, values, strict=True))
    sigma_x = given["sigma"] if "sigma" in given else given["sigma_x"]
    sigma_y = given["sigma"] if "sigma" in given else given["sigma_y"]
    amplitude, slope_x, slope_y = given["amplitude"], given.get("slope_x", 0.0), given.get("slope_y", 0.0)
    pixel = np.arange(-half, half + 1, dtype=np.float64)
    v, u = np.meshgrid(pixel - given["y"], pixel - given["x"], indexing="ij")
    bell = np.exp(-(u**2) / (2 * sigma_x**2) - v**2 / (2 * sigma_y**2))
    by_sigma_x, by_sigma_y = amplitude * bell * u**2 / sigma_x**3, amplitude * bell * v**2 / sigma_y**3
    derivatives = {
        "amplitude": bell,
        "x": amplitude * bell * u / sigma_x**2 - slope_x,
        "y": amplitude * bell * v / sigma_y**2 - slope_y,
        "sigma": by_sigma_x + by_sigma_y,
        "sigma_x": by_sigma_x,
        "sigma_y": by_sigma_y,
        "background": np.ones_like(bell),
        "slope_x": u,
        "slope_y": v,
    }
    model = amplitude * bell + given.get("background", 0.0) + slope_x * u + slope_y * v
    return model, np.stack([derivatives[name] for name in free])


def fit_least_squares(data: Image, variance: Image, start: Values, free: Sequence[str] = SAMPLED) -> ReferenceFit:
    """Fit :func:`sampled_gaussian` by least squares, weighted with the inverse of a given variance.

    Errors are ``sqrt(C_ii chi² / (N - p))``, as PYME's.
    """
    half, weight = data.shape[0] // 2, 1 / np.sqrt(variance.astype(np.float64))

    def residuals(values: Values) -> Values:
        return np.asarray(((sampled_gaussian(values, free, half)[0] - data) * weight).ravel())

    def jacobian(values: Values) -> Values:
        return np.asarray((sampled_gaussian(values, free, half)[1] * weight).reshape(len(free), -1).T)

    found = least_squares(
        residuals, start, jacobian, method="lm", x_scale="jac", max_nfev=2000, ftol=1e-14, xtol=1e-14, gtol=1e-14
    )
    squares, slopes = 2 * float(found.cost), jacobian(found.x)
    covariance = np.linalg.inv(slopes.T @ slopes) * squares / (np.count_nonzero(weight) - len(free))
    return ReferenceFit(values=found.x, errors=np.sqrt(np.diag(covariance)), objective=squares)


def pyme_start(data: Image, background: Image, xy: Sequence[float], sigma: float) -> Values:
    """Return what LatGaussFitFR starts from, its lengths in px, where ``data`` still contains the background."""
    least = float((data - background).min())
    return np.array([float(data.max() - data.min()), *xy, sigma, least, 1e-3, 1e-3])


@dataclass(frozen=True, kw_only=True, eq=False)
class Likelihood:
    """The likelihood of a spot integrated over pixels under Poisson and read noise.

    Parameters
    ----------
    data, read_variance
        ``(y, x)``: photoelectrons, and the variance of the readout, e-².
    fixed
        ``(8,)``: a spot (:data:`pointillist.fitting.scoring.precision.SPOT_PARAMETERS`),
        with the values of what is not free.
    free
        What is fitted.
    noise_factor
        Excess noise of the EM register.

    Notes
    -----
    ``d + v`` is taken to be Poisson-distributed about ``mean + v`` (Huang et al., Nat. Methods 10 (2013) 653), with
    ``d = data / F²``, ``mean = model / F²``, ``v = read variance / F⁴`` for the excess noise F: in this unit variance
    equals mean. Counts may be negative; nothing is clipped, so the derivatives of the deviance vanish in the mean.
    Where the light that is expected is negative, so that the mean is below the least ``v`` of the region, there is read
    noise alone: the counts are Gaussian with this ``v`` for their variance.
    """

    data: Image
    read_variance: Image
    fixed: Values
    free: Sequence[str] = CIRCULAR
    noise_factor: float = 1.0

    def spot(self, values: Values) -> Values:
        """Return the whole spot, ``(8,)``."""
        spot = self.fixed.copy()
        for name, value in zip(self.free, values, strict=True):
            for whole in ("sigma_x", "sigma_y") if name == "sigma" else (name,):
                spot[SPOT_PARAMETERS.index(whole)] = value
        return spot

    def _counts(self, values: Values) -> tuple[Values, Values, Values, float]:
        """Return the counts of the seen pixels, their expectations, the derivatives of these, the least variance."""
        excess = self.noise_factor**2
        means, slopes = spot_model(self.spot(values)[None], self.data.shape[0] // 2, self.free)
        is_seen = np.isfinite(self.read_variance)
        extra = self.read_variance[is_seen].astype(np.float64) / excess**2
        counts = self.data[is_seen].astype(np.float64) / excess + extra
        least = max(float(extra.min()), LEAST_VARIANCE / excess)
        return counts, means[0][is_seen] / excess + extra, slopes[0][:, is_seen] / excess, least

    def deviance(self, values: Values) -> float:
        """Return twice the logarithm of the likelihood ratio to the data.

        Pixels whose counts are not positive add no constant, ``d log d``: it is not defined, and shifts no optimum.
        """
        counts, expected, _, least = self._counts(values)
        safe, positive = np.where(counts > 0, counts, 1.0), np.maximum(expected, least)
        poisson = positive - counts - counts * np.log(positive) + counts * np.log(safe)
        gaussian = ((expected - counts) ** 2 - (positive - counts) ** 2) / (2 * least)
        return float(2 * np.sum(poisson + gaussian))

    def gradient(self, values: Values) -> Values:
        """Return the derivatives of the deviance."""
        counts, expected, slopes, least = self._counts(values)
        return np.asarray(2 * slopes @ ((expected - counts) / np.maximum(expected, least)))

    def information(self, values: Values) -> Values:
        """Return the Fisher information."""
        _, expected, slopes, least = self._counts(values)
        return np.asarray(fisher_information(slopes[None, :, None], np.maximum(expected, least)[None, None])[0])


def fit_maximum_likelihood(likelihood: Likelihood, start: Values) -> ReferenceFit:
    """Find the maximum of the likelihood near a start; the errors are those of the Fisher information there."""
    unit = 1 / np.sqrt(np.diag(likelihood.information(start)))  # the search is blind to the parameters' units

    def objective(z: Values) -> float:
        return likelihood.deviance(start + unit * z)

    def gradient(z: Values) -> Values:
        return likelihood.gradient(start + unit * z) * unit

    def curvature(z: Values) -> Values:
        return 2 * likelihood.information(start + unit * z) * np.outer(unit, unit)

    found = minimize(
        objective, np.zeros_like(start), jac=gradient, hess=curvature, method="trust-exact", options={"gtol": 1e-7}
    )
    values = start + unit * found.x
    errors = np.sqrt(np.diag(np.linalg.inv(likelihood.information(values))))
    return ReferenceFit(values=values, errors=errors, objective=likelihood.deviance(values))
