"""The checks of a few analysed frames find what is wrong with the settings, and name the setting."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.background import window_span
from pointillist.fitting.backgrounds.mean import Mean
from pointillist.fitting.backgrounds.no_background import NoBackground
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.diagnosis.checks import Finding, check_background, run_checks
from pointillist.fitting.diagnosis.frame_diagnostics import FrameDiagnostics, measure_noise, report, signal_to_noise
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.localizer import inspect
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation import Blinking, Field, Scene, Simulation, ccd, scmos

SETTINGS = FitSettings(psf_sigma_px=1.3, background=Mean(begin=-10, end=0))
SHAPE = (128, 128)
SCENE = Scene(
    frame_shape=SHAPE,
    structure=Field(frame_shape=SHAPE, margin_px=8, pixel_size_nm=100),
    blinking=Blinking(emitters_per_frame=8),
)
FRAMES = (12, 20, 28, 36, 44)


def movie_of(scene: Scene = SCENE, camera: CameraModel | None = None) -> NDArray[np.uint16]:
    return Simulation(scene, camera, seed=3).frames(0, 45)


def diagnostics_of(
    movie: NDArray[np.uint16], camera: CameraModel | None = None, settings: FitSettings = SETTINGS
) -> list[FrameDiagnostics]:
    camera = camera or ccd()
    diagnostics = []
    for frame in FRAMES:
        first, stop = window_span(settings, frame - 1, frame + 1, len(movie))
        block = FrameBlock(frames=movie[first:stop], first=first, n_movie_frames=len(movie))
        diagnostics.append(
            FrameDiagnostics(
                frame=frame,
                raw=movie[frame],
                inspection=inspect(block, frame, camera, settings),
                noise_ratio=measure_noise(block, frame, camera),
            )
        )
    return diagnostics


def symptoms(
    movie: NDArray[np.uint16], camera: CameraModel | None = None, settings: FitSettings = SETTINGS
) -> list[Finding]:
    return run_checks(diagnostics_of(movie, camera, settings), settings)


def named(findings: list[Finding]) -> set[str]:
    return {setting for finding in findings for setting in finding.settings}


def test_good_settings_give_no_warning() -> None:
    assert symptoms(movie_of()) == []


def test_the_report_of_a_frame_tells_what_was_simulated() -> None:
    diagnostics = diagnostics_of(movie_of())
    reports = [report(frame) for frame in diagnostics]
    assert [r.frame for r in reports] == list(FRAMES)
    assert all(r.n_fits == r.n_candidates for r in reports)
    assert np.mean([r.photons for r in reports]) == pytest.approx(1000, rel=0.06)
    assert np.mean([r.sigma_px for r in reports]) == pytest.approx(np.sqrt(1.3**2 + 1 / 12), rel=0.03)
    assert np.mean([r.nchi2 for r in reports]) == pytest.approx(1.0, abs=0.2)
    assert signal_to_noise(diagnostics[0]).shape == (reports[0].n_fits,)


def test_the_noise_between_frames_is_that_of_the_camera() -> None:
    assert np.mean([frame.noise_ratio for frame in diagnostics_of(movie_of())]) == pytest.approx(1, abs=0.04)


def test_noise_needs_a_second_frame() -> None:
    block = FrameBlock(frames=movie_of()[:1], first=0, n_movie_frames=45)
    assert np.isnan(measure_noise(block, 0, ccd()))


@pytest.mark.parametrize("offset", [40.0, 160.0, 230.0])
def test_a_wrong_offset_is_named(offset: float) -> None:
    assert "Camera.ADOffset" in named(symptoms(movie_of(), ccd(offset_adu=offset)))


@pytest.mark.parametrize("electrons_per_adu", [0.2, 1.0])
def test_a_wrong_gain_is_named(electrons_per_adu: float) -> None:
    assert "Camera.ElectronsPerCount" in named(symptoms(movie_of(), ccd(electrons_per_adu=electrons_per_adu)))


def test_a_low_threshold_is_named() -> None:
    settings = dataclasses.replace(SETTINGS, detection_threshold=0.35)
    findings = symptoms(movie_of(), settings=settings)
    assert findings[0].settings == ("Analysis.DetectionThreshold",)
    assert "raise" in findings[0].remedy


def test_a_high_threshold_that_finds_nothing_is_named() -> None:
    settings = dataclasses.replace(SETTINGS, detection_threshold=20.0)
    findings = symptoms(movie_of(), settings=settings)
    assert [finding.settings for finding in findings] == [("Analysis.DetectionThreshold",)]
    assert "lower" in findings[0].remedy


@pytest.mark.parametrize("fit_module", MODULES)
def test_good_settings_of_every_fit_module_give_no_warning(fit_module: str) -> None:
    module = MODULES[fit_module]
    settings = dataclasses.replace(
        SETTINGS, fit_module=fit_module, roi_half_size=module.roi_half_size, background_model="auto"
    )
    assert symptoms(movie_of(), settings=settings) == []


@pytest.mark.parametrize("fit_module", ["LatObjFindFR", "LatFitCOIR"])
def test_a_low_threshold_is_named_without_a_fit_too(fit_module: str) -> None:
    settings = dataclasses.replace(SETTINGS, fit_module=fit_module, background_model="auto", detection_threshold=0.35)
    assert named(symptoms(movie_of(), settings=settings)) == {"Analysis.DetectionThreshold"}


@pytest.mark.parametrize("guess_px", [0.5, 3.0])
def test_a_wrong_width_is_named(guess_px: float) -> None:
    settings = dataclasses.replace(SETTINGS, psf_sigma_px=guess_px)
    assert "Analysis.PSFSigmaGuess" in named(symptoms(movie_of(), settings=settings))


def test_saturated_pixels_are_counted() -> None:
    movie = movie_of()
    movie[FRAMES[0], 40:44, 40:44] = 65535
    assert symptoms(movie)[0].problem.startswith("up to 16 pixels")


def test_fading_light_points_at_the_background_window() -> None:
    movie = movie_of()
    fading = np.exp(-np.arange(45) / 60)[:, None, None]
    dimmed = np.rint(100 + 4 * (movie - 100.0) * fading).astype(np.uint16)
    assert "Analysis.BGRange" in named(symptoms(dimmed, ccd(electrons_per_adu=0.46)))


def test_hot_pixels_point_at_the_camera_maps() -> None:
    camera = scmos(SHAPE, seed=4)
    offset = np.asarray(camera.offset_adu).copy()
    offset[30:100:20, 30:100:20] += 400
    movie = movie_of(camera=dataclasses.replace(camera, offset_adu=offset))
    settings = dataclasses.replace(SETTINGS, background=NoBackground())
    assert "Camera.VarianceMapID" in named(symptoms(movie, settings=settings))


def test_candidates_along_the_border_point_at_the_field() -> None:
    movie = movie_of(dataclasses.replace(SCENE, blinking=Blinking(emitters_per_frame=2)))
    movie[:, 8, 10:120:6] += 300
    settings = dataclasses.replace(SETTINGS, background=NoBackground())
    assert "Camera.FlatfieldMapID" in named(symptoms(movie, settings=settings))


def test_molecules_that_stay_on_for_long_point_at_the_background_window() -> None:
    movie = movie_of(dataclasses.replace(SCENE, blinking=Blinking(emitters_per_frame=15, mean_on_frames=200)))
    bare = dataclasses.replace(SETTINGS, background=NoBackground())
    finding = check_background(diagnostics_of(movie), diagnostics_of(movie, settings=bare), SETTINGS)
    assert finding is not None
    assert finding.settings == ("Analysis.BGRange",)


def test_molecules_that_blink_are_not_hidden_by_their_background() -> None:
    bare = dataclasses.replace(SETTINGS, background=NoBackground())
    assert check_background(diagnostics_of(movie_of()), diagnostics_of(movie_of(), settings=bare), SETTINGS) is None


def test_empty_frames_are_diagnosed_without_a_warning_from_numpy() -> None:
    diagnostics = diagnostics_of(np.full((45, *SHAPE), 150, dtype=np.uint16))
    assert np.isnan(report(diagnostics[0]).photons)
    assert run_checks(diagnostics, SETTINGS)
