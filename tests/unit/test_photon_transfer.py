from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from pointillist.fitting.camera.calibration import Moments, PixelStatistics, find_blemishes
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.camera.photon_transfer import PhotonTransfer, measure_photon_transfer
from pointillist.fitting.simulation import Blinking, Scene, Simulation, emccd, scmos

SHAPE = (48, 48)
LEVELS_E = (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def recorded(camera: CameraModel, level_e: float, seed: int, n_frames: int = 300) -> PixelStatistics:
    scene = Scene(frame_shape=SHAPE, blinking=Blinking(emitters_per_frame=0), background=level_e)
    moments = Moments(SHAPE)
    moments.add(Simulation(scene, camera, seed).frames(0, n_frames))
    return moments.statistics()


def measured(camera: CameraModel, levels_e: Sequence[float], excess: float = 1.0) -> PhotonTransfer:
    dark = recorded(camera, 0, 100)
    lights = [recorded(camera, level, 101 + n) for n, level in enumerate(levels_e)]
    return measure_photon_transfer(dark, lights, find_blemishes(dark.mean, dark.variance * 0.2), excess)


@cache
def of_scmos() -> tuple[PhotonTransfer, np.ndarray]:
    camera = scmos(SHAPE, 3)
    return measured(camera, LEVELS_E), 1 / (camera.electrons_per_adu * np.asarray(camera.flat_field))


def test_the_gain_of_the_camera_is_right_within_its_error() -> None:
    transfer, true_slope = of_scmos()
    # Its error is that of measuring these pixels; their spread is part of it.
    assert abs(transfer.slope_adu - true_slope.mean()) < 3 * transfer.slope_error_adu
    assert transfer.slope_error_adu < 0.002 * transfer.slope_adu
    assert transfer.spread_adu == pytest.approx(true_slope.std(), rel=0.15)


def test_errors_of_the_pixels_gains_are_honest() -> None:
    transfer, true_slope = of_scmos()
    pulls = (transfer.pixel_slope_adu - true_slope) / transfer.pixel_slope_error_adu
    assert pulls.std() == pytest.approx(1, abs=0.05)
    assert abs(pulls.mean()) < 0.08


def test_the_best_slopes_are_nearer_to_the_truth_than_measured_ones_and_than_one_for_all() -> None:
    transfer, true_slope = of_scmos()
    best = np.std(transfer.best_slope_adu - true_slope)
    assert best < 0.85 * np.std(true_slope)
    assert best < 0.85 * np.std(transfer.pixel_slope_adu - true_slope)


def test_the_excess_noise_of_an_em_register_is_allowed_for() -> None:
    transfer = measured(emccd(), (5.0, 20.0, 50.0, 100.0), excess=2.0)
    assert transfer.slope_adu == pytest.approx(2 * 100 / 10, rel=0.01)
    pulls = (transfer.pixel_slope_adu - 20) / transfer.pixel_slope_error_adu
    assert pulls.std() == pytest.approx(1, abs=0.06)
    assert transfer.spread_adu < 0.3


def test_a_level_that_saturates_is_left_out() -> None:
    camera = scmos(SHAPE, 3)
    dark = recorded(camera, 0, 100)
    lights = [recorded(camera, level, 101 + n) for n, level in enumerate(LEVELS_E[:4])]
    saturated = Moments(SHAPE)
    saturated.add(np.full((300, *SHAPE), 4095, np.uint16))
    transfer = measure_photon_transfer(dark, [*lights, saturated.statistics()], np.zeros(SHAPE, dtype=bool))
    assert transfer.is_used.tolist() == [True] * 4 + [False]
    assert transfer.slope_adu == pytest.approx(1 / 0.46, rel=0.02)


def test_light_that_is_no_brighter_than_the_dark_is_refused() -> None:
    dark = recorded(scmos(SHAPE, 3), 0, 100, n_frames=10)
    with pytest.raises(ValueError, match="no brighter"):
        measure_photon_transfer(dark, [dark], np.zeros(SHAPE, dtype=bool))
