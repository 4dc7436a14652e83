from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.registry import background_method
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.localizations import FrameBlock, Localized
from pointillist.fitting.localizer import FrameAnalysis, Localizer, inspect, localize
from pointillist.fitting.settings import FitSettings

N_FRAMES, SHAPE = 24, (40, 44)


def movie(dtype: Any = np.uint16, seed: int = 5) -> NDArray[Any]:
    """Four spots a frame of 1000 photoelectrons on 20; one count is half an electron, dark level 100."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(SHAPE)
    frames = np.full((N_FRAMES, *SHAPE), 20.0)
    for frame in range(N_FRAMES):
        for x0, y0 in zip(rng.uniform(7, SHAPE[1] - 8, 4), rng.uniform(7, SHAPE[0] - 8, 4), strict=True):
            frames[frame] += 94 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.3**2))
    counts = np.round(rng.poisson(frames) / 0.5 + 100)
    return np.minimum(counts, np.iinfo(dtype).max).astype(dtype) if dtype != np.float32 else counts.astype(dtype)


CAMERA = CameraModel(electrons_per_adu=0.5, offset_adu=100.0, read_variance_e2=2.0)


def settings_with(**changes: Any) -> FitSettings:
    method = background_method(changes.pop("background", "mean:b=-6"))
    return FitSettings(psf_sigma_px=1.06, background=method, **changes)


def localize_range(
    frames: NDArray[Any], start: int, stop: int, settings: FitSettings, camera: CameraModel = CAMERA
) -> Localized:
    return localize(blocks_of(frames, settings).block(start, stop), start, stop, camera, settings)


def blocks_of(frames: NDArray[Any], settings: FitSettings) -> BlockReader:
    return BlockReader(lambda first, end: frames[first:end], len(frames), settings)


@hypothesis_settings(max_examples=40)
@given(
    dtype=st.sampled_from([np.uint8, np.uint16, np.float32]),
    background=st.sampled_from(
        [
            *("none", "mean:b=-6", "mean:b=-3^e=4", "percentile:b=-6", "percentile:b=2^e=7^p=0.4"),
            *("rollmed:k=6", "rollmed:k=7^w=past", "rollmed:k=8^d=1", "sparsemed:k=6^i=5", "sparsemed:k=4^s=0.002^d=1"),
        ]
    ),
    is_subtracted=st.booleans(),
    cuts=st.lists(st.integers(1, N_FRAMES - 1), max_size=6, unique=True),
)
def test_any_division_into_ranges_gives_identical_rows(
    dtype: Any, background: str, *, is_subtracted: bool, cuts: list[int]
) -> None:
    frames = movie(dtype)
    settings = settings_with(
        background=background,
        is_background_subtracted=is_subtracted,
    )
    whole = localize_range(frames, 0, N_FRAMES, settings).rows
    edges = [0, *sorted(cuts), N_FRAMES]
    blocks, localizer = blocks_of(frames, settings), Localizer(CAMERA, settings)
    pieces = [localizer.localize(blocks.block(*ends), *ends).rows for ends in pairwise(edges)]
    assert len(whole) > N_FRAMES
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("step", "n_before"), [("candidates", 3), ("rows", 0)])
def test_what_was_found_before_an_error_is_not_in_the_next_range(
    monkeypatch: pytest.MonkeyPatch, step: str, n_before: int
) -> None:
    frames, settings = movie(), settings_with()
    block, localizer = blocks_of(frames, settings).block(0, N_FRAMES), Localizer(CAMERA, settings)
    original, calls = getattr(FrameAnalysis, step), iter(range(N_FRAMES))

    def failing(analysis: FrameAnalysis) -> Any:
        if next(calls) == n_before:
            raise MemoryError
        return original(analysis)

    with monkeypatch.context() as patch:
        patch.setattr(FrameAnalysis, step, failing)
        with pytest.raises(MemoryError):
            localizer.localize(block, 0, N_FRAMES)
    expected = localize_range(frames, 6, 9, settings).rows
    assert localizer.localize(block, 6, 9).rows.tobytes() == expected.tobytes()


def test_a_scalar_camera_and_its_maps_give_identical_rows() -> None:
    maps = CameraModel(
        electrons_per_adu=0.5,
        offset_adu=np.full(SHAPE, 100, np.float32),
        read_variance_e2=np.full(SHAPE, 2, np.float32),
        flat_field=np.ones(SHAPE, np.float32),
    )
    frames = movie()
    one = localize_range(frames, 0, N_FRAMES, settings_with())
    assert localize_range(frames, 0, N_FRAMES, settings_with(), maps).rows.tobytes() == one.rows.tobytes()


def test_maps_undo_what_the_camera_did_to_each_pixel_and_know_the_noise_that_this_leaves() -> None:
    rng = np.random.default_rng(0)
    offset = rng.uniform(90, 110, SHAPE).astype(np.float32)
    flat = rng.uniform(0.8, 1.25, SHAPE).astype(np.float32)
    read_variance = rng.uniform(1, 9, SHAPE).astype(np.float32)
    ideal = movie(np.float32)
    seen = ((ideal - 100) / flat + offset).astype(np.float32)
    camera = CameraModel(electrons_per_adu=0.5, offset_adu=offset, read_variance_e2=read_variance, flat_field=flat)
    inspection = inspect(FrameBlock(frames=seen, first=0, n_movie_frames=N_FRAMES), 10, camera, settings_with())
    np.testing.assert_allclose(inspection.photoelectrons, (ideal[10] - 100) * 0.5, atol=1e-3)
    collected = np.maximum((seen[10] - offset) * 0.5, 0.5)
    variance = flat**2 * (read_variance + collected + 1)
    np.testing.assert_allclose(inspection.noise, np.sqrt(variance), rtol=1e-5)


def test_em_gain_and_noise_factor_enter_the_noise_as_pyme_has_them() -> None:
    electrons, gain, factor, read = 10.5, 100.0, 1.41, 60.0
    camera = CameraModel(
        electrons_per_adu=electrons,
        offset_adu=367.0,
        read_variance_e2=read**2,
        em_gain=gain,
        noise_factor=factor,
    )
    frames = movie(np.float32) + 267
    block = FrameBlock(frames=frames, first=0, n_movie_frames=N_FRAMES)
    seen = inspect(block, 10, camera, settings_with())
    adu = np.maximum(frames[10] - 367, 1)
    sigma_adu = np.sqrt(read**2 + factor**2 * (electrons * gain * adu + gain**2)) / electrons
    np.testing.assert_allclose(seen.noise, sigma_adu * electrons / gain, rtol=1e-4)
    np.testing.assert_allclose(seen.photoelectrons, (frames[10] - 367) * electrons / gain, rtol=1e-4, atol=1e-4)


def test_inspection_sees_what_localize_returns() -> None:
    frames, settings = movie(), settings_with()
    block = FrameBlock(frames=frames, first=0, n_movie_frames=N_FRAMES)
    rows = localize(block, 0, N_FRAMES, CAMERA, settings).rows
    seen = inspect(block, 12, CAMERA, settings)
    assert seen.rows.tobytes() == rows[rows["frame"] == 12].tobytes()
    assert len(seen.candidates) == len(seen.rows)
    mean = (frames[6:12].astype(np.float64).mean(axis=0) - 100) * 0.5
    np.testing.assert_allclose(seen.background, mean, atol=1e-4)
    assert (seen.filtered > seen.threshold).any()


def test_frames_before_the_first_to_analyse_give_nothing() -> None:
    rows = localize_range(movie(), 0, N_FRAMES, settings_with(start_at=7)).rows
    assert rows["frame"].min() == 7


def test_a_frame_with_nan_is_reported_and_spares_its_neighbours() -> None:
    frames = movie(np.float32)
    frames[9, 3, 4] = np.nan
    result = localize_range(frames, 0, N_FRAMES, settings_with())
    assert list(result.failures) == [9]
    assert "1 of 1760 pixels" in result.failures[9]
    assert set(result.rows["frame"]) == set(range(N_FRAMES)) - {9}


@pytest.mark.parametrize("value", [0, 65535])
def test_a_blank_or_saturated_frame_gives_no_rows(value: int) -> None:
    frames = movie()
    frames[9] = value
    result = localize_range(frames, 0, N_FRAMES, settings_with(background="none"))
    assert not result.failures
    assert set(result.rows["frame"]) == set(range(N_FRAMES)) - {9}


def test_a_read_only_block_is_accepted() -> None:
    frames = movie()
    frames.flags.writeable = False
    assert len(localize_range(frames, 0, N_FRAMES, settings_with()).rows)


def test_a_range_outside_the_block_is_refused() -> None:
    block = FrameBlock(frames=movie()[5:], first=5, n_movie_frames=N_FRAMES)
    with pytest.raises(ValueError, match="frames 4 to 9 are not in the block"):
        localize(block, 4, 9, CAMERA, settings_with(background="none"))


def test_a_map_of_another_shape_is_refused() -> None:
    camera = CameraModel(electrons_per_adu=0.5, offset_adu=np.zeros((3, 3), np.float32), read_variance_e2=2.0)
    with pytest.raises(ValueError, match="camera map"):
        localize_range(movie(), 0, 3, settings_with(), camera)
