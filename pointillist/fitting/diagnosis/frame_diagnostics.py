"""Diagnostics of single frames: noise, fits, and a report of one line per frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import CameraModel
from pointillist.fitting.diagnosis.convergence import converged, median
from pointillist.fitting.estimation import photons
from pointillist.fitting.localizations import FrameBlock, Rows, column
from pointillist.fitting.localizer import Inspection

QUARTILES_IN_SIGMAS = 1.3489795
"""Distance of the quartiles of a normal distribution."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameDiagnostics:
    """One analysed frame.

    Parameters
    ----------
    frame
        Number of the frame within the movie, from 0.
    raw
        Frame ``(y, x)``, ADU.
    inspection
        Results of every step of the analysis.
    noise_ratio
        Measured over expected noise, from :func:`measure_noise`.
    """

    frame: int
    raw: NDArray[Any]
    inspection: Inspection
    noise_ratio: float

    @property
    def fits(self) -> Rows:
        """The fits that converged."""
        return converged(self.inspection.rows)


@dataclass(frozen=True, kw_only=True)
class FrameReport:
    """The numbers of one frame; medians over its fits, NaN without any, and where the fit does not give it.

    Parameters
    ----------
    frame
        Number of the frame within the movie, from 0.
    n_candidates
        Number of candidates.
    n_fits
        Number of fits that converged.
    photons
        Photoelectrons of a spot.
    sigma_px, sigma_y_px
        Standard deviation of a spot, px, and along y for fits with two widths.
    nchi2
        Reduced chi-square; 1 if the noise is that of the camera model.
    snr
        Amplitude of a spot over the noise of the pixel at its peak.
    """

    frame: int
    n_candidates: int
    n_fits: int
    photons: float
    sigma_px: float
    sigma_y_px: float
    nchi2: float
    snr: float


def significant(rows: Rows) -> Rows:
    """Return the fits whose amplitude is at least three times its error, and those that have no such error."""
    is_within_error = column(rows, "amplitude") < 3 * column(rows, "amplitude_error")
    return np.asarray(rows[~is_within_error])


def report(frame: FrameDiagnostics) -> FrameReport:
    """Put the numbers of one frame together."""
    fits = frame.fits
    return FrameReport(
        frame=frame.frame,
        n_candidates=len(frame.inspection.candidates),
        n_fits=len(fits),
        photons=median(photons(fits)),
        sigma_px=median(column(fits, "sigma")),
        sigma_y_px=median(column(fits, "sigma_y")),
        nchi2=median(column(fits, "nchi2")),
        snr=median(signal_to_noise(frame)),
    )


def signal_to_noise(frame: FrameDiagnostics) -> NDArray[np.float64]:
    """Return for each fit the height of its spot over the noise of the pixel under its peak."""
    fits, noise = frame.fits, frame.inspection.noise
    pixel_y = np.clip(np.rint(fits["y"]), 0, noise.shape[0] - 1).astype(np.intp)
    pixel_x = np.clip(np.rint(fits["x"]), 0, noise.shape[1] - 1).astype(np.intp)
    return np.asarray(column(fits, "amplitude") / noise[pixel_y, pixel_x], dtype=np.float64)


def measure_noise(block: FrameBlock, frame: int, camera: CameraModel) -> float:
    """Compare the noise between two neighbouring frames with the noise that the camera model expects.

    Parameters
    ----------
    block
        Raw frames, including the two that are compared.
    frame
        Number of a frame within the movie, from 0; it is compared with the frame before it, or after it if there is
        none before.
    camera
        Camera model, which predicts the noise.

    Returns
    -------
    float
        Measured over expected standard deviation, from the quartiles, which blinking spots hardly affect; NaN without a
        second frame. Below about 5 photoelectrons per px it is biased to small values, since the quartiles of counts
        lie close together.
    """
    position = frame - block.first
    other = position - 1 if position > 0 else position + 1
    if other >= len(block.frames):
        return float("nan")
    maps = camera.maps((block.frames.shape[1], block.frames.shape[2]))
    pair = (block.frames[[position, other]].astype(np.float64) - maps.offset_adu) * maps.gain_e_per_adu
    mean = pair.mean(axis=0)
    expected = np.sqrt(2 * (maps.read_variance_e2 + maps.excess * np.maximum(mean, maps.least_signal_e)))
    if not np.isfinite(pair).all():
        return float("nan")
    low, high = np.percentile((pair[0] - pair[1]) / expected, (25, 75))
    return float((high - low) / QUARTILES_IN_SIGMAS)
