"""Numbers that cannot be right are refused, doubtful ones are remarked, and right ones pass without a word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from pointillist.errors import SettingError
from pointillist.settings.analysis import check_complete, fit_settings, resolve
from pointillist.settings.camera_types import remarks_on_type, values_of_type
from pointillist.settings.doubtful_values import doubts
from pointillist.settings.metadata import Value
from pointillist.settings.schema import SETTINGS

SCMOS: dict[str, Value] = {
    "voxelsize.x": 0.1, "voxelsize.y": 0.1, "Camera.ADOffset": 100, "Camera.ElectronsPerCount": 0.46,
    "Camera.ReadNoise": 1.6, "Camera.TrueEMGain": 1, "Camera.NoiseFactor": 1,
}  # fmt: skip
EMCCD: dict[str, Value] = {
    **SCMOS, "Camera.ElectronsPerCount": 10.5, "Camera.ReadNoise": 60, "Camera.TrueEMGain": 100,
    "Camera.NoiseFactor": 1.41,
}  # fmt: skip

CAMERAS = {  # kind, offset in ADU, e-/ADU, read noise in e- rms after the register, EM gains
    "Prime 95B, 12 bit sensitivity": ("sCMOS", 100, 0.6, 1.6, (1,)),
    "Prime 95B, 16 bit": ("sCMOS", 100, 1.15, 1.8, (1,)),
    "Prime BSI, 11 bit": ("sCMOS", 100, 0.61, 1.0, (1,)),
    "Kinetix, sensitivity": ("sCMOS", 100, 0.23, 1.2, (1,)),
    "Kinetix, speed, 8 bit": ("sCMOS", 10, 0.86, 2.0, (1,)),
    "Orca Flash 4.0 V2": ("sCMOS", 100, 0.46, 1.6, (1,)),
    "Orca Flash 4.0 V3, slow": ("sCMOS", 100, 0.46, 1.0, (1,)),
    "Orca Fusion": ("sCMOS", 100, 0.24, 0.7, (1,)),
    "Orca Fusion BT": ("sCMOS", 100, 0.24, 1.6, (1,)),
    "Orca Quest, ultra quiet": ("sCMOS", 200, 0.107, 0.27, (1,)),
    "Orca Quest, standard": ("sCMOS", 200, 0.107, 0.43, (1,)),
    "Zyla 4.2, 16 bit": ("sCMOS", 100, 0.45, 1.1, (1,)),
    "Zyla 5.5, 12 bit low noise": ("sCMOS", 100, 0.28, 1.2, (1,)),
    "Zyla 5.5, 12 bit high well": ("sCMOS", 100, 7.3, 6.0, (1,)),
    "Sona 4.2B": ("sCMOS", 100, 1.0, 1.6, (1,)),
    "pco.edge 4.2": ("sCMOS", 100, 0.46, 1.1, (1,)),
    "industrial CMOS, 8 bit": ("sCMOS", 1, 42.0, 6.7, (1,)),
    "industrial CMOS, 12 bit": ("sCMOS", 8, 2.6, 2.3, (1,)),
    "CoolSNAP HQ2": ("CCD", 180, 1.1, 5.5, (1,)),
    "Orca ER": ("CCD", 200, 4.4, 8.0, (1,)),
    "iXon 897, conventional": ("EMCCD", 150, 1.0, 6.0, (1,)),
    "iXon 897, 10 MHz": ("EMCCD", 100, 10.5, 65.0, (1, 20, 100, 300, 1000)),
    "iXon DV887, 10 MHz": ("EMCCD", 400, 62.0, 109.8, (1, 20, 150, 1000)),
    "PYME's iXon": ("EMCCD", 967, 27.32, 109.8, (20, 150)),
    "iXon Ultra 897, 17 MHz": ("EMCCD", 200, 4.3, 89.0, (1, 200, 1000)),
    "iXon Ultra 888, 30 MHz": ("EMCCD", 500, 15.8, 130.0, (1, 300)),
    "Evolve 512": ("EMCCD", 500, 1.4, 40.0, (1, 50, 300)),
    "Evolve 512 Delta, 20 MHz": ("EMCCD", 500, 5.8, 70.0, (250,)),
    "ImagEM X2": ("EMCCD", 1500, 5.8, 120.0, (4, 200, 1200)),
    "HNu 512": ("EMCCD", 300, 24.0, 80.0, (1000, 2000)),
}  # fmt: skip
PIXELS = {  # on the chip in µm, magnifications
    "sCMOS": (6.5, (40, 60, 63, 100, 150)),
    "CCD": (6.45, (60, 100)),
    "EMCCD": (16.0, (60, 100, 150, 250)),
}


def right_numbers() -> Iterator[tuple[str, dict[str, Value]]]:
    for name, (kind, offset, e_per_adu, noise, em_gains) in CAMERAS.items():
        chip_um, magnifications = PIXELS[kind]
        for gain in em_gains:
            for magnification in magnifications:
                pixel = chip_um / magnification
                yield (
                    f"{name}, EM gain {gain}, {magnification}x",
                    {
                        "voxelsize.x": pixel, "voxelsize.y": pixel, "Camera.Type": kind, "Camera.ADOffset": offset,
                        "Camera.ElectronsPerCount": e_per_adu, "Camera.ReadNoise": noise, "Camera.TrueEMGain": gain,
                        "Camera.NoiseFactor": 1.41 if gain > 1 else 1, "Camera.IntegrationTime": 0.02,
                        "Camera.CycleTime": 0.0203,
                    },
                )  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), [*right_numbers()])
def test_right_numbers_of_real_cameras_pass_without_a_word(name: str, settings: dict[str, Value]) -> None:
    del name
    for kind in ("Camera.Type", "Camera.Name"):  # with and without saying what kind of camera it is
        given = {kind if key == "Camera.Type" else key: value for key, value in settings.items()}
        resolved = resolve(given)
        check_complete(resolved)
        values_of_type(resolved)
        fit_settings(resolved)
        assert doubts(resolved) == []


@pytest.mark.parametrize("sigma_nm", [70, 90, 106.4, 130, 160, 200])
@pytest.mark.parametrize(
    ("module", "half"), [("LatGaussFitFR", 4), ("LatGaussFitFR", 5), ("LatGaussFitFR", 6), ("AstigGaussFitFR", 10)]
)
def test_usual_spots_and_regions_pass_without_a_word(sigma_nm: float, module: str, half: int) -> None:
    for pixel in (0.065, 0.1, 0.107, 0.16):
        settings = {**SCMOS, "voxelsize.x": pixel, "voxelsize.y": pixel, "Analysis.FitModule": module}
        assert doubts(resolve({**settings, "Analysis.PSFSigmaGuess": sigma_nm, "Analysis.ROISize": half})) == []


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("voxelsize.x", 100, "is it in nm? then give voxelsize.x=0.1"),
        ("voxelsize.y", 108, "is it in nm? then give voxelsize.y=0.108"),
        ("voxelsize.x", 1e-7, "is it in m? then give voxelsize.x=0.1"),
        ("voxelsize.x", 1.6e-4, "is it in mm? then give voxelsize.x=0.16"),
        ("voxelsize.x", 16, "is it a pixel of the camera's chip? then divide it by the magnification"),
        ("voxelsize.x", 6.5, "is it a pixel of the camera's chip?"),
        ("voxelsize.x", 0, "give a value >= 0.01 and <= 5 µm"),
        ("voxelsize.x", -0.1, "give a value"),
        ("Analysis.PSFSigmaGuess", 1.3, "is it in px? then multiply it by the size of a pixel in nm"),
        ("Analysis.PSFSigmaGuess", 0.13, "is it in µm? then give Analysis.PSFSigmaGuess=130"),
        ("Analysis.PSFSigmaGuess", 1.3e-7, "is it in m? then give Analysis.PSFSigmaGuess=130"),
        ("Analysis.ROISize", 11, "is it the whole width? then give Analysis.ROISize=5"),
        ("Analysis.ROISize", 15, "is it the whole width? then give Analysis.ROISize=7"),
        ("Analysis.PCTBackground", 25, "is it in per cent? then give Analysis.PCTBackground=0.25"),
        ("Analysis.DetectionRadiusLowpass", 130, "is it in nm?"),
        ("Analysis.DetectionRadiusHighpass", 300, "is it in nm?"),
        ("Camera.ElectronsPerCount", -0.46, "give a value >= 0.005"),
        ("Camera.ElectronsPerCount", 0.001, "give a value >= 0.005"),
        ("Camera.TrueEMGain", 0, "is there no EM register, or is it off? then give 1"),
        ("Camera.NoiseFactor", 2, "is it its square? then give Camera.NoiseFactor=1.4142"),
        ("Camera.NoiseFactor", 0.707, "give a value >= 0.95"),
        ("Camera.ReadNoise", 3600, "is it its square? then give Camera.ReadNoise=60"),
        ("Camera.ReadNoise", -1.6, "give a value >= 0"),
        ("Camera.CycleTime", -0.03, "give a value >= 0"),
        ("EstimatedLaserOnFrameNo", -1, "give a value >= 0"),
    ],
)
def test_what_cannot_be_right_is_refused_from_wherever_it_comes(name: str, value: float, hint: str) -> None:
    for movie, overrides in (({name: value}, []), ({name: str(value)}, []), ({}, [f"{name}={value}"])):
        with pytest.raises(SettingError) as error:
            resolve({**SCMOS, **movie}, None, overrides)
        assert str(error.value).startswith(f"{name}: {value:g} is out of range; ")
        assert hint in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"voxelsize.x": 1, "voxelsize.y": 1}, "is it a placeholder of a program that does not know it?"),
        ({"voxelsize.y": 0.2}, "pixels are square"),
        ({"voxelsize.x": 3.45, "voxelsize.y": 3.45}, "is it a pixel of the camera's chip?"),
        ({"voxelsize.x": 0.65, "voxelsize.y": 0.65}, "too narrow for a fit"),
        ({"voxelsize.x": 0.02, "voxelsize.y": 0.02}, "too wide for Analysis.ROISize=5"),
        ({"Analysis.PSFSigmaGuess": 250}, "half maximum (FWHM)? then give Analysis.PSFSigmaGuess=106.17"),
        ({"Analysis.ROISize": 7}, "is it the whole width? then give 3"),
        ({"Analysis.ROISize": 9}, "is it the whole width? then give 4"),
        ({"Analysis.DetectionThreshold": 500}, "if it is in ADU, give Analysis.SNRThreshold=False"),
        ({"Analysis.SNRThreshold": False, "Analysis.DetectionThreshold": 0.5}, "give Analysis.SNRThreshold=True"),
        ({"Analysis.BGRange": (0, 30)}, "frames before it are negative, -30:0"),
        ({"Analysis.FalsePositives": 100}, "Analysis.FalsePositives is 100 per frame"),
        ({"Analysis.DebounceRadius": 400}, "is it in nm?"),
        ({"Camera.ElectronsPerCount": 0.02}, "is it in ADU/e-? then give Camera.ElectronsPerCount=50"),
        ({"Camera.ReadNoise": 0}, "no camera is free of it"),
        ({"Camera.ReadNoise": 900}, "is it its square? then give Camera.ReadNoise=30"),
        ({"Camera.Type": "sCMOS", "Camera.ReadNoise": 60}, "too much for a sCMOS"),
        ({"Camera.ADOffset": -100}, "Camera.ADOffset is -100 ADU"),
        ({"Camera.ADOffset": 40000}, "Camera.ADOffset is 40000 ADU"),
        ({"Camera.IntegrationTime": 30, "Camera.CycleTime": 0.03}, "in ms? then give Camera.IntegrationTime=0.03"),
        ({"Camera.CycleTime": 20000}, "is it in µs? then give Camera.CycleTime=0.02"),
        ({"Camera.IntegrationTime": 0.5, "Camera.CycleTime": 0.03}, "longer than Camera.CycleTime"),
        ({"Camera.NoiseFactor": 1.41}, "Camera.NoiseFactor is 1.41 at an EM gain of 1"),
        ({**EMCCD, "Camera.NoiseFactor": 1}, "it is 1.41 there"),
        ({**EMCCD, "Camera.ElectronsPerCount": 0.105}, "is it divided by the gain already?"),
        ({**EMCCD, "Camera.ReadNoise": 0.6}, "then give 60"),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_remarked(changes: dict[str, Value], hint: str) -> None:
    said = doubts(resolve({**SCMOS, **changes}))
    assert any(hint in remark for remark in said), said
    assert not any("\n" in remark for remark in said)


def test_a_number_that_a_map_replaces_is_not_looked_at() -> None:
    settings = resolve({**SCMOS, "Camera.ReadNoise": 0, "Camera.ADOffset": -5})
    assert len(doubts(settings)) == 2
    assert doubts({**settings, "Camera.VarianceMapID": "v.tif", "Camera.DarkMapID": "d.tif"}) == []


@pytest.mark.parametrize(("lowpass", "highpass"), [(3, 1), (3, 3), (1, 1)])
def test_a_detection_filter_that_nothing_passes_is_refused(lowpass: float, highpass: float) -> None:
    radii = {"Analysis.DetectionRadiusLowpass": lowpass, "Analysis.DetectionRadiusHighpass": highpass}
    with pytest.raises(SettingError, match="nothing passes both"):
        fit_settings({**SCMOS, **radii})
    fit_settings({**SCMOS, **radii, "Analysis.Detector": "wavelet"})


def test_the_remarks_on_the_kind_of_camera_are_others() -> None:
    assert remarks_on_type({**SCMOS, "Camera.Type": "CCD"}, {}) == []


@given(st.floats(allow_nan=False), st.sampled_from(sorted(SETTINGS)))
def test_any_number_of_any_setting_is_judged_in_one_line(value: float, name: str) -> None:
    with contextlib.suppress(SettingError):
        parsed = SETTINGS[name].parse(value)
        if isinstance(parsed, float):
            assert "\n" not in (SETTINGS[name].doubt(parsed) or "")
