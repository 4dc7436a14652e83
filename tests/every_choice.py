"""``python every_choice.py DTYPE``: analyse with every choice of settings; print what the cache did not have."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from loaded_kernels import missed
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.background import background_images
from pointillist.fitting.backgrounds.images import BackgroundImages
from pointillist.fitting.backgrounds.registry import METHODS, background_method
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.detection.methods import DETECTORS
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizer import inspect, localize
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.shared_settings import BackgroundModel, Estimator

SIDE, N_FRAMES = 24, 6
WLS: tuple[Estimator, ...] = ("wls",)
NONE: tuple[BackgroundModel, ...] = ("none",)
PARAMETERS = {
    "mean": ("b=-2", "b=-1^e=2"),
    "percentile": ("b=-3", "b=-3^e=3"),
    "rollmed": ("k=2", "k=3", "k=2^dcnum=1"),
    "sparsemed": ("k=2^i=2", "k=3^i=2^o=0", "k=2^t=1^i=2", "k=2^dcnum=1"),
}
"""That suit so few frames, by the code of the method; other methods have their defaults."""
DEFAULT = FitSettings(psf_sigma_px=1.2, background=background_method("none"), false_positives_per_frame=1.0)


def cameras() -> list[CameraModel]:
    plain = CameraModel(electrons_per_adu=1.0, offset_adu=10.0, read_variance_e2=1.0)
    uneven = np.random.default_rng(0).uniform(1, 30, (SIDE, SIDE)).astype(np.float32)
    return [
        plain,
        replace(plain, em_gain=2.0, noise_factor=2**0.5),
        replace(plain, read_variance_e2=uneven),
        replace(plain, offset_adu=uneven, read_variance_e2=uneven, flat_field=uneven / uneven.mean()),
    ]


def detections() -> Iterator[FitSettings]:
    methods = [f"{code}:{some}" if some else code for code in METHODS for some in PARAMETERS.get(code, ("",))]
    for detector, method in itertools.product(DETECTORS, methods):
        settings = replace(DEFAULT, detector=detector, background=background_method(method))
        yield settings
        yield replace(settings, lowpass_px=1.4, is_snr_threshold=False, clump_reject_radius_px=3.0, psf_sigma_px=2.1)


def fits() -> Iterator[FitSettings]:
    for name, module in MODULES.items():
        for estimator, background in itertools.product(module.estimators or WLS, module.backgrounds or NONE):
            settings = replace(DEFAULT, fit_module=name, estimator=estimator, background_model=background)
            for weights in ("data", "model", "smoothed") if module.estimators and estimator == "wls" else ("data",):
                yield replace(settings, weights=weights)
            yield replace(settings, pixel_aspect=1.1, is_background_subtracted=False)
            if module.has_free_width:
                yield replace(settings, is_sigma_fitted=False)


def make_frames(dtype: str) -> NDArray[Any]:
    y, x = np.mgrid[:SIDE, :SIDE]
    frames = np.random.default_rng(1).poisson(20, (N_FRAMES, SIDE, SIDE)).astype(dtype)
    frames[N_FRAMES // 2 :] += (100 * np.exp(-((x - 12.2) ** 2 + (y - 11.7) ** 2) / 2.5)).astype(dtype)
    return frames


def stored_background(frames: NDArray[Any], start: int, stop: int) -> BackgroundImages:
    index, offsets = np.zeros(stop - start, np.int32), np.zeros(stop - start)
    return BackgroundImages(first=start, images=frames[:1].astype(np.float32), index=index, offsets_adu=offsets)


def part(frames: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    return frames[start:stop]


def analyse(frames: NDArray[Any], camera: CameraModel, settings: FitSettings) -> int:
    stored: Callable[[int, int], BackgroundImages] = partial(stored_background, frames)
    block = BlockReader(partial(part, frames), N_FRAMES, settings, stored).block(0, N_FRAMES)
    background_images(block, 0, N_FRAMES, settings)
    inspect(block, N_FRAMES - 1, camera, settings)
    return len(localize(block, 0, N_FRAMES, camera, settings).rows)


def main() -> None:
    frames = make_frames(sys.argv[1])
    for camera in cameras():
        assert sum(analyse(frames, camera, settings) for settings in [*detections(), *fits()]) > 100
    sys.stdout.write(json.dumps(missed()))


if __name__ == "__main__":
    main()
