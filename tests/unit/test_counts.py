"""Frames that hold no counts are failed frames of their own, and spoil nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.fitting.backgrounds import BackgroundMethod, Mean, RollingMedian
from pointillist.fitting.camera.counts import are_counts, describe_no_counts
from pointillist.fitting.camera.noise_levels import NoiseSample
from pointillist.fitting.localizations import FrameBlock
from pointillist.fitting.localizer import localize
from pointillist.fitting.settings import FitSettings
from pointillist.fitting.simulation import Blinking, Scene, Simulation, ccd, scmos
from pointillist.pipeline_files.maps.movie_sample import take_sample
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.metadata import Value

SHAPE = (48, 56)
ABSURD = [np.nan, np.inf, -np.inf, 1e30, -1e30, 5e9]


def record(n_frames: int = 40) -> NDArray[np.float32]:
    scene = Scene(frame_shape=SHAPE, background=20, blinking=Blinking(emitters_per_frame=5))
    return Simulation(scene, ccd(), 2).frames(0, n_frames).astype(np.float32)


@pytest.mark.parametrize("value", ABSURD)
def test_one_absurd_pixel_makes_a_frame_no_counts(value: float) -> None:
    frames = record(4)
    frames[2, 5, 6] = value
    assert are_counts(frames).tolist() == [True, True, False, True]
    assert describe_no_counts(frames[2]).startswith(f"1 of {48 * 56} pixels ")


def test_whole_numbers_and_large_sums_of_frames_are_counts() -> None:
    assert are_counts(np.full((2, 3, 3), 65535, np.uint16)).all()
    assert are_counts(np.full((2, 3, 3), 65535 * 4096.0, np.float32)).all()
    assert are_counts(np.zeros((0, 3, 3), np.float32)).shape == (0,)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("background", [Mean(), RollingMedian()])
def test_an_absurd_frame_fails_alone(value: float, background: BackgroundMethod) -> None:
    settings = FitSettings(background=background, psf_sigma_px=1.3)
    frames = record()
    lost = FrameBlock(first=0, n_movie_frames=40, frames=frames.copy(), lost={15: "lost"})
    frames[15] = value
    done = localize(FrameBlock(first=0, n_movie_frames=40, frames=frames), 0, 40, ccd(), settings)
    expected = localize(lost, 0, 40, ccd(), settings)
    assert list(done.failures) == [15]
    np.testing.assert_array_equal(done.rows, expected.rows)


@pytest.mark.parametrize("value", ABSURD)
def test_the_samples_of_a_movie_leave_absurd_frames_out(tmp_path: Path, value: float) -> None:
    frames, clean = record(), NoiseSample(100.0)
    for run in (frames[:15], frames[16:]):
        clean.add(run)
    frames[15] = value
    sample = NoiseSample(100.0)
    sample.add(frames)
    np.testing.assert_array_equal(sample.levels().variance_adu2, clean.levels().variance_adu2)
    np.save(tmp_path / "movie.npy", frames)
    with open_movie(tmp_path / "movie.npy") as movie:
        seen = take_sample(movie, 0)
    assert seen.n_steps == 37
    np.testing.assert_allclose(seen.mean_adu, np.delete(frames, 15, axis=0).mean(axis=0), rtol=1e-5)


def test_a_movie_with_absurd_frames_passes_its_examination_without_a_word(tmp_path: Path) -> None:
    camera, frames = scmos(SHAPE, 1), record()
    frames[[7, 20]] = 1e30
    np.save(tmp_path / "movie.npy", frames)
    np.save(tmp_path / "variance.npy", np.asarray(camera.read_variance_e2) * np.float64(1e300))
    metadata: dict[str, Value] = {
        "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.Type": "CCD", "Camera.ElectronsPerCount": 0.46,
        "Camera.ADOffset": 100.0, "Camera.ReadNoise": 1.6,
    }  # fmt: skip
    (tmp_path / "movie.json").write_text(json.dumps(metadata))
    with open_movie(tmp_path / "movie.npy") as movie:
        assert not any("noise that" in remark for remark in prepare(movie)[1])
        with pytest.raises(SettingError, match="too large for float32"):
            prepare(movie, None, ["Camera.VarianceMapID=variance.npy"])
