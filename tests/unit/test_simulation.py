"""Simulated movies: reproducible in any cut, and distributed as they claim."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import chisquare, poisson

from pointillist.fitting.scoring.truth import TRUTH_DTYPE
from pointillist.fitting.simulation import (
    Blinking,
    Field,
    Scene,
    Simulation,
    Stream,
    ccd,
    draw_filaments,
    draw_rings,
    emccd,
    generator,
    scmos,
)
from pointillist.fitting.simulation.movie import draw_spots
from pointillist.fitting.simulation.sensor import read_out
from pointillist.fitting.simulation.shot_noise import PoissonTable

LONG_BLINKS = Blinking(emitters_per_frame=8, mean_on_frames=2.5, photons=500, photon_spread=0.3)
SMALL = Scene(frame_shape=(48, 64), blinking=LONG_BLINKS, background=20, background_slope=0.5)


@pytest.mark.parametrize("block", [1, 3, 7, 20])
@pytest.mark.parametrize("scene", [SMALL, dataclasses.replace(SMALL, blinking=Blinking(), background_slope=0.0)])
def test_a_movie_is_the_same_in_whatever_blocks_it_is_computed(scene: Scene, block: int) -> None:
    simulation = Simulation(scene, scmos((48, 64), 5), seed=5)
    whole, truth = simulation.frames(0, 20), simulation.emitters(0, 20)
    starts = range(0, 20, block)
    parts = [simulation.frames(start, min(20, start + block)) for start in starts]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    rows = [simulation.emitters(start, min(20, start + block)) for start in starts]
    np.testing.assert_array_equal(np.concatenate(rows), truth)


def test_seeds_differ_and_repeat() -> None:
    first, again, other = (Simulation(SMALL, seed=seed).frames(0, 2) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_the_default_is_the_benchmark_setting() -> None:
    simulation = Simulation(Scene())
    frames, truth = simulation.frames(0, 50), simulation.emitters(0, 50)
    assert frames.shape == (50, 256, 256)
    assert frames.dtype == np.uint16
    assert len(truth) == pytest.approx(1500, abs=5 * np.sqrt(1500))
    assert np.all(truth["photons"] == 1000)
    assert np.all(truth["sigma"] == 1.3)
    assert np.all(truth["background"] == 50)
    assert simulation.camera.electrons_per_adu == 0.46
    electrons = (frames - 100.0).mean() * 0.46
    assert electrons == pytest.approx(50 + 1000 * len(truth) / 50 / 256**2, abs=0.02)


def test_the_noise_of_dark_and_background_is_that_of_the_camera_model() -> None:
    scene = Scene(frame_shape=(64, 64), blinking=Blinking(emitters_per_frame=0))
    electrons = (Simulation(scene, seed=3).frames(0, 100) - 100.0) * 0.46
    rounding = 0.46**2 / 12
    assert electrons.var() == pytest.approx(50 + 1.6**2 + rounding, rel=0.01)


def test_an_em_register_doubles_the_shot_noise() -> None:
    camera = emccd()
    rng = np.random.default_rng(4)
    electrons = rng.poisson(50.0, size=(400, 400))
    photoelectrons = (read_out(electrons, camera, rng) - 100.0) * camera.photoelectrons_per_adu
    assert photoelectrons.mean() == pytest.approx(50, rel=0.002)
    assert photoelectrons.var() == pytest.approx(camera.noise_factor**2 * 50 + (60 / 100) ** 2, rel=0.02)


def test_an_scmos_camera_has_the_maps_that_it_is_known_for() -> None:
    camera = scmos((500, 400), seed=6)
    variance, offset = np.asarray(camera.read_variance_e2), np.asarray(camera.offset_adu)
    is_hot = variance >= 100
    assert is_hot.mean() == pytest.approx(0.01, abs=0.002)
    assert variance.max() <= 1500
    assert np.median(variance[~is_hot]) == pytest.approx(2.2, rel=0.02)
    assert offset.std() == pytest.approx(2.5, rel=0.02)
    assert (1 / np.asarray(camera.flat_field)).std() == pytest.approx(0.03, rel=0.05)


def test_maps_turn_scmos_counts_into_photoelectrons_of_known_noise() -> None:
    camera = scmos((40, 40), seed=7)
    scene = Scene(frame_shape=(40, 40), blinking=Blinking(emitters_per_frame=0), background=30)
    frames = Simulation(scene, camera, seed=7).frames(0, 1500)
    electrons = (frames - camera.offset_adu) * camera.flat_field * camera.electrons_per_adu
    assert electrons.mean() == pytest.approx(30, abs=0.05)
    expected = 30 + np.asarray(camera.read_variance_e2)
    ratio = electrons.var(axis=0) / expected
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert ratio.std() < 0.08


def test_counts_saturate_and_never_wrap() -> None:
    rng = np.random.default_rng(8)
    counts = read_out(np.full((4, 4), 10**6), ccd(), rng)
    assert np.all(counts == 65535)
    assert np.all(read_out(np.zeros((4, 4), dtype=np.int64), ccd(offset_adu=-50.0), rng) == 0)


@pytest.mark.parametrize("mean", [0.3, 4.0, 50.0, 2500.0])
def test_the_poisson_table_draws_from_a_poisson_distribution(mean: float) -> None:
    draws = PoissonTable(mean).draw((1000, 300), np.random.default_rng(9)).ravel()
    low, high = int(poisson.ppf(1e-3, mean)), int(poisson.ppf(1 - 1e-3, mean))
    inner = np.bincount(np.clip(draws, low, high + 1) - low, minlength=high - low + 2)
    expected = poisson.pmf(np.arange(low, high + 2), mean)
    expected[0], expected[-1] = poisson.cdf(low, mean), poisson.sf(high, mean)
    assert chisquare(inner, expected * draws.size).pvalue > 1e-4


def test_a_spot_keeps_its_light_and_its_centre() -> None:
    emitters = np.zeros(1, dtype=TRUTH_DTYPE)
    emitters["x"], emitters["y"], emitters["photons"], emitters["sigma"] = 20.3, 11.8, 700, 1.3
    image = draw_spots(emitters, (30, 40))
    lines, columns = np.indices(image.shape)
    assert image.sum() == pytest.approx(700, rel=2e-6)
    assert (image * columns).sum() / image.sum() == pytest.approx(20.3, abs=1e-5)
    assert (image * lines).sum() / image.sum() == pytest.approx(11.8, abs=1e-5)
    variance = (image * (columns - 20.3) ** 2).sum() / image.sum()
    assert variance == pytest.approx(1.3**2 + 1 / 12, rel=1e-3)


def test_a_spot_at_the_edge_loses_the_light_beyond_it() -> None:
    emitters = np.zeros(1, dtype=TRUTH_DTYPE)
    emitters["x"], emitters["y"], emitters["photons"], emitters["sigma"] = -0.5, 15, 700, 1.3
    assert draw_spots(emitters, (30, 30)).sum() == pytest.approx(350, rel=1e-5)


def test_on_times_are_exponential_and_begin_within_frames() -> None:
    simulation = Simulation(dataclasses.replace(SMALL, blinking=dataclasses.replace(LONG_BLINKS, photon_spread=0)))
    rows = simulation.emitters(0, 4000)
    _, first, n_frames = np.unique(rows["blink"], return_index=True, return_counts=True)
    is_complete = (rows["frame"][first] > 0) & (rows["frame"][first] + n_frames < 4000)
    on_time = np.bincount(np.unique(rows["blink"], return_inverse=True)[1], rows["photons"])[is_complete] / 500
    assert on_time.mean() == pytest.approx(2.5, rel=0.03)
    assert on_time.std() == pytest.approx(2.5, rel=0.04)
    mean_light = rows["photons"].sum() / 4000 / 500
    assert mean_light == pytest.approx(8, rel=0.03)


def test_the_first_frame_is_as_crowded_as_the_others() -> None:
    light = [Simulation(SMALL, seed=seed).emitters(0, 1)["photons"].sum() for seed in range(300)]
    assert np.mean(light) == pytest.approx(8 * 500 * np.exp(0.3**2 / 2), rel=0.06)


def test_log_normal_photons_have_the_median_that_was_asked_for() -> None:
    blinking = Blinking(emitters_per_frame=200, photons=800, photon_spread=0.5)
    photons = Simulation(Scene(blinking=blinking)).emitters(0, 50)["photons"]
    assert np.median(photons) == pytest.approx(800, rel=0.03)
    assert np.log(photons).std() == pytest.approx(0.5, rel=0.03)


def test_every_structure_stays_within_the_field() -> None:
    field = Field(frame_shape=(60, 90), margin_px=8, pixel_size_nm=100)
    rng = generator(1, Stream.STRUCTURE)
    for structure in (field, draw_filaments(field, 5, rng), draw_rings(field, 40, rng)):
        x, y = structure.draw(5000, rng).T
        assert 7 < x.min() < x.max() < 82
        assert 7 < y.min() < y.max() < 52


def test_rings_have_eight_corners_at_the_radius_of_a_nuclear_pore() -> None:
    field = Field(frame_shape=(60, 60), margin_px=5, pixel_size_nm=100)
    corners = draw_rings(field, 30, generator(2, Stream.STRUCTURE)).corners.reshape(-1, 8, 2)
    radii = np.linalg.norm(corners - corners.mean(axis=1, keepdims=True), axis=2)
    np.testing.assert_allclose(radii, 0.535, rtol=1e-9)
    centres = corners.mean(axis=1)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2) + 1e9 * np.eye(len(centres))
    assert apart.min() > 3 * 0.535


def test_a_crowded_field_holds_fewer_rings_than_asked_for() -> None:
    field = Field(frame_shape=(20, 20), margin_px=5, pixel_size_nm=100)
    n_corners = len(draw_rings(field, 5000, generator(3, Stream.STRUCTURE)).corners)
    assert 0 < n_corners < 8 * 100


def test_the_background_slopes_by_the_fraction_that_was_asked_for() -> None:
    scene = Scene(blinking=Blinking(emitters_per_frame=0), background=40, background_slope=0.5)
    electrons = (Simulation(scene).frames(0, 20) - 100.0).mean(axis=(0, 1)) * 0.46
    assert electrons[:32].mean() == pytest.approx(40 * (1 + 0.5 * (16 / 256 - 0.5)), rel=0.005)
    assert electrons[-32:].mean() == pytest.approx(40 * (1 + 0.5 * (0.5 - 16 / 256)), rel=0.005)


def test_a_black_background_is_possible() -> None:
    scene = Scene(frame_shape=(32, 32), blinking=Blinking(emitters_per_frame=1), background=0)
    assert Simulation(scene).frames(0, 3).shape == (3, 32, 32)


@pytest.mark.parametrize(
    "scene",
    [
        Scene(psf_sigma_px=0.0),
        Scene(background=-1.0),
        Scene(background_slope=2.5),
        Scene(blinking=Blinking(photons=0)),
        Scene(blinking=Blinking(mean_on_frames=-1)),
        Scene(blinking=Blinking(mean_on_frames=float("nan"))),
        Scene(blinking=Blinking(emitters_per_frame=float("nan"))),
    ],
)
def test_scenes_that_cannot_exist_are_refused(scene: Scene) -> None:
    with pytest.raises(ValueError, match="must"):
        Simulation(scene)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        Simulation(Scene(), seed=-1)
