"""Camera maps that hold another quantity than their setting says are caught; right ones pass without a word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.simulation import Blinking, Scene, Simulation, scmos
from pointillist.pipeline_files.maps.examination import Examination, examine_maps
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.preparation import prepare
from pointillist.settings.metadata import Value

SHAPE = (96, 112)
KEYS = {"dark": "Camera.DarkMapID", "variance": "Camera.VarianceMapID", "flat": "Camera.FlatfieldMapID"}


def camera(e_per_adu: float = 0.46, *, noise: float = 1.0, is_hot: bool = True) -> CameraModel:
    """Return a camera with pixels of their own, whose read noise is ``noise`` times that of usual ones."""
    model = scmos(SHAPE, 4, electrons_per_adu=e_per_adu)
    variance = np.asarray(model.read_variance_e2) * np.float32(noise**2)
    return replace(model, read_variance_e2=variance if is_hot else np.minimum(variance, 8 * np.float32(noise**2)))


def record(model: CameraModel, *, light: float = 20, emitters: float = 10, n_frames: int = 40) -> NDArray[np.uint16]:
    scene = Scene(frame_shape=SHAPE, background=light, blinking=Blinking(emitters_per_frame=emitters))
    return Simulation(scene, model, 5).frames(0, n_frames)


def maps_of(model: CameraModel) -> dict[str, NDArray[Any]]:
    images = {"dark": model.offset_adu, "variance": model.read_variance_e2, "flat": model.flat_field}
    return {name: np.asarray(image, np.float32) for name, image in images.items()}


def examine(
    folder: Path, model: CameraModel, frames: NDArray[Any], maps: dict[str, NDArray[Any]], *overrides: str
) -> Examination:
    np.save(folder / "movie.npy", frames)
    metadata: dict[str, Value] = {
        "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.Type": "sCMOS",
        "Camera.ElectronsPerCount": model.electrons_per_adu,
    }  # fmt: skip
    for name, image in maps.items():
        np.save(folder / f"{name}.npy", image)
        metadata[KEYS[name]] = f"{name}.npy"
    given = {**metadata, **({} if "dark" in maps else {"Camera.ADOffset": 100.0})}
    given |= {} if "variance" in maps else {"Camera.ReadNoise": 1.5}
    (folder / "movie.json").write_text(json.dumps(given))
    with open_movie(folder / "movie.npy") as movie:
        settings, _ = prepare(movie, None, overrides)
        return examine_maps(movie, settings)


@pytest.mark.parametrize("is_hot", [True, False])
@pytest.mark.parametrize("e_per_adu", [0.107, 0.24, 0.46, 1.15, 2.2])
@pytest.mark.parametrize("noise", [0.2, 1, 4])
@pytest.mark.parametrize(("light", "emitters"), [(1, 3), (20, 10), (300, 40)])
def test_right_maps_of_many_cameras_pass_without_a_word(
    tmp_path: Path,
    *,
    is_hot: bool,
    e_per_adu: float,
    noise: float,
    light: float,
    emitters: float,
) -> None:
    model = camera(e_per_adu, noise=noise, is_hot=is_hot)
    for n_frames in (3, 30):
        frames = record(model, light=light, emitters=emitters, n_frames=n_frames)
        assert examine(tmp_path, model, frames, maps_of(model)).warnings == ()
        in_adu2 = {"variance": maps_of(model)["variance"] / np.float32(e_per_adu**2)}
        found = examine(tmp_path, model, frames, in_adu2, "Camera.VarianceMapUnits=ADU^2")
        assert found.warnings == ()


def flat_of(value: float, spread: float = 0.01) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(value, abs(spread * value), SHAPE).astype(np.float32)


VARIANCE = maps_of(camera())["variance"]
DARK = maps_of(camera())["dark"]
WRONG = [
    ("flat", flat_of(2.17), "its median is 2.17, like that of a map of gains in ADU/e-"),
    ("flat", flat_of(0.46), "its median is 0.46, like that of a map of gains in e-/ADU"),
    ("flat", flat_of(1.9), "divide it by its mean"),
    ("flat", flat_of(0.55), "divide it by its mean"),
    ("flat", flat_of(100), "like that of percentages"),
    ("flat", flat_of(40000), "divide it by its mean"),
    ("flat", np.clip(np.rint(flat_of(1, 0.3)), 1, 2), "its values are whole numbers"),
    ("flat", flat_of(-1), "not positive"),
    ("variance", np.zeros(SHAPE, np.float32), "100 % of its values are 0, but every pixel has noise"),
    ("variance", np.where(np.arange(112) < 40, VARIANCE, 0), "64 % of its values are 0"),
    ("variance", np.sqrt(VARIANCE), "it holds standard deviations in e-; square them"),
    ("variance", np.sqrt(VARIANCE) / 0.46, "standard deviations in ADU; square them, and give -s Camera.Varian"),
    ("variance", DARK, "is it the dark map?"),
    ("variance", VARIANCE / 0.46**2, "give -s Camera.VarianceMapUnits=ADU^2"),
    ("variance", np.full(SHAPE, 2.2 * 30, np.float32), "the whole noise of the movie is"),
    ("variance", -VARIANCE, "negative values"),
    ("variance", np.where(VARIANCE > 50, np.nan, VARIANCE), "not numbers"),
    ("variance", np.where(VARIANCE > 50, np.inf, VARIANCE), "not numbers"),
    ("variance", VARIANCE.astype(np.complex64), "values of type complex64"),
    ("variance", VARIANCE > 3, "values of type bool"),
    ("variance", np.array([DARK, VARIANCE, flat_of(2.17)]), "holds 3 images; save the one that is meant"),
    ("dark", np.array([DARK, DARK]), "holds 2 images"),
]  # fmt: skip


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint16]:
    return record(camera(), light=10)


@pytest.mark.parametrize(("name", "image", "problem"), WRONG)
def test_a_map_of_another_quantity_is_refused(
    tmp_path: Path, frames: NDArray[np.uint16], name: str, image: NDArray[Any], problem: str
) -> None:
    with pytest.raises(SettingError) as error:
        examine(tmp_path, camera(), frames, {name: image})
    assert str(error.value).startswith(KEYS[name])
    assert problem in str(error.value)
    assert "\n" not in str(error.value)
    if "CheckMaps" in str(error.value):
        found = examine(tmp_path, camera(), frames, {name: image}, "Camera.CheckMaps=False")
        assert problem.partition(";")[0] in " ".join(found.warnings)


def test_standard_deviations_in_the_other_unit_are_told_too(tmp_path: Path, frames: NDArray[np.uint16]) -> None:
    with pytest.raises(SettingError, match="it holds standard deviations in ADU"):
        examine(
            tmp_path, camera(), frames, {"variance": np.sqrt(VARIANCE) / 0.46}, "Camera.VarianceMapUnits=ADU^2"
        )  # fmt: skip


@pytest.mark.parametrize(
    ("maps", "warning"),
    [
        ({"dark": VARIANCE}, "is it the variance map?"),
        ({"dark": DARK * 0.46}, "it looks like it is in e-, not ADU: divide it by Camera.ElectronsPerCount=0.46"),
        ({"flat": flat_of(1.12)}, "like that of a map of gains in e-/ADU; if it is one, divide it by its mean"),
        ({"variance": np.rint(VARIANCE)}, "whole numbers, too coarse"),
    ],
)
def test_a_map_that_looks_like_another_quantity_is_remarked(
    tmp_path: Path, maps: dict[str, NDArray[Any]], warning: str
) -> None:
    model = camera(1.12 if "flat" in maps else 0.46)
    found = examine(tmp_path, model, record(model), maps)
    assert warning in " ".join(found.warnings)


def test_without_hot_pixels_the_read_noise_tells_standard_deviations(tmp_path: Path) -> None:
    model = camera(noise=4, is_hot=False)
    maps = {"variance": np.sqrt(maps_of(model)["variance"])}
    found = examine(tmp_path, model, record(model), maps, "Camera.ReadNoise=6")
    assert "Camera.ReadNoise itself and not its square" in " ".join(found.warnings)


def test_swapped_maps_are_refused(tmp_path: Path, frames: NDArray[np.uint16]) -> None:
    with pytest.raises(SettingError, match="is it the dark map"):
        examine(tmp_path, camera(), frames, {"dark": VARIANCE, "variance": DARK})


@pytest.mark.parametrize("kind", ["tif", "npy", "h5"])
@pytest.mark.parametrize("n_images", [1, 2, 3, 4])
def test_a_map_is_one_image_in_every_format(
    tmp_path: Path, frames: NDArray[np.uint16], kind: str, n_images: int
) -> None:
    model, stack = camera(), np.repeat(VARIANCE[None], n_images, axis=0)
    path = tmp_path / f"map.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, stack, metadata=None, photometric="minisblack")
    elif kind == "npy":
        np.save(path, stack)
    else:
        with h5py.File(path, "w") as file:
            file["ImageData"] = stack.transpose(0, 2, 1)
    if n_images == 1:
        assert examine(tmp_path, model, frames, {}, f"Camera.VarianceMapID={path}").warnings == ()
        return
    with pytest.raises(SettingError, match=f"holds {n_images} images"):
        examine(tmp_path, model, frames, {}, f"Camera.VarianceMapID={path}")
