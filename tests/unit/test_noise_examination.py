"""The noise of a movie tells wrong numbers of its camera, and leaves right ones alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.errors import SettingError
from pointillist.fitting.camera.model import CameraModel
from pointillist.fitting.camera.noise_levels import CameraNumbers, NoiseSample, compare_noise
from pointillist.fitting.simulation import Blinking, Scene, Simulation, ccd, emccd, scmos
from pointillist.pipeline_files.maps.noise_examination import examine_noise
from pointillist.pipeline_files.movies.movie import open_movie
from pointillist.pipeline_files.movies.write_movie import write_pyme_h5
from pointillist.settings.analysis import resolve
from pointillist.settings.metadata import Metadata, Value

SHAPE = (64, 72)
CAMERAS: dict[str, CameraModel] = {
    "Orca Flash": ccd(offset_adu=100, electrons_per_adu=0.46, read_noise_e=1.6),
    "Orca Fusion": ccd(offset_adu=100, electrons_per_adu=0.24, read_noise_e=0.7),
    "Orca Quest": ccd(offset_adu=200, electrons_per_adu=0.107, read_noise_e=0.27),
    "Prime 95B": ccd(offset_adu=100, electrons_per_adu=1.15, read_noise_e=1.8),
    "Zyla, 12 bit": ccd(offset_adu=100, electrons_per_adu=7.3, read_noise_e=6.0),
    "CCD": ccd(offset_adu=180, electrons_per_adu=2.2, read_noise_e=5.5),
    "sCMOS with hot pixels": scmos(SHAPE, 1),
    "EMCCD, register at 1": replace(emccd(em_gain=1.0), noise_factor=1.0),
    **{f"EMCCD, gain {gain}": emccd(em_gain=float(gain)) for gain in (4, 20, 100, 300, 1000)},
    "Evolve": replace(emccd(offset_adu=500, electrons_per_adu=1.4, em_gain=100.0), read_variance_e2=40.0**2),
}
EMITTERS: dict[str, tuple[float, float, float]] = {  # per frame, frames that each is on for, photons
    "no": (0.0, 1.0, 1000.0), "few": (2.0, 3.0, 1000.0), "dim": (20.0, 3.0, 100.0), "bright": (20.0, 3.0, 9000.0),

            "many": (60.0, 3.0, 1000.0), "flickering": (60.0, 1.0, 1000.0), "standing": (10.0, 100.0, 1000.0),
}  # fmt: skip


def record(camera: CameraModel, light: float, emitters: str = "few", n_frames: int = 16, sigma: float = 1.3) -> Any:
    per_frame, on_frames, photons = EMITTERS[emitters]
    scene = Scene(
        frame_shape=SHAPE, background=light, background_slope=0.8, psf_sigma_px=sigma,
        blinking=Blinking(emitters_per_frame=per_frame, mean_on_frames=on_frames, photons=photons),
    )  # fmt: skip
    return Simulation(scene, camera, 3).frames(0, n_frames)


def numbers(camera: CameraModel) -> dict[str, Value]:
    return {
        "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ElectronsPerCount": camera.electrons_per_adu,
        "Camera.ADOffset": float(np.mean(camera.offset_adu)), "Camera.TrueEMGain": camera.em_gain,
        "Camera.NoiseFactor": 1.41 if camera.em_gain > 1 else 1.0,
        "Camera.ReadNoise": float(np.sqrt(np.median(camera.read_variance_e2))),
    }  # fmt: skip


def examine(folder: Path, frames: NDArray[Any], settings: Metadata) -> list[str]:
    np.save(folder / "movie.npy", frames)
    with open_movie(folder / "movie.npy") as movie:
        return examine_noise(movie, resolve(settings))


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("emitters", EMITTERS)
def test_right_numbers_pass_without_a_word(tmp_path: Path, name: str, emitters: str) -> None:
    camera = CAMERAS[name]
    for light in (0.03, 2, 60):
        assert examine(tmp_path, record(camera, light, emitters), numbers(camera)) == [], light


@pytest.mark.parametrize("name", ["Orca Flash", "EMCCD, gain 100", "Zyla, 12 bit"])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 5, 90])
def test_right_numbers_of_short_and_long_movies_pass_without_a_word(tmp_path: Path, name: str, n_frames: int) -> None:
    camera = CAMERAS[name]
    for sigma in (0.7, 1.3, 2.5):
        assert examine(tmp_path, record(camera, 20, "many", n_frames, sigma), numbers(camera)) == []


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("change", ["bleaching", "laser", "photons", "saturated", "lost frames", "clipped", "repeated"])
def test_movies_with_a_life_of_their_own_raise_no_alarm(tmp_path: Path, name: str, change: str) -> None:
    camera, settings = CAMERAS[name], numbers(CAMERAS[name])
    frames = record(camera, 20, "few", 40)
    offset = float(np.mean(camera.offset_adu))
    if change == "bleaching":
        strength = np.linspace(1, 0.2, 40)
        frames = np.concatenate([record(camera, 20 * k, "few", 2) for k in strength])
    if change == "laser":
        frames[:11] = record(camera, 0.01, "no", 11)
    if change == "photons":  # counted already
        e_per_adu = camera.electrons_per_adu / camera.em_gain
        frames = ((frames - np.float32(offset)) * np.float32(e_per_adu)).astype(np.float32)
        noise = float(np.sqrt(np.median(camera.read_variance_e2))) / camera.em_gain
        settings |= {"Camera.ADOffset": 0, "Camera.ElectronsPerCount": 1, "Camera.TrueEMGain": 1.0}
        settings["Camera.ReadNoise"] = noise
    if change == "saturated":
        frames[:, :40] = 65535
    if change == "lost frames":
        frames[::5] = 0
    if change == "clipped":  # the offset is subtracted, and what is below is 0
        frames = np.where(frames > offset, frames - np.float64(offset), 0).astype(np.uint16)
        settings["Camera.ADOffset"] = 0
    if change == "repeated":
        frames[1::6] = frames[::6][: len(frames[1::6])]
    assert examine(tmp_path, frames, settings) == []


WRONG: list[tuple[str, float, dict[str, Value], str]] = [
    ("Orca Flash", 20, {"Camera.ElectronsPerCount": 2.17}, "ElectronsPerCount=2.17 is in ADU/e-: then give 0.46"),
    ("Orca Fusion", 20, {"Camera.ElectronsPerCount": 4.17}, "then give 0.2398"),
    ("Orca Quest", 5, {"Camera.ElectronsPerCount": 9.35}, "then give 0.107"),
    ("Zyla, 12 bit", 300, {"Camera.ElectronsPerCount": 0.137}, "then give 7.299"),
    ("CCD", 50, {"Camera.ElectronsPerCount": 0.4545}, "then give 2.2"),
    ("sCMOS with hot pixels", 20, {"Camera.ElectronsPerCount": 2.17}, "then give 0.46"),
    ("Orca Flash", 20, {"Camera.TrueEMGain": 100.0, "Camera.NoiseFactor": 1.41}, "give Camera.TrueEMGain=1, not 100"),
    ("Orca Flash", 200, {"Camera.NoiseFactor": 1.41}, "give Camera.NoiseFactor=1, not 1.41"),
    ("EMCCD, gain 100", 20, {"Camera.NoiseFactor": 1.0}, "an EM register: give Camera.NoiseFactor=1.41, not 1"),
    ("EMCCD, gain 300", 5, {"Camera.NoiseFactor": 1.0}, "give Camera.NoiseFactor=1.41, not 1"),
    ("EMCCD, gain 100", 20, {"Camera.TrueEMGain": 1.0, "Camera.NoiseFactor": 1.0},
     "NoiseFactor² x TrueEMGain / ElectronsPerCount should be about 2"),
    ("EMCCD, gain 100", 20, {"Camera.ElectronsPerCount": 0.1}, "is already divided by the EM gain: then give 10"),
    ("EMCCD, gain 100", 20, {"Camera.TrueEMGain": 4.0}, "check Camera.ElectronsPerCount"),
    ("Orca Flash", 1, {"Camera.ReadNoise": 12.0}, "times the noise that the settings of the camera imply"),
    ("CCD", 1, {"Camera.ReadNoise": 30.25}, "if Camera.ReadNoise=30.25 is a variance: then give 5.5"),
    ("Zyla, 12 bit", 1, {"Camera.ReadNoise": 36.0}, "is a variance: then give 6"),
    ("CCD", 0.1, {"Camera.ReadNoise": 2.5}, "if Camera.ReadNoise=2.5 is in ADU: then give 5.5"),
    ("EMCCD, gain 20", 0.1, {"Camera.ReadNoise": 3.0}, "if Camera.ReadNoise=3 is before the register: then give 60"),
    ("Orca Flash", 20, {"Camera.ADOffset": 0.0}, "a Camera.ADOffset of about"),
    ("Orca Flash", 50, {"Camera.ADOffset": 0.0}, "a Camera.ADOffset of about"),
    ("Orca Quest", 5, {"Camera.ADOffset": 0.0}, "a Camera.ADOffset of about"),
    ("EMCCD, gain 100", 1, {"Camera.ADOffset": 0.0}, "a Camera.ADOffset of about"),
    ("Orca Flash", 20, {"Camera.ADOffset": 140.0}, "the offset cannot be higher"),
    ("EMCCD, gain 20", 20, {"Camera.ADOffset": 145.0}, "the offset cannot be higher"),
]  # fmt: skip


@pytest.mark.parametrize("emitters", ["no", "few"])
@pytest.mark.parametrize(("name", "light", "changes", "remark"), WRONG)
def test_wrong_numbers_are_remarked_with_what_they_look_like(  # noqa: PLR0917
    tmp_path: Path, name: str, light: float, changes: dict[str, Value], remark: str, emitters: str
) -> None:
    camera = CAMERAS[name]
    said = examine(tmp_path, record(camera, light, emitters), {**numbers(camera), **changes})
    assert len(said) == 1
    assert remark in said[0]
    assert "\n" not in said[0]


@pytest.mark.parametrize(("light", "offset"), [(20, 1000.0), (1, 200.0), (0.03, 500.0)])
def test_an_offset_above_most_of_the_movie_is_refused(tmp_path: Path, light: float, offset: float) -> None:
    camera = CAMERAS["Orca Flash"]
    with pytest.raises(SettingError, match=rf"Camera\.ADOffset: is {offset:g} ADU, but most of the movie is darker"):
        examine(tmp_path, record(camera, light), {**numbers(camera), "Camera.ADOffset": offset})


@pytest.mark.parametrize("light", [0.5, 20, 400])
def test_with_right_maps_in_place_of_numbers_nothing_is_said(tmp_path: Path, light: float) -> None:
    camera = CAMERAS["sCMOS with hot pixels"]
    np.save(tmp_path / "dark.npy", camera.offset_adu)
    np.save(tmp_path / "variance.npy", camera.read_variance_e2)
    maps: dict[str, Value] = {"Camera.DarkMapID": "dark.npy", "Camera.VarianceMapID": "variance.npy"}
    assert examine(tmp_path, record(camera, light), {**numbers(camera), **maps}) == []
    wrong = {**numbers(camera), **maps, "Camera.ElectronsPerCount": 2.17}
    assert "then give 0.46" in examine(tmp_path, record(camera, 20 + light), wrong)[0]


@pytest.mark.parametrize("name", CAMERAS)
def test_the_bounds_enclose_the_noise(name: str) -> None:
    camera = CAMERAS[name]
    right = CameraNumbers(
        electrons_per_adu=camera.electrons_per_adu, em_gain=camera.em_gain, noise_factor=camera.noise_factor,
        read_noise_e=float(np.sqrt(np.median(camera.read_variance_e2))),
    )  # fmt: skip
    sample = NoiseSample(float(np.mean(camera.offset_adu)))
    sample.add(record(camera, 20, "few", 12))
    bounds = compare_noise(sample.levels(), right)
    assert 1 < bounds.upper < 1.5
    assert 0.7 < bounds.lower < 1


def test_the_frames_are_read_without_a_compiler(tmp_path: Path) -> None:
    camera = CAMERAS["Orca Flash"]
    write_pyme_h5(tmp_path / "movie.h5", [record(camera, 20)], numbers(camera))
    code = (
        "import sys; from pointillist.pipeline_files import prepare\n"
        "from pointillist.pipeline_files.movies import open_movie\n"
        f"with open_movie({str(tmp_path / 'movie.h5')!r}) as movie: print(prepare(movie)[1], 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"


def test_the_real_movies_pass_with_their_own_numbers_and_not_with_wrong_ones(shared_data: Path) -> None:
    egfp = shared_data / "egfp_tirf" / "egfp_tirf.tif"
    with open_movie(egfp) as movie:
        right = resolve(movie.metadata)
        assert examine_noise(movie, right) == []
        assert "then give 10" in examine_noise(movie, {**right, "Camera.ElectronsPerCount": 0.105})[0]
        assert "Camera.NoiseFactor=1.41" in examine_noise(movie, {**right, "Camera.NoiseFactor": 1.0})[0]
    maps = np.load(shared_data / "scmos_storm" / "maps_oriented.npz")
    gain = float(np.median(maps["gain_adu_per_e"]))
    settings = resolve({
        "voxelsize.x": 0.16, "voxelsize.y": 0.16, "Camera.ElectronsPerCount": 1 / gain, "Camera.TrueEMGain": 1,
        "Camera.NoiseFactor": 1, "Camera.ADOffset": float(np.median(maps["offset_adu"])),
        "Camera.ReadNoise": float(np.sqrt(np.median(maps["variance_adu2"]))) / gain,
    })  # fmt: skip
    with open_movie(shared_data / "scmos_storm" / "scmos_storm.tif") as movie:
        assert examine_noise(movie, settings) == []
        assert "in ADU/e-" in examine_noise(movie, {**settings, "Camera.ElectronsPerCount": gain})[0]
