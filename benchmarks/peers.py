"""Other people's fits of the same regions, on one core: Picasso's, PYME's, and SciPy's curve_fit.

Each peer takes regions and returns a run: called, it fits them all and returns the seconds and what it found.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from estimates import Estimates, estimates_of
from scipy.optimize import curve_fit

from pointillist.fitting.simulation.regions import Regions

Run = Callable[[], tuple[float, Estimates]]
Peer = Callable[[Regions], Run]

PYME_FITS = Path(__file__).with_name("pyme_fits.py")


def missing_peers() -> list[str]:
    """Say which peers are left out, and how to have them."""
    lines = []
    if not has_picasso():
        lines.append("Picasso is left out: pip install 'pointillist[bench]' brings it")
    if not has_pyme():
        lines.append("PYME is left out: set POINTILLIST_PYME_PYTHON to an interpreter that has it")
    return lines


def has_picasso() -> bool:
    """Whether Picasso is installed."""
    return importlib.util.find_spec("picasso") is not None


def picasso_version() -> str:
    """Version of Picasso."""
    return importlib.metadata.version("picassosr")


def has_pyme() -> bool:
    """Whether an interpreter that has PYME is named."""
    return "POINTILLIST_PYME_PYTHON" in os.environ


def first(regions: Regions, n: int) -> Regions:
    """Return the first regions."""
    return replace(
        regions,
        spots=regions.spots[:n],
        photoelectrons=regions.photoelectrons[:n],
        read_variance=regions.read_variance[:n],
    )


def _timed(fit: Callable[[], Any], read: Callable[[Any], Estimates]) -> Run:
    def run() -> tuple[float, Estimates]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.thread_time()
            found = fit()
            seconds = time.thread_time() - start
        return seconds, read(found)

    return run


def picasso_newton(method: str) -> Peer:
    """``picasso.gaussmle``, as ``picasso localize`` calls it."""

    def prepare(regions: Regions) -> Run:
        from picasso import gaussmle  # noqa: PLC0415 - heavy, and optional

        half = regions.roi_half_size

        def read(found: Any) -> Estimates:  # noqa: ANN401 - a tuple of arrays
            x, y, light, background, sigma_x, sigma_y = found[0].T.astype(np.float64)
            return estimates_of(
                len(x),
                errors_x=np.sqrt(found[1][:, 0]),
                x=x - half,
                y=y - half,
                photons=light,
                sigma_x=sigma_x,
                sigma_y=sigma_x if method == "sigma" else sigma_y,
                background=background,
            )

        return _timed(lambda: gaussmle.gaussmle(regions.photoelectrons, 0.001, 100, method), read)

    return prepare


def picasso_levenberg_marquardt(*, is_circular: bool, is_likelihood: bool) -> Peer:
    """``picasso.localize.fit_spots_gauss``: likelihood with the camera's variance, or least squares."""

    def prepare(regions: Regions) -> Run:
        from picasso import localize  # noqa: PLC0415

        half = regions.roi_half_size
        variance = {"variance": regions.read_variance} if is_likelihood else {}

        def read(found: Any) -> Estimates:  # noqa: ANN401 - an array
            light, x, y, sigma_x, sigma_y, background = found.T.astype(np.float64)
            return estimates_of(
                len(x), x=x - half, y=y - half, photons=light, sigma_x=sigma_x, sigma_y=sigma_y, background=background
            )

        return _timed(
            lambda: localize.fit_spots_gauss(
                regions.photoelectrons, mle=is_likelihood, spherical=is_circular, **variance
            ),
            read,
        )

    return prepare


def picasso_least_squares(regions: Regions) -> Run:
    """``picasso.gausslq``."""
    from picasso import gausslq  # noqa: PLC0415

    def read(found: Any) -> Estimates:  # noqa: ANN401 - an array
        x, y, light, background, sigma_x, sigma_y = found.T.astype(np.float64)
        return estimates_of(len(x), x=x, y=y, photons=light, sigma_x=sigma_x, sigma_y=sigma_y, background=background)

    return _timed(lambda: gausslq.fit_spots(regions.photoelectrons), read)


def scipy_curve_fit(regions: Regions) -> Run:
    """``scipy.optimize.curve_fit`` of a sampled Gaussian, unweighted."""
    half = regions.roi_half_size
    y, x = (axis.ravel() for axis in np.mgrid[-half : half + 1, -half : half + 1])

    def model(_: Any, height: float, x0: float, y0: float, sigma: float, background: float) -> Any:  # noqa: ANN401
        return height * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2)) + background

    def fit() -> list[Any]:
        found = []
        for data in regions.photoelectrons:
            start = (np.ptp(data), 0.0, 0.0, 1.0, data.min())
            found.append(curve_fit(model, x, data.ravel(), start)[0])
        return found

    def read(found: list[Any]) -> Estimates:
        height, x0, y0, sigma, background = np.array(found).T
        light = 2 * np.pi * height * sigma**2
        sigma = abs(sigma)
        return estimates_of(len(x0), x=x0, y=y0, photons=light, sigma_x=sigma, sigma_y=sigma, background=background)

    return _timed(fit, read)


def pyme_lat_gauss(regions: Regions) -> Run:
    """PYME's LatGaussFitFR, run by the interpreter that has it; the seconds are those of the fits alone."""
    half = regions.roi_half_size

    def run() -> tuple[float, Estimates]:
        with tempfile.TemporaryDirectory() as folder:
            source, result = Path(folder) / "regions.npz", Path(folder) / "fits.npy"
            noise = np.sqrt(regions.read_variance + np.maximum(regions.photoelectrons, 0.5) + 1)
            np.savez(source, data=regions.photoelectrons, noise=noise)
            command = [os.environ["POINTILLIST_PYME_PYTHON"], "-W", "ignore", str(PYME_FITS), str(source), str(result)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            found = np.load(result).astype(np.float64)
        height, x, y, sigma, background, slope_x, slope_y, error_x = found.T
        return json.loads(answer.stdout.splitlines()[-1]), estimates_of(
            len(x),
            errors_x=error_x,
            x=x - half,
            y=y - half,
            photons=2 * np.pi * sigma**2 * height,
            sigma_x=abs(sigma),
            sigma_y=abs(sigma),
            background=background,
            slope_x=slope_x,
            slope_y=slope_y,
        )

    return run
