"""What looks wrong in a few frames, and which setting to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import NoBackground
from pointillist.fitting.detection import BORDER_PX, THRESHOLD_SETTINGS
from pointillist.fitting.diagnosis.convergence import median
from pointillist.fitting.diagnosis.frame_diagnostics import FrameDiagnostics, significant
from pointillist.fitting.estimation import width_px
from pointillist.fitting.localizations import column
from pointillist.fitting.settings import FitSettings

SATURATED_PIXELS = 3
FULL_SCALES = (255, 4095, 16383, 65535)
"""Largest counts of cameras with 8, 12, 14 and 16 bits."""

DIM_E = 5.0
"""Photoelectrons per pixel below which a frame is dim."""

BAND_PX = 6
"""Width of the zone next to the border that detection leaves out, in which an uneven field shows first."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that looks wrong.

    Parameters
    ----------
    settings
        PYME's names of the settings to check; empty if the microscope is to be changed.
    problem
        Description of the observation.
    remedy
        Advice.
    """

    settings: tuple[str, ...]
    problem: str
    remedy: str


Check = Callable[[Sequence[FrameDiagnostics], FitSettings], Finding | None]


def find_symptoms(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> list[Finding]:
    """Return what looks wrong, the most basic first.

    Parameters
    ----------
    looks
        Diagnostics of frames that were analysed with these settings, at least one.
    settings
        Settings of the analysis.
    """
    return list(_all_symptoms(looks, settings))


def background_hides(
    looks: Sequence[FrameDiagnostics], without_background: Sequence[FrameDiagnostics], settings: FitSettings
) -> Finding | None:
    """Say whether the background window takes away what looks like molecules.

    Parameters
    ----------
    looks
        Diagnostics of frames that were analysed with these settings.
    without_background
        Diagnostics of the same frames, analysed without a background window.
    settings
        Settings of the analysis.
    """
    n_with, n_without = (sum(len(significant(look.fits)) for look in series) for series in (looks, without_background))
    n_all = sum(len(look.inspection.candidates) for look in without_background)
    if n_without < max(10, 4 * n_with) or n_without < 0.6 * n_all:
        return None
    background = settings.background.identifier
    return Finding(
        settings=("Analysis.BGRange",),
        problem=f"with the background {background} there are {n_with} clear fits, without it {n_without}",
        remedy="molecules that stay on for long are taken for background: use a longer window, or 0:0 for none",
    )


def _all_symptoms(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Iterator[Finding]:
    for check in _CHECKS:
        finding = check(looks, settings)
        if finding is not None:
            yield finding


def _saturation(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    n_pixels = [_saturated(look.raw) for look in looks]
    if max(n_pixels) < SATURATED_PIXELS:
        return None
    return Finding(
        settings=(),
        problem=f"up to {max(n_pixels)} pixels per frame are saturated",
        remedy="their photons are too low: record with less gain or shorter exposures",
    )


def _saturated(raw: NDArray[np.generic]) -> int:
    largest = raw.max()
    return int(np.count_nonzero(raw == largest)) if largest in FULL_SCALES else 0


def _offset_too_high(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    level = median(np.array([np.median(look.inspection.photoelectrons) for look in looks]))
    noise = median(np.array([np.median(look.inspection.noise) for look in looks]))
    if level > -0.3 * noise:
        return None
    return Finding(
        settings=("Camera.ADOffset", "Camera.DarkMapID"),
        problem=f"most pixels are darker than dark: their median is {level:.1f} photoelectrons",
        remedy="lower the offset to what the camera reads without light",
    )


def _noise_mismatch(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    ratio = median(np.array([look.noise_ratio for look in looks]))
    level = median(np.array([np.median(look.inspection.photoelectrons) for look in looks]))
    # In dim frames counts are too coarse for quartiles, and a few blinks weigh more.
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


def _background_off(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    if isinstance(settings.background, NoBackground):
        return None
    left = [
        np.median((look.inspection.photoelectrons - look.inspection.background) / look.inspection.noise)
        for look in looks
        if look.inspection.background.any()
    ]
    level = median(np.array(left))
    if np.isnan(level) or abs(level) < 0.5:
        return None
    return Finding(
        settings=("Analysis.BGRange", "Analysis.PCTBackground"),
        problem=f"with its background subtracted, the typical pixel is at {level:+.1f} times its noise instead of 0",
        remedy="the light changes within the background window: shorten it, or use 0:0",
    )


def _nothing_found(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    if any(len(look.inspection.candidates) for look in looks):
        return None
    key, at_threshold = _threshold(settings)
    return Finding(
        settings=(key,),
        problem=f"nothing was found in {len(looks)} frames at {at_threshold}",
        remedy="lower the threshold, and check that these frames show molecules",
    )


def _threshold(settings: FitSettings) -> tuple[str, str]:
    """Return the key of the threshold, and what it is."""
    key, field = THRESHOLD_SETTINGS[settings.detector]
    value = f"{getattr(settings, field):g}"
    return key, f"threshold {value}" if field == "detection_threshold" else f"{value} false positives per frame"


def _too_many(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    counts = [len(look.inspection.candidates) for look in looks]
    fits = np.concatenate([look.fits for look in looks])
    area = looks[0].raw.size
    share = median(np.array(counts)) * (2 * settings.debounce_radius_px) ** 2 / area
    weak = 1 - len(significant(fits)) / len(fits) if len(fits) >= 10 else 0.0
    if share < 0.25 and weak < 0.3:
        return None
    reason = f"{100 * weak:.0f} % of the fits are within their own noise" if weak >= 0.3 else "they fill the frame"
    key, at_threshold = _threshold(settings)
    return Finding(
        settings=(key,),
        problem=f"{max(counts)} candidates in a frame at {at_threshold}: {reason}",
        remedy="raise the threshold, or fits of noise will take most of the time",
    )


def _width_off(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = significant(np.concatenate([look.fits for look in looks]))
    if len(fits) < 5:
        return None
    sigma, guess = median(width_px(fits)), settings.psf_sigma_px
    if np.isnan(sigma) or 0.6 < sigma / guess < 1.6:
        return None
    return Finding(
        settings=("Analysis.PSFSigmaGuess", "voxelsize.x", "voxelsize.y"),
        problem=f"spots are {sigma:.2f} px wide (sigma), the fit starts from {guess:.2f} px",
        remedy="correct the guess; if it is right in nm, the pixel size is not",
    )


def _odd_widths(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = np.concatenate([look.inspection.rows for look in looks])
    width = width_px(fits)
    is_odd = (width < 0.35) | (width > settings.roi_half_size)
    if "x_error" in (fits.dtype.names or ()):
        is_odd |= ~np.isfinite(fits["x_error"])
    if len(fits) < 10 or np.mean(is_odd) < 0.2 or _too_many(looks, settings) is not None:
        return None
    return Finding(
        settings=("Analysis.ROISize", _threshold(settings)[0], "Camera.VarianceMapID"),
        problem=f"{100 * np.mean(is_odd):.0f} % of the fits fail, or are far narrower or wider than a spot",
        remedy="these are hot pixels, noise or haze: use camera maps, raise the threshold, or fit a larger region",
    )


def _crowded_border(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    del settings
    height, width = looks[0].raw.shape
    inner = BORDER_PX + BAND_PX
    if min(height, width) < 4 * inner:
        return None
    points = np.concatenate([look.inspection.candidates for look in looks])
    x, y = points[:, 0], points[:, 1]
    is_inner = (x >= inner) & (x < width - inner) & (y >= inner) & (y < height - inner)
    n_border, n_inner = int((~is_inner).sum()), int(is_inner.sum())
    inner_area = (height - 2 * inner) * (width - 2 * inner)
    border_area = (height - 2 * BORDER_PX) * (width - 2 * BORDER_PX) - inner_area
    if n_border < 10 or n_border / border_area < 3 * max(n_inner, 1) / inner_area:
        return None
    return Finding(
        settings=("Camera.FlatfieldMapID", "Analysis.BGRange"),
        problem=f"{n_border} of {n_border + n_inner} candidates lie along the border",
        remedy="the field is uneven there: use a flat field, a background window, or a smaller camera region",
    )


def _standing(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    """Find pixels that are candidates in most frames."""
    del settings
    if len(looks) < 4:
        return None
    width = looks[0].raw.shape[1]
    places = [
        np.unique(np.rint(look.inspection.candidates[:, :2]).astype(np.intp) @ np.array([1, width])) for look in looks
    ]
    _, counts = np.unique(np.concatenate(places), return_counts=True)
    n_standing = int((counts > 0.6 * len(looks)).sum())
    if n_standing < 3:
        return None
    return Finding(
        settings=("Camera.VarianceMapID", "Analysis.BGRange"),
        problem=f"{n_standing} places are candidates in most of the frames",
        remedy="they are hot pixels or light that does not blink: use camera maps, or a background window",
    )


def _misfit(looks: Sequence[FrameDiagnostics], settings: FitSettings) -> Finding | None:
    fits = significant(np.concatenate([look.fits for look in looks]))
    if len(fits) < 10 or _noise_mismatch(looks, settings) is not None:
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
    _background_off,
    _nothing_found,
    _too_many,
    _crowded_border,
    _standing,
    _width_off,
    _odd_widths,
    _misfit,
)
