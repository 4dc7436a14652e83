"""Detectors by name, with their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointillist.fitting.shared_settings import (
    FALSE_POSITIVES,
    HIGHPASS,
    LOWPASS,
    NEIGHBOURS,
    PSF_SIGMA,
    SNR_THRESHOLD,
    THRESHOLD,
    VARIANCE_WEIGHTING,
)
from pointillist.plugins import Registry, Setting

if TYPE_CHECKING:
    from pointillist.fitting.detection.detector import Detector


@dataclass(frozen=True, kw_only=True)
class DetectionMethod:
    """A detector, and the settings that it uses.

    Parameters
    ----------
    summary
        Description in one line.
    detector
        What makes the detector from the settings of the analysis and the camera maps, or where that is:
        ``package.module:name``.
    threshold
        Setting that decides how much it finds.
    settings
        Other settings that it uses; those that only this detector has included.
    """

    summary: str
    detector: str | Callable[..., Detector]
    threshold: Setting
    settings: tuple[Setting, ...] = ()


_BUILT_IN: Mapping[str, DetectionMethod] = {
    "difference-of-gaussians": DetectionMethod(
        summary="a band-pass of two Gaussian averages, as in PYME",
        detector="pointillist.fitting.detection.difference_of_gaussians:DifferenceOfGaussians",
        threshold=THRESHOLD,
        settings=(SNR_THRESHOLD, LOWPASS, HIGHPASS, VARIANCE_WEIGHTING, *NEIGHBOURS),
    ),
    "local-maximum": DetectionMethod(
        summary="local maxima of a matched filter, at a given number of false positives",
        detector="pointillist.fitting.detection.local_maximum:LocalMaximum",
        threshold=FALSE_POSITIVES,
        settings=(PSF_SIGMA, VARIANCE_WEIGHTING, *NEIGHBOURS),
    ),
    "wavelet": DetectionMethod(
        summary="local maxima of the second plane of a wavelet transform",
        detector="pointillist.fitting.detection.wavelet:Wavelet",
        threshold=THRESHOLD,
        settings=(VARIANCE_WEIGHTING, *NEIGHBOURS),
    ),
}

DETECTORS: Registry[DetectionMethod] = Registry("pointillist.detectors", _BUILT_IN)
"""All detectors, by name."""
