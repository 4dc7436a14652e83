from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pointillist.fitting.camera.calibration import Moments
from pointillist.fitting.camera.map_checks import (
    MovieSample,
    better_match_by_hot_pixels,
    better_match_by_offsets,
    compare_hot_pixels,
    compare_offsets,
    is_of_other_unit,
    unit_ratio,
)
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.camera.orientation import AS_IS, ORIENTATIONS
from pointillist.fitting.camera.region_position import find_region
from pointillist.fitting.simulation import Blinking, Scene, Simulation, scmos

E_PER_ADU = 0.46


def camera(side: int, seed: int, *, is_hot: bool = True) -> CameraModel:
    model = scmos((side, side), seed)
    return model if is_hot else replace(model, read_variance_e2=np.minimum(model.read_variance_e2, 8))


def sample(
    model: CameraModel, n_frames: int, *, light: float = 50, emitters: float = 10, fades: bool = False
) -> MovieSample:
    shape = np.asarray(model.offset_adu).shape
    scene = Scene(
        frame_shape=(shape[0], shape[1]),
        background=light,
        background_slope=1,
        blinking=Blinking(emitters_per_frame=emitters, mean_on_frames=3),
    )
    frames = Simulation(scene, model, 7).frames(0, n_frames)
    if fades:
        frames = (100 + (frames - 100.0) * np.linspace(1, 0.5, n_frames)[:, None, None]).astype(np.uint16)
    moments = Moments(scene.frame_shape)
    moments.add(frames)
    return MovieSample.of(moments)


def by_hot_pixels(model: CameraModel, seen: MovieSample, given: str) -> str | None:
    variance = np.asarray(model.read_variance_e2, np.float32) / np.float32(E_PER_ADU**2)
    tests = {name: compare_hot_pixels(turn(variance), seen) for name, turn in ORIENTATIONS.items()}
    return better_match_by_hot_pixels(tests, given)


def by_offsets(model: CameraModel, seen: MovieSample, given: str) -> str | None:
    offset = np.asarray(model.offset_adu, np.float32)
    return better_match_by_offsets({n: compare_offsets(turn(offset), seen) for n, turn in ORIENTATIONS.items()}, given)


def test_the_eight_orientations_differ_and_undo_each_other() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    turned = [turn(image).tolist() for turn in ORIENTATIONS.values()]
    assert all(turned.count(each) == 1 for each in turned)
    for turn in ORIENTATIONS.values():
        assert any(np.array_equal(back(turn(image)), image) for back in ORIENTATIONS.values())
    np.testing.assert_array_equal(ORIENTATIONS["rotated-left"](image), np.rot90(image))
    np.testing.assert_array_equal(ORIENTATIONS["rotated-right"](image), np.rot90(image, -1))


@pytest.mark.parametrize("given", [name for name in ORIENTATIONS if name != AS_IS])
def test_a_map_in_another_orientation_is_detected_by_noise_and_by_offsets(given: str) -> None:
    model = camera(96, 0)
    seen = sample(model, 20)
    assert by_hot_pixels(model, seen, given) == AS_IS
    assert by_offsets(model, seen, given) == AS_IS


@pytest.mark.parametrize("is_hot", [True, False])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 5, 12, 40])
@pytest.mark.parametrize(("light", "emitters"), [(2, 60), (50, 10), (500, 60)])
@pytest.mark.parametrize("fades", [True, False])
def test_a_matching_map_gives_no_warning(
    *, is_hot: bool, n_frames: int, light: float, emitters: float, fades: bool
) -> None:
    model = camera(64, n_frames, is_hot=is_hot)
    seen = sample(model, n_frames, light=light, emitters=emitters, fades=fades)
    variance = np.asarray(model.read_variance_e2)
    assert by_hot_pixels(model, seen, AS_IS) is None
    assert by_offsets(model, seen, AS_IS) is None
    assert not compare_hot_pixels(variance / E_PER_ADU**2, seen).is_mismatch
    assert not is_of_other_unit(unit_ratio(variance, seen, E_PER_ADU), E_PER_ADU**2)


def test_with_too_much_light_the_test_of_hot_pixels_is_inconclusive() -> None:
    model = camera(64, 0)
    seen = sample(model, 20, light=3000)
    assert by_hot_pixels(model, seen, "transposed") is None
    assert not compare_hot_pixels(np.asarray(model.read_variance_e2) / E_PER_ADU**2, seen).is_conclusive


def test_hot_pixels_determine_the_unit_of_a_map() -> None:
    model = camera(96, 1)
    seen = sample(model, 60)
    variance = np.asarray(model.read_variance_e2)
    assert unit_ratio(variance, seen, E_PER_ADU) == pytest.approx(1, rel=0.15)
    in_adu2 = unit_ratio(variance / E_PER_ADU**2, seen, E_PER_ADU)
    assert in_adu2 == pytest.approx(E_PER_ADU**2, rel=0.15)
    assert is_of_other_unit(in_adu2, E_PER_ADU**2)
    assert not is_of_other_unit(in_adu2, 0.9**2)


def test_blemished_pixels_are_not_taken_for_hot() -> None:
    model = camera(96, 1)
    variance = np.array(model.read_variance_e2) / E_PER_ADU**2
    variance[:5, :40] = 1e8
    assert compare_hot_pixels(variance, sample(model, 20)).is_hot


def test_the_position_of_a_region_on_the_chip_is_found() -> None:
    chip = scmos((300, 400), 2)
    y, x = 90, 211
    part = np.s_[y : y + 96, x : x + 128]
    offset, variance, flat = map(np.asarray, (chip.offset_adu, chip.read_variance_e2, chip.flat_field))
    seen = sample(replace(chip, offset_adu=offset[part], read_variance_e2=variance[part], flat_field=flat[part]), 30)
    assert find_region(variance, seen) == (y, x)
    assert find_region(variance[::-1], seen) is None
    assert find_region(variance[:50], seen) is None
