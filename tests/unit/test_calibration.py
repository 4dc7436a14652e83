from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pointillist.fitting.camera.calibration import Moments, PixelStatistics, find_blemishes, measure_flat_field

FRAMES = np.random.default_rng(0).integers(0, 65536, (40, 30, 21)).astype(np.uint16)


def moments_of(frames: np.ndarray, cuts: list[int] | None = None) -> PixelStatistics:
    moments = Moments(frames.shape[1:])
    for block in np.split(frames, sorted(set(cuts or []))):
        if len(block):
            moments.add(block)
    return moments.statistics()


@given(cuts=st.lists(st.integers(1, 39), max_size=5))
def test_moments_do_not_depend_on_the_blocks_in_which_frames_come(cuts: list[int]) -> None:
    moments, whole = moments_of(FRAMES, cuts), moments_of(FRAMES)
    for name in ("mean", "variance", "successive_variance"):
        np.testing.assert_array_equal(getattr(moments, name), getattr(whole, name))
    assert (moments.n_frames, moments.n_pairs) == (40, 39)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_moments_are_those_of_numpy(dtype: type) -> None:
    frames: np.ndarray = (FRAMES % 256).astype(dtype)
    moments = moments_of(frames, [7, 8])
    np.testing.assert_allclose(moments.mean, frames.mean(axis=0, dtype=np.float64), rtol=1e-14)
    np.testing.assert_allclose(moments.variance, frames.var(axis=0, ddof=1, dtype=np.float64), rtol=1e-12)
    steps = np.diff(frames.astype(np.float64), axis=0)
    np.testing.assert_allclose(moments.successive_variance, (steps**2).mean(axis=0) / 2, rtol=1e-12)


def test_large_offsets_cost_no_precision() -> None:
    frames = np.float32(60000) + np.random.default_rng(0).integers(0, 3, (1000, 4, 4)).astype(np.float32)
    np.testing.assert_allclose(moments_of(frames).variance, frames.var(axis=0, ddof=1, dtype=np.float64), rtol=1e-12)


def test_drift_adds_nothing_to_the_variance_between_neighbours() -> None:
    rng = np.random.default_rng(1)
    frames = rng.normal(100, 2, (2000, 8, 8)) + np.linspace(0, 50, 2000)[:, None, None]
    moments = moments_of(frames)
    assert np.median(moments.successive_variance) == pytest.approx(4, rel=0.05)
    assert np.median(moments.variance) > 100


def test_blocks_that_do_not_follow_each_other_have_no_step_between_them() -> None:
    moments = Moments((2, 2))
    moments.add(np.zeros((3, 2, 2)))
    moments.add(np.full((2, 2, 2), 100.0), is_continuing=False)
    assert moments.statistics().n_pairs == 3
    np.testing.assert_array_equal(moments.statistics().successive_variance, 0)


def test_no_frames_have_no_mean_and_one_has_no_variance() -> None:
    assert np.isnan(Moments((2, 2)).statistics().mean).all()
    assert np.isnan(moments_of(FRAMES[:1]).variance).all()


def test_pixels_are_blemished_by_either_rule_and_each_counts_once() -> None:
    offset = np.array([100.0, 2e4, 100.0, 2e4, np.nan, 1e4])
    variance = np.array([2.0, 2.0, 1e5, 1e5, 2.0, 9e4])
    np.testing.assert_array_equal(find_blemishes(offset, variance), [False, True, True, True, True, False])


def even_light(level: float, seed: int, response: np.ndarray) -> PixelStatistics:
    rng = np.random.default_rng(seed)
    return moments_of(np.rint(100 + rng.poisson(level, (300, *response.shape)) * response + rng.normal(0, 1.5)))


def test_a_flat_field_makes_pixels_alike_and_knows_its_error() -> None:
    response = 1 + 0.05 * np.random.default_rng(2).standard_normal((40, 40))
    response[3, 4] = 0
    flat = measure_flat_field(
        even_light(400, 3, response), even_light(0, 4, response), is_blemished=np.zeros((40, 40), dtype=bool)
    )
    assert flat.is_dead.sum() == 1
    assert flat.factor[3, 4] == 1
    good = ~flat.is_dead
    pulls = (flat.factor * response / response[good].mean() - 1)[good] / flat.relative_error[good]
    assert pulls.std() == pytest.approx(1, abs=0.1)
    assert abs(pulls.mean()) < 0.5


def test_light_that_is_no_brighter_than_the_dark_makes_no_flat_field() -> None:
    dark = moments_of(FRAMES)
    with pytest.raises(ValueError, match="no brighter"):
        measure_flat_field(dark, dark, is_blemished=np.zeros((30, 21), dtype=bool))
