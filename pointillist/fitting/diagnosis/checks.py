"""Checks of a few analysed frames: problems, and the settings to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera import FULL_SCALES
from pointillist.fitting.detection import BORDER_PX, DETECTORS
from pointillist.fitting.diagnosis.convergence import median
from pointillist.fitting.diagnosis.frame_diagnostics import FrameDiagnostics, significant
from pointillist.fitting.estimation import width_px
from pointillist.fitting.localizations import column
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.shared_settings import FALSE_POSITIVES

SATURATED_PIXELS = 3
DIM_E = 5.0
"""Photoelectrons per pixel below which a frame is dim."""

BAND_PX = 6
"""Width of the zone inside the border without detection, where an uneven field shows first."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A probable problem.

    Parameters
    ----------
    settings
        PYME's names of the settings to check; empty if the microscope is to be changed.
    problem
        Description of the observation.
    remedy
        Change to make, in a sentence.
    """

    settings: tuple[str, ...]
    problem: str
    remedy: str


Check = Callable[[Sequence[FrameDiagnostics], FitSettings], Finding | None]


def run_checks(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> list[Finding]:
    """Return the problems of some frames, the most basic first.

    Parameters
    ----------
    diagnostics
        Diagnostics of frames that were analysed with these settings, at least one.
    settings
        Settings of the analysis.
    """
    findings = (check(diagnostics, settings) for check in _CHECKS)
    return [finding for finding in findings if finding is not None]


def check_background(
    diagnostics: Sequence[FrameDiagnostics], without_background: Sequence[FrameDiagnostics], settings: FitSettings
) -> Finding | None:
    """Return a finding if the background window removes probable molecules.

    Parameters
    ----------
    diagnostics
        Diagnostics of frames that were analysed with these settings.
    without_background
        Diagnostics of the same frames, analysed without a background window.
    settings
        Settings of the analysis.
    """
    n_with, n_without = (
        sum(len(significant(frame.fits)) for frame in series) for series in (diagnostics, without_background)
    )
    n_all = sum(len(frame.inspection.candidates) for frame in without_background)
    if n_without < max(10, 4 * n_with) or n_without < 0.6 * n_all:
        return None
    background = settings.background.description
    return Finding(
        settings=("Analysis.BGRange",),
        problem=f"with the background ({background}) there are {n_with} clear fits, without it {n_without}",
        remedy="molecules that stay on for long are taken as background: use a longer window, or 0:0 for no background",
    )


def _saturation(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    n_pixels = [_saturated(frame.raw) for frame in diagnostics]
    if max(n_pixels) < SATURATED_PIXELS:
        return None
    return Finding(
        settings=(),
        problem=f"up to {max(n_pixels)} pixels per frame are saturated",
        remedy="their photon numbers are too low: record with less gain or shorter exposures",
    )


def _saturated(raw: NDArray[np.generic]) -> int:
    largest = raw.max()
    return int(np.count_nonzero(raw == largest)) if largest in FULL_SCALES else 0


def _offset_too_high(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    level = median(np.array([np.median(frame.inspection.photoelectrons) for frame in diagnostics]))
    noise = median(np.array([np.median(frame.inspection.noise) for frame in diagnostics]))
    if level > -0.3 * noise:
        return None
    return Finding(
        settings=("Camera.ADOffset", "Camera.DarkMapID"),
        problem=f"most pixels are below the camera's offset: their median is {level:.1f} photoelectrons",
        remedy="lower the offset to what the camera reads without light",
    )


def _noise_mismatch(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    ratio = median(np.array([frame.noise_ratio for frame in diagnostics]))
    level = median(np.array([np.median(frame.inspection.photoelectrons) for frame in diagnostics]))
    # In dim frames counts are too coarse for quartiles, and single blinks have more effect.
    low, high = (0.88, 1.25) if level > DIM_E else (0.0, 1.5)
    if np.isnan(ratio) or low < ratio < high:
        return None
    if ratio < 1:
        remedy = "the offset may be too low, the electrons per count or the noise factor too high"
    else:
        remedy = "the offset may be too high, the electrons per count or the read noise too low"
    return Finding(
        settings=("Camera.ADOffset", "Camera.ElectronsPerCount", "Camera.NoiseFactor", "Camera.ReadNoise"),
        problem=f"from frame to frame the image ({level:.0f} photoelectrons per px) has {ratio:.2f} times the noise "
        "that the camera settings imply",
        remedy=remedy,
    )


def _background_level(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    if settings.background.is_empty:
        return None
    residual = [
        np.median((frame.inspection.photoelectrons - frame.inspection.background) / frame.inspection.noise)
        for frame in diagnostics
        if frame.inspection.background.any()
    ]
    level = median(np.array(residual))
    if np.isnan(level) or abs(level) < 0.5:
        return None
    return Finding(
        settings=("Analysis.BGRange", "Analysis.PCTBackground"),
        problem=f"after background subtraction, the median pixel is at {level:+.1f} times its noise instead of 0",
        remedy="the light changes within the background window: shorten it, or use 0:0",
    )


def _no_candidates(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    if any(len(frame.inspection.candidates) for frame in diagnostics):
        return None
    key, at_threshold = _threshold(settings)
    return Finding(
        settings=(key,),
        problem=f"nothing was found in {len(diagnostics)} frames at {at_threshold}",
        remedy="lower the threshold, and check that these frames show molecules",
    )


def _threshold(settings: FitSettings) -> tuple[str, str]:
    """Return the key of the threshold setting, and a description of its value."""
    setting = DETECTORS[settings.detector].threshold
    value = f"{settings.value(setting):g}"
    return setting.name, f"{value} false positives per frame" if setting is FALSE_POSITIVES else f"threshold {value}"


def _too_many_candidates(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    counts = [len(frame.inspection.candidates) for frame in diagnostics]
    fits = np.concatenate([frame.fits for frame in diagnostics])
    area = diagnostics[0].raw.size
    share = median(np.array(counts)) * (2 * settings.debounce_radius_px) ** 2 / area
    insignificant = 1 - len(significant(fits)) / len(fits) if len(fits) >= 10 else 0.0
    if share < 0.25 and insignificant < 0.3:
        return None
    reason = (
        f"{100 * insignificant:.0f} % of the fits are no brighter than noise"
        if insignificant >= 0.3
        else "they fill the frame"
    )
    key, at_threshold = _threshold(settings)
    return Finding(
        settings=(key,),
        problem=f"{max(counts)} candidates in a frame at {at_threshold}: {reason}",
        remedy="raise the threshold, or fits of noise will take most of the time",
    )


def _psf_width_mismatch(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = significant(np.concatenate([frame.fits for frame in diagnostics]))
    if len(fits) < 5:
        return None
    sigma, guess = median(width_px(fits)), settings.psf_sigma_px
    if np.isnan(sigma) or 0.6 < sigma / guess < 1.6:
        return None
    return Finding(
        settings=("Analysis.PSFSigmaGuess", "voxelsize.x", "voxelsize.y"),
        problem=f"spots are {sigma:.2f} px wide (sigma), the fit starts from {guess:.2f} px",
        remedy="correct the guess or, if it is right in nm, the pixel size",
    )


def _implausible_widths(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = np.concatenate([frame.inspection.rows for frame in diagnostics])
    width = width_px(fits)
    is_implausible = (width < 0.35) | (width > settings.roi_half_size)
    if "x_error" in (fits.dtype.names or ()):
        is_implausible |= ~np.isfinite(fits["x_error"])
    if len(fits) < 10 or np.mean(is_implausible) < 0.2 or _too_many_candidates(diagnostics, settings) is not None:
        return None
    return Finding(
        settings=("Analysis.ROISize", _threshold(settings)[0], "Camera.VarianceMapID"),
        problem=f"{100 * np.mean(is_implausible):.0f} % of the fits fail, or are far narrower or wider than a spot",
        remedy="these are hot pixels, noise or haze: use camera maps, raise the threshold, or fit a larger region",
    )


def _border_candidates(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    height, width = diagnostics[0].raw.shape
    inner = BORDER_PX + BAND_PX
    if min(height, width) < 4 * inner:
        return None
    points = np.concatenate([frame.inspection.candidates for frame in diagnostics])
    x, y = points[:, 0], points[:, 1]
    is_inner = (x >= inner) & (x < width - inner) & (y >= inner) & (y < height - inner)
    n_border, n_inner = int((~is_inner).sum()), int(is_inner.sum())
    inner_area = (height - 2 * inner) * (width - 2 * inner)
    border_area = (height - 2 * BORDER_PX) * (width - 2 * BORDER_PX) - inner_area
    if n_border < 10 or n_border / border_area < 3 * max(n_inner, 1) / inner_area:
        return None
    return Finding(
        settings=("Camera.FlatfieldMapID", "Analysis.BGRange"),
        problem=f"{n_border} of {n_border + n_inner} candidates are along the border",
        remedy="the illumination is uneven there: use a flat field, a background window, or a smaller camera region",
    )


def _persistent_pixels(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    """Find pixels that are candidates in most frames."""
    del settings
    if len(diagnostics) < 4:
        return None
    width = diagnostics[0].raw.shape[1]
    pixels = [
        np.unique(np.rint(frame.inspection.candidates[:, :2]).astype(np.intp) @ np.array([1, width]))
        for frame in diagnostics
    ]
    _, counts = np.unique(np.concatenate(pixels), return_counts=True)
    n_persistent = int((counts > 0.6 * len(diagnostics)).sum())
    if n_persistent < 3:
        return None
    return Finding(
        settings=("Camera.VarianceMapID", "Analysis.BGRange"),
        problem=f"{n_persistent} pixels are candidates in most of the frames",
        remedy="they are hot pixels or light that does not blink: use camera maps, or a background window",
    )


def _poor_fits(diagnostics: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = significant(np.concatenate([frame.fits for frame in diagnostics]))
    if len(fits) < 10 or _noise_mismatch(diagnostics, settings) is not None:
        return None
    nchi2 = median(column(fits, "nchi2"))
    if np.isnan(nchi2) or 0.5 < nchi2 < 1.7:
        return None
    return Finding(
        settings=("Camera.ElectronsPerCount", "Camera.NoiseFactor", "Camera.ReadNoise"),
        problem=f"fits deviate from the spots by {nchi2:.2f} times the expected variance (nchi2) instead of 1",
        remedy="check the camera's gain and noise" + (", and whether spots overlap or move" if nchi2 > 1 else ""),
    )


_CHECKS: tuple[Check, ...] = (
    _saturation,
    _offset_too_high,
    _noise_mismatch,
    _background_level,
    _no_candidates,
    _too_many_candidates,
    _border_candidates,
    _persistent_pixels,
    _psf_width_mismatch,
    _implausible_widths,
    _poor_fits,
)
