"""Spots in frames and in regions of their own, and the fits of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.camera.model import CameraMaps, CameraModel
from pointillist.fitting.estimation.fit import FrameImages
from pointillist.fitting.estimation.registry import fit_of
from pointillist.fitting.localizations import Rows
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.regions import Regions

Image = NDArray[np.float32]
LIKELIHOOD = FitSettings(psf_sigma_px=1.2, estimator="mle", background_model="flat", roi_half_size=3)
SLOPING = FitSettings(psf_sigma_px=1.2, estimator="mle", roi_half_size=3)
LEAST_SQUARES = FitSettings(psf_sigma_px=1.2)


def camera_of(read_variance: Image, noise_factor: float = 1.0) -> CameraMaps:
    camera = CameraModel(
        electrons_per_adu=0.5, offset_adu=0.0, read_variance_e2=read_variance, noise_factor=noise_factor
    )
    return camera.maps((read_variance.shape[0], read_variance.shape[1]))


def images_of(frame: Image, read_variance: Image, background: float = 0.0) -> FrameImages:
    return FrameImages(frame, np.full_like(frame, background), read_variance + np.maximum(frame, 0.5) + 1)


def fit(frame: Image, *points: tuple[float, float], settings: FitSettings = LEAST_SQUARES, **others: Any) -> Rows:
    read_variance = np.full_like(frame, others.pop("read_variance", 1.0))
    fits = fit_of(settings, camera_of(read_variance, others.pop("noise_factor", 1.0)))
    fits.add(7, images_of(frame, read_variance, **others), np.array([(x, y, 1.0) for x, y in points], np.float32))
    return fits.rows()


def frame_of(*spots: tuple[float, float], seed: int = 0, base: float = 50.0, sigma: float = 1.3) -> Image:
    y, x = np.mgrid[:40.0, :40.0]
    mean = np.full((40, 40), base)
    for x0, y0 in spots:
        mean += 90 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * sigma**2))
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


def fit_regions(regions: Regions, settings: FitSettings, noise_factor: float = 1.0) -> Rows:
    """Fit regions, laid side by side in frames; positions are from their middles."""
    half, n_across = regions.roi_half_size, 16
    rows, side = [], 2 * half + 1
    for start in range(0, len(regions), n_across**2):
        part = slice(start, start + n_across**2)
        n = len(regions.photoelectrons[part])
        frame, variance = np.ones((2, n_across * side, n_across * side), np.float32)
        tiles = [divmod(k, n_across) for k in range(n)]
        for k, (row, column) in enumerate(tiles):
            here = slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side)
            frame[here], variance[here] = regions.photoelectrons[start + k], regions.read_variance[start + k]
        points = np.array([(column * side + half, row * side + half) for row, column in tiles], np.float32)
        fits = fit_of(settings, camera_of(variance, noise_factor))
        fits.add(0, images_of(frame, variance), points)
        found = fits.rows()
        found["x"] -= points[:, 0]
        found["y"] -= points[:, 1]
        rows.append(found)
    return np.concatenate(rows)
