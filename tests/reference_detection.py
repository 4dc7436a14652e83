"""What detectors are held against: the same by scipy, in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection.detector import BORDER_PX, Detector, RawFrame
from pointillist.fitting.detection.registry import detector_of
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation.blinking import Blinking
from pointillist.fitting.simulation.movie import Scene, Simulation

Image = NDArray[np.float64]

PERFECT = CameraModel(electrons_per_adu=1.0, offset_adu=0.0, read_variance_e2=0.0)
"""Counts are photoelectrons."""


def search(
    frame: NDArray[Any], settings: FitSettings, camera: CameraModel = PERFECT
) -> tuple[Detector, NDArray[np.float32]]:
    """Search one frame without background."""
    detector = detector_of(settings, camera.maps((frame.shape[0], frame.shape[1])))
    return detector, detector.find(RawFrame(frame, None))


def noise_movie(camera: CameraModel, frame_shape: tuple[int, int], light: float, n_frames: int) -> NDArray[np.uint16]:
    """Record even light."""
    scene = Scene(frame_shape=frame_shape, blinking=Blinking(emitters_per_frame=0), background=light)
    return Simulation(scene, camera, seed=5).frames(0, n_frames)


def spot(shape: tuple[int, int], y: float, x: float, photons: float = 1000.0, sigma: float = 1.3) -> Image:
    v, u = np.indices(shape)
    return photons / (2 * np.pi * sigma**2) * np.exp(-0.5 * ((v - y) ** 2 + (u - x) ** 2) / sigma**2)


def averaged(image: NDArray[Any], weights: NDArray[Any]) -> Image:
    """Average along both axes, with weights of an odd number; edge pixels are repeated."""
    exact = image.astype(np.float64)
    return np.asarray(ndimage.correlate1d(ndimage.correlate1d(exact, weights, 0), weights, 1))


def gaussian(sigma: float, radius: int) -> Image:
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(weights / weights.sum())


def bordered(image: Image) -> Image:
    """Set the border, in which nothing is found, to 0."""
    inner = np.zeros_like(image)
    inside = slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX)
    inner[inside] = image[inside]
    return inner


def maxima(filtered: NDArray[np.float32], threshold: NDArray[np.float32], reach: int) -> NDArray[np.int64]:
    """Return y and x of what exceeds the threshold and all that is so near, ``(maximum, 2)``."""
    highest = ndimage.maximum_filter(filtered, 2 * reach + 1)
    return np.argwhere((filtered == highest) & (filtered > threshold))
