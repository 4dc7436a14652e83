"""Maps that are shifted, turned, scaled or of another quantity are noticed; right ones are not.

Each map is examined as before an analysis: it is refused, remarked, or said to be beyond what the movie tells.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.fitting.camera import CameraModel, Moments, MovieSample, map_structure
from pointillist.fitting.simulation import Blinking, Scene, Simulation, ccd, scmos
from pointillist.pipeline_files.maps.examination import Examination, examine_maps
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.settings.analysis import resolve
from pointillist.settings.metadata import Value

Maps = dict[str, NDArray[Any]]
KEYS = {"variance": "Camera.VarianceMapID", "flat": "Camera.FlatfieldMapID", "dark": "Camera.DarkMapID"}
E_PER_ADU = 0.46
DIM, MEDIUM, BRIGHT = 1.0, 20.0, 300.0
LIGHTS = (DIM, MEDIUM, BRIGHT)
UNDECIDED = "this movie cannot tell"


@cache
def camera(side: int, seed: int = 4, *, is_hot: bool = True) -> CameraModel:
    model = scmos((side, side), seed, electrons_per_adu=E_PER_ADU)
    return model if is_hot else replace(model, read_variance_e2=np.minimum(model.read_variance_e2, 8))


@cache
def record(side: int, light: float, n_frames: int, *, is_hot: bool = True, sigma: float = 1.3) -> NDArray[np.uint16]:
    blinking = Blinking(emitters_per_frame=side * (3 + light**0.6) / 100, mean_on_frames=3)
    scene = Scene(
        frame_shape=(side, side), background=light, background_slope=0.5, psf_sigma_px=sigma, blinking=blinking
    )  # fmt: skip
    return Simulation(scene, camera(side, is_hot=is_hot), 5).frames(0, n_frames)


def maps_of(model: CameraModel) -> Maps:
    images = {"dark": model.offset_adu, "variance": model.read_variance_e2, "flat": model.flat_field}
    return {name: np.asarray(image, np.float32) for name, image in images.items()}


def examine(folder: Path, frames: NDArray[Any], maps: Maps, **more: Value) -> Examination:
    metadata: dict[str, Value] = {
        "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ElectronsPerCount": E_PER_ADU, "Camera.TrueEMGain": 1.0,
        "Camera.NoiseFactor": 1.0, **more,
    }  # fmt: skip
    np.save(folder / "movie.npy", frames)
    for name, image in maps.items():
        np.save(folder / f"{name}.npy", image)
        metadata[KEYS[name]] = f"{name}.npy"
    (folder / "movie.json").write_text(json.dumps(metadata))
    with open_movie(folder / "movie.npy") as movie:
        return examine_maps(movie, resolve(metadata))


def verdict(folder: Path, frames: NDArray[Any], maps: Maps, **more: Value) -> str:
    """Return the refusal, or all remarks."""
    try:
        found = examine(folder, frames, maps, **more)
    except SettingError as error:
        return str(error)
    return " ".join((*found.warnings, *found.undecided))


@pytest.mark.parametrize("is_hot", [True, False])
@pytest.mark.parametrize(
    ("side", "n_frames"), [(48, 8), (64, 1), (64, 2), (64, 12), (64, 200), (64, 2000), (128, 40), (128, 200), (256, 60)]
)
@pytest.mark.parametrize("light", [0.05, *LIGHTS, 3000.0])
def test_right_maps_are_never_blamed(tmp_path: Path, *, is_hot: bool, side: int, n_frames: int, light: float) -> None:
    right = maps_of(camera(side, is_hot=is_hot))
    for sigma in (0.7, 1.3) if n_frames < 1000 else (1.3,):
        found = examine(tmp_path, record(side, light, n_frames, is_hot=is_hot, sigma=sigma), right)
        assert found.warnings == ()
        assert all(UNDECIDED in line for line in found.undecided)
        assert len(found.proofs) + sum("and the" in line for line in found.undecided) <= 3


def test_right_maps_are_proven_where_the_light_lets_them_be(tmp_path: Path) -> None:
    found = examine(tmp_path, record(128, MEDIUM, 200), maps_of(camera(128)))
    assert found.undecided == ()
    assert [line.partition("are correlated")[0] for line in found.proofs[1:]] == [
        "the offsets of the dark map and the pixels of the movie ", "the flat field and the pixels of the movie "
    ]  # fmt: skip


def test_where_light_is_too_strong_the_movie_is_said_to_be_no_judge(tmp_path: Path) -> None:
    maps = {"variance": np.rot90(maps_of(camera(64, is_hot=False))["variance"]), "dark": np.full((64, 64), 100, "f4")}
    found = examine(tmp_path, record(64, BRIGHT, 200, is_hot=False), maps)
    assert found.undecided == ("this movie cannot tell whether the variance map belongs to it",)


def shifted(image: NDArray[np.float32], mode: Any = "wrap") -> NDArray[np.float32]:
    return np.pad(image, ((0, 0), (10, 0)), mode=mode)[:, : image.shape[1]]


def with_one_pixel(image: NDArray[np.float32], value: float) -> NDArray[np.float32]:
    image = image.copy()
    image[20, 20] = value
    return image


RIGHT = maps_of(camera(128))
V, F, D = RIGHT["variance"], RIGHT["flat"], RIGHT["dark"]
OTHER = maps_of(camera(128, 77))
NOISY_ELSEWHERE = (
    r"the map is shifted: its pixel \(x\+10, y\+0\).*shift it by -10 px along x|does not belong to this movie"
)


def at_any(remark: str) -> dict[float, str]:
    return dict.fromkeys(LIGHTS, remark)


WRONG: list[tuple[str, Maps, dict[float, str]]] = [
    ("variance, shifted", {"variance": np.roll(V, 10, axis=1)}, at_any(NOISY_ELSEWHERE)),
    ("variance, padded with zeros", {"variance": shifted(V, "constant")}, at_any("9 columns .* copies")),
    ("variance, padded with its edge", {"variance": shifted(V, "edge")}, at_any("10 columns .* copies")),
    ("variance, times 10", {"variance": V * 10}, {**at_any("multiply it by about 0.1$"), DIM: "the whole noise"}),
    ("variance, over 100", {"variance": V / 100}, at_any("multiply it by about 100$")),
    ("variance, flat field", {"variance": F}, at_any("if it is one, it belongs to Camera.FlatfieldMapID")),
    ("variance, dark map", {"variance": D}, at_any("is it the dark map")),
    ("variance, a pixel of 0", {"variance": with_one_pixel(V, 1e-6)}, at_any("1 of its values are below")),
    ("variance, turned", {"variance": np.rot90(V)}, at_any("MapOrientation=rotated-right")),
    ("variance, upside down", {"variance": np.rot90(V, 2)}, at_any("MapOrientation=rotated-180")),
    ("variance, transposed", {"variance": V.T}, at_any("MapOrientation=transposed")),
    ("variance, other camera", {"variance": OTHER["variance"]}, at_any("does not belong|it is of another camera")),
    ("flat field, reciprocal", {"flat": 1 / F}, at_any("give its reciprocal")),
    ("flat field, mean 1.2", {"flat": F * 1.2}, at_any("its mean is 1.2")),
    ("flat field, power 20", {"flat": F**20}, at_any("differs only 0.05")),
    ("flat field, turned", {"flat": np.rot90(F)}, at_any("MapOrientation=rotated-right")),
    ("flat field, dark map", {"flat": D}, at_any("or of a dark map in ADU")),
    ("flat field, other camera", {"flat": OTHER["flat"]}, at_any("it is of another camera")),
    ("dark map, in e-", {"dark": D * E_PER_ADU}, at_any("it looks like it is in e-, not ADU")),
    ("dark map, shifted", {"dark": np.roll(D, 10, axis=1)}, at_any(r"its pixel \(x\+10, y\+0\)")),
    ("dark map, turned", {"dark": D.T}, at_any("MapOrientation=transposed")),
    ("dark map, other camera", {"dark": OTHER["dark"]}, at_any("it is of another camera")),
]  # fmt: skip


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize(("change", "remark"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_map_is_refused_or_remarked(
    tmp_path: Path, change: Maps, remark: dict[float, str], light: float
) -> None:
    said = verdict(tmp_path, record(128, light, 200), {**RIGHT, **change})
    assert "\n" not in said
    assert re.search(remark[light], said), said


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("is_hot", [True, False])
@pytest.mark.parametrize("name", ["variance", "flat", "dark"])
@pytest.mark.parametrize("change", ["shifted", "turned", "other camera"])
def test_no_wrong_map_of_a_small_movie_passes_in_silence(
    tmp_path: Path, name: str, change: str, light: float, *, is_hot: bool
) -> None:
    right, other = maps_of(camera(64, is_hot=is_hot)), maps_of(camera(64, 77, is_hot=is_hot))
    wrong = {"shifted": np.roll(right[name], 10, axis=1), "turned": right[name].T, "other camera": other[name]}[change]
    assert KEYS[name] in (said := verdict(tmp_path, record(64, light, 200, is_hot=is_hot), {**right, name: wrong})) or (
        UNDECIDED in said
    )


def test_a_shift_on_the_chip_is_given_as_the_origin(tmp_path: Path) -> None:
    chip = {name: np.pad(image, 12, mode="reflect") for name, image in RIGHT.items()}
    origin: dict[str, Value] = {"Camera.ROIOriginX": 9, "Camera.ROIOriginY": 13}
    said = verdict(tmp_path, record(128, MEDIUM, 200), {"dark": chip["dark"], "flat": chip["flat"]}, **origin,
                   **{"Camera.ReadNoise": 1.5})  # fmt: skip
    assert "give -s Camera.ROIOriginX=12 -s Camera.ROIOriginY=12" in said


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("has_dark_map", [True, False])
def test_columns_whose_offset_and_gain_go_together_raise_no_alarm(
    tmp_path: Path, light: float, *, has_dark_map: bool
) -> None:
    rng = np.random.default_rng(0)
    columns = rng.normal(0, 3, 96)
    model = replace(
        camera(96),
        offset_adu=(100 + columns + rng.normal(0, 0.5, (96, 96))).astype(np.float32),
        flat_field=(1 + columns / 300 + rng.normal(0, 0.005, (96, 96))).astype(np.float32),
    )
    scene = Scene(frame_shape=(96, 96), background=10 * light, blinking=Blinking(emitters_per_frame=10))
    right = maps_of(model)
    if not has_dark_map:
        del right["dark"]
    assert (
        examine(tmp_path, Simulation(scene, model, 5).frames(0, 60), right, **{"Camera.ADOffset": 100.0}).warnings == ()
    )


@pytest.mark.parametrize("read_noise_e", [1.0, 5.0])
@pytest.mark.parametrize("light", LIGHTS)
def test_the_errors_of_maps_of_even_pixels_raise_no_alarm(tmp_path: Path, light: float, read_noise_e: float) -> None:
    model, rng = ccd(read_noise_e=read_noise_e), np.random.default_rng(0)
    dark = rng.normal(100, read_noise_e / E_PER_ADU, (50, 64, 64))
    maps = {
        "dark": dark.mean(axis=0), "variance": E_PER_ADU**2 * dark.var(axis=0, ddof=1),
        "flat": rng.normal(1, 0.006, (64, 64)),
    }  # fmt: skip
    scene = Scene(frame_shape=(64, 64), background=10 * light, blinking=Blinking(emitters_per_frame=5))
    more: dict[str, Value] = {"Camera.ReadNoise": read_noise_e}
    assert examine(tmp_path, Simulation(scene, model, 5).frames(0, 96), maps, **more).warnings == ()


def test_dead_lines_and_patterns_of_rows_are_no_padding(tmp_path: Path) -> None:
    maps = {name: image.copy() for name, image in RIGHT.items()}
    maps["variance"][30:34] = 1e8
    maps["flat"][30:33] = 1
    maps["dark"][30:32] = 100
    assert "copies" not in verdict(tmp_path, record(128, MEDIUM, 40), maps)
    maps["dark"] = np.repeat(D[:1], 128, axis=0)
    assert "copies" not in verdict(tmp_path, record(128, MEDIUM, 40), maps)


@pytest.mark.parametrize(("dy", "dx"), [(0, 1), (-1, 0), (16, -16), (3, -7)])
def test_a_shift_is_found_to_the_pixel(dy: int, dx: int) -> None:
    moments = Moments((128, 128))
    moments.add(record(128, MEDIUM, 200)[:60])
    structure = map_structure.structure_of_offset(np.roll(D, (dy, dx), (0, 1)), F, MovieSample.of(moments))
    assert structure is not None
    assert structure.shift() == (dy, dx)
    right = map_structure.structure_of_offset(D, F, MovieSample.of(moments))
    assert right is not None
    assert right.shift() is None
    assert right.agreement().slope == pytest.approx(1, abs=0.05)
