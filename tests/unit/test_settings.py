from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from pointillist.errors import SettingError
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.settings import FitSettings
from pointillist.settings.analysis import (
    check_complete,
    fit_settings,
    missing_settings,
    resolve,
    resolve_with_remarks,
    settings_digest,
)
from pointillist.settings.known_names import WITHOUT_EFFECT, check_known
from pointillist.settings.metadata import Metadata, Value
from pointillist.settings.schema import SETTINGS

CAMERA: dict[str, Value] = {
    "voxelsize.x": 0.1,
    "voxelsize.y": 0.1,
    "Camera.ElectronsPerCount": 0.46,
    "Camera.TrueEMGain": 1,
    "Camera.NoiseFactor": 1,
    "Camera.ReadNoise": 1.6,
    "Camera.ADOffset": 100,
}


def test_defaults_are_those_of_pymes_window_but_no_frame_is_left_out() -> None:
    settings = resolve({})
    pymes = {
        "Analysis.FitModule": "LatGaussFitFR",
        "Analysis.DetectionThreshold": 1.0,
        "Analysis.SNRThreshold": True,
        "Analysis.StartAt": 0,
        "Analysis.BGRange": (-30, 0),
        "Analysis.PCTBackground": 0.0,
        "Analysis.subtractBackground": True,
        "Analysis.DetectionRadiusLowpass": 1.0,
        "Analysis.DetectionRadiusHighpass": 3.0,
        "Analysis.DebounceRadius": 4.0,
        "Analysis.ClumpRejectRadius": 0.0,
        "Analysis.ROISize": 5,
        "Analysis.FitBackground": True,
        "Analysis.PSFSigmaGuess": 106.4,
    }
    assert pymes.items() <= settings.items()
    assert fit_settings(CAMERA) == FitSettings(psf_sigma_px=1.064)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_movie(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("Analysis:\n  ROISize: 6\n  DebounceRadius: 6\n")
    movie: Metadata = {"Analysis.ROISize": 7, "Analysis.DebounceRadius": 7, "Analysis.StartAt": 7, "Sample.Name": "A"}
    settings = resolve(movie, file, ["Analysis.ROISize=8"])
    assert settings["Analysis.ROISize"] == 8
    assert settings["Analysis.DebounceRadius"] == 6
    assert settings["Analysis.StartAt"] == 7
    assert settings["Sample.Name"] == "A"
    assert settings["Analysis.DetectionThreshold"] == 1.0


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Analysis.DetectionTreshold", "Analysis.DetectionThreshold"),
        ("analysis.bgrange", "Analysis.BGRange"),
        ("DetectionThreshold", "Analysis.DetectionThreshold"),
        ("Camera.AdOffset", "Camera.ADOffset"),
        ("Camera.VarianceMap", "Camera.VarianceMapID"),
        ("voxelsize.X", "voxelsize.x"),
        ("voxelsze.x", "voxelsize.x"),
        ("pixelsize", "voxelsize.x in µm"),
        ("pixel_size_nm", "voxelsize.x in µm"),
        ("Camera.Offset", "Camera.ADOffset in ADU"),
        ("threshold", "Analysis.DetectionThreshold"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused_with_the_nearest_name(wrong: str, right: str) -> None:
    with pytest.raises(SettingError) as error:
        resolve({}, None, [f"{wrong}=1"])
    assert str(error.value) == f"{wrong}: there is no such setting; did you mean {right}?"


def test_a_setting_like_no_other_is_refused_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"Analysis.Quux": 1}')
    with pytest.raises(SettingError, match="there is no such setting"):
        resolve({}, tmp_path / "s.json")


@pytest.mark.parametrize("name", ["a", "foo", "Name", "quux"])
def test_a_name_without_a_dot_that_is_no_setting_is_refused_on_the_command_line(name: str) -> None:
    with pytest.raises(SettingError) as error:
        resolve({}, None, [f"{name}=b"])
    assert str(error.value).startswith(f"{name}: there is no such setting; ")


def test_metadata_on_the_command_line_are_remarked() -> None:
    _, remarks = resolve_with_remarks({}, None, ["Sample.Labelling=AF647", "StartTime=3", "Camera.Name=A"])
    assert remarks == [
        f"{name} is no setting; it is recorded with the metadata and has no other effect"
        for name in ("Sample.Labelling", "StartTime")
    ]


def test_a_file_without_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("root:*:1:0:9:7:::\ndaemon:*:1:0:9:7:::\n")
    with pytest.raises(SettingError, match=r"shadow: holds no setting; 'pointillist settings' lists all settings"):
        resolve({}, tmp_path / "shadow")


def test_unknown_settings_of_the_movie_are_remarked() -> None:
    known: dict[str, Value] = {"Analysis.NumBGFrames": 3, "Analysis.PSFSigma": 130, "Analysis.ROISize": 5}
    _, remarks = resolve_with_remarks({**known, "Analysis.DetectionTreshold": 1.2, "Analysis.Old": 3, "Old": 1})
    assert remarks == [
        (
            "Analysis.DetectionTreshold in the movie's metadata is no setting and has no effect; "
            "did you mean Analysis.DetectionThreshold?"
        ),
        "Analysis.Old in the movie's metadata is no setting and has no effect",
    ]


def test_unknown_entries_of_the_movie_and_free_names_are_metadata() -> None:
    settings = resolve({"Camera.Vendor": "Acme", "Analysis.Old": 3}, None, ["Sample.Labelling=AF647"])
    assert settings["Camera.Vendor"] == "Acme"
    assert settings["Sample.Labelling"] == "AF647"


@pytest.mark.parametrize("name", sorted([*SETTINGS, *WITHOUT_EFFECT]))
def test_every_known_name_is_accepted(name: str) -> None:
    check_known(name)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("Analysis.ROISize=five", "'five' is not a whole number; give one, such as 5"),
        ("Analysis.ROISize=5.5", "'5.5' is not a whole number"),
        ("Analysis.PSFSigmaGuess=1_30", "'1_30' is not a number"),
        ("Analysis.BGRange=-3_0:0", "is not a range"),
        ("Analysis.ROISize=1", "1 is out of range; give a value >= 2 and <= 10"),
        ("Analysis.DetectionThreshold=0", "0 is out of range; give a value > 0"),
        ("Analysis.DetectionThreshold=nan", "'nan' is not a number"),
        ("Analysis.DetectionThreshold=", "'' is not a number"),
        ("Analysis.SNRThreshold=maybe", "'maybe' is not True or False"),
        ("Analysis.BGRange=30", "is not a range START:STOP with START <= STOP; give one, such as -30:0"),
        ("Analysis.BGRange=0:-30", "is not a range"),
        ("Analysis.BGRange=a:b", "is not a range"),
        ("Analysis.PCTBackground=25", "25 is out of range"),
        ("Analysis.FitModule=LatGaussFit", "LatGaussFit is not available; choose one of LatGaussFitFR"),
        ("Camera.ElectronsPerCount=0", "0 is out of range"),
        ("Analysis.ROISize", "is not of the form KEY=VALUE"),
        ("=5", "is not of the form KEY=VALUE"),
    ],
)
def test_a_wrong_value_gets_one_line(override: str, problem: str) -> None:
    with pytest.raises(SettingError) as error:
        resolve({}, None, [override])
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fit_module", ["InterpFitR", "SplitterFitFNR"])
def test_a_fit_module_that_is_not_there_is_named_with_those_that_are(fit_module: str) -> None:
    with pytest.raises(SettingError) as error:
        resolve({"Analysis.FitModule": fit_module})
    assert str(error.value) == (
        f"Analysis.FitModule: {fit_module} is not available; choose one of LatGaussFitFR, AstigGaussFitFR, "
        "GaussFitConstrR, LatObjFindFR, LatFitCOIR"
    )


def test_the_region_has_the_size_that_suits_the_fit_module_unless_it_is_said() -> None:
    sizes = {name: resolve({}, None, [f"Analysis.FitModule={name}"])["Analysis.ROISize"] for name in MODULES}
    assert sizes == {
        "LatGaussFitFR": 5, "AstigGaussFitFR": 7, "GaussFitConstrR": 5, "LatObjFindFR": 5, "LatFitCOIR": 4,
    }  # fmt: skip
    chosen = {"Analysis.FitModule": "AstigGaussFitFR"}
    assert resolve({**chosen, "Analysis.ROISize": 6})["Analysis.ROISize"] == 6
    assert resolve(chosen, None, ["Analysis.ROISize=4"])["Analysis.ROISize"] == 4


@pytest.mark.parametrize(
    ("fit_module", "changes", "background_model"),
    [
        ("LatGaussFitFR", {}, "sloping"),
        ("LatGaussFitFR", {"Analysis.Estimator": "mle"}, "sloping"),
        ("LatGaussFitFR", {"Analysis.Estimator": "mle", "Analysis.BackgroundModel": "auto"}, "sloping"),
        ("LatGaussFitFR", {"Analysis.Estimator": "mle", "Analysis.BackgroundModel": "flat"}, "flat"),
        ("LatGaussFitFR", {"Analysis.Estimator": "mle", "Analysis.FitBackground": False}, "none"),
        ("AstigGaussFitFR", {"Analysis.Estimator": "mle"}, "sloping"),
        ("GaussFitConstrR", {"Analysis.Estimator": "mle"}, "flat"),
        ("LatGaussFitFR", {"Analysis.FitBackground": False}, "none"),
        ("AstigGaussFitFR", {"Analysis.BackgroundModel": "flat"}, "flat"),
        ("GaussFitConstrR", {}, "flat"),
        ("GaussFitConstrR", {"Analysis.FitBackground": False}, "none"),
        ("LatFitCOIR", {}, "none"),
    ],
)
def test_the_background_slopes_where_the_module_has_slopes_unless_it_is_said(
    fit_module: str, changes: dict[str, Value], background_model: str
) -> None:
    settings = fit_settings({**CAMERA, "Analysis.FitModule": fit_module, **changes})
    assert settings.background_model == background_model


@pytest.mark.parametrize(
    ("fit_module", "key", "value"),
    [
        ("LatFitCOIR", "Analysis.Estimator", "mle"),
        ("LatObjFindFR", "Analysis.Estimator", "mle"),
        ("LatObjFindFR", "Analysis.BackgroundModel", "flat"),
        ("LatFitCOIR", "Analysis.FitSigma", False),
        ("AstigGaussFitFR", "Analysis.FitSigma", False),
        ("GaussFitConstrR", "Analysis.BackgroundModel", "sloping"),
    ],
)
def test_what_a_fit_module_cannot_do_gets_one_line(fit_module: str, key: str, value: Value) -> None:
    with pytest.raises(SettingError) as error:
        fit_settings({**CAMERA, "Analysis.FitModule": fit_module, key: value})
    assert str(error.value) == (
        f"{key}: {value} cannot be combined with {fit_module}; leave it out, or choose another Analysis.FitModule"
    )


def test_a_wrong_value_in_the_movies_metadata_is_refused_too() -> None:
    with pytest.raises(SettingError, match=r"Camera\.ADOffset: \[1, 2\] is not a number"):
        resolve({"Camera.ADOffset": [1, 2]})


@pytest.mark.parametrize("value", ["-10:5", "(-10, 5)", "[-10,5]", "-10, 5"])
def test_ranges_are_read_in_every_notation(value: str) -> None:
    assert resolve({}, None, [f"Analysis.BGRange={value}"])["Analysis.BGRange"] == (-10, 5)
    assert resolve({"Analysis.BGRange": [-10, 5.0]})["Analysis.BGRange"] == (-10, 5)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("1", True), ("off", False)])
def test_switches_are_read_in_every_notation(text: str, value: bool) -> None:  # noqa: FBT001
    assert resolve({}, None, [f"Analysis.FitBackground={text}"])["Analysis.FitBackground"] is value


def test_what_pymes_presets_write_with_a_capital_letter_is_understood() -> None:
    settings = resolve({"Analysis.SubtractBackground": False})
    assert settings["Analysis.subtractBackground"] is False
    assert "Analysis.SubtractBackground" not in settings
    both = resolve({"Analysis.SubtractBackground": False, "Analysis.subtractBackground": True})
    assert both["Analysis.subtractBackground"] is True
    override = resolve({"Analysis.subtractBackground": True}, None, ["Analysis.SubtractBackground=False"])
    assert override["Analysis.subtractBackground"] is False


def test_all_that_is_missing_is_asked_for_at_once() -> None:
    with pytest.raises(SettingError) as error:
        check_complete(resolve({"voxelsize.x": 0.1}))
    message = str(error.value)
    for key in CAMERA.keys() - {"voxelsize.x"}:
        assert f"-s {key}=" in message
    assert "voxelsize.x" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "stand_in"), [("Camera.ReadNoise", "Camera.VarianceMapID"), ("Camera.ADOffset", "Camera.DarkMapID")]
)
def test_a_map_stands_in_for_a_number_unless_it_is_off(key: str, stand_in: str) -> None:
    settings = {name: value for name, value in CAMERA.items() if name != key}
    assert [missing.name for missing in missing_settings(settings)] == [key]
    assert missing_settings({**settings, stand_in: "map.tif"}) == []
    for off in ("", "<none>", None):
        assert [missing.name for missing in missing_settings({**settings, stand_in: off})] == [key]


def test_lengths_become_px_and_an_absolute_threshold_photoelectrons() -> None:
    settings = fit_settings(
        {
            **CAMERA,
            "voxelsize.y": 0.2,
            "Camera.TrueEMGain": 100,
            "Camera.ElectronsPerCount": 10,
            "Analysis.SNRThreshold": False,
            "Analysis.DetectionThreshold": 50,
            "Analysis.PSFSigmaGuess": 130,
        }
    )
    assert settings.psf_sigma_px == pytest.approx(1.3)
    assert settings.pixel_aspect == pytest.approx(2)
    assert settings.detection_threshold == pytest.approx(5)
    assert not settings.is_snr_threshold


def test_the_laser_comes_on_where_the_metadata_say() -> None:
    assert fit_settings({**CAMERA, "Protocol.DataStartsAt": 30}).first_illuminated_frame == 30
    both = {**CAMERA, "Protocol.DataStartsAt": 30, "EstimatedLaserOnFrameNo": 20}
    assert fit_settings(both).first_illuminated_frame == 20


def test_settings_survive_a_journey_as_a_message() -> None:
    settings = resolve(CAMERA, None, ["Analysis.BGRange=-10:0"])
    travelled = json.loads(json.dumps(settings))
    assert fit_settings(travelled) == fit_settings(settings)
    assert settings_digest(travelled) == settings_digest(settings)


def test_the_digest_is_of_what_has_an_effect() -> None:
    settings = resolve(CAMERA)
    assert settings_digest(settings) == settings_digest({**settings, "Camera.Name": "Zyla", "Sample": "A"})
    assert settings_digest(settings) == settings_digest(dict(reversed(settings.items())))
    assert settings_digest(settings) != settings_digest({**settings, "Analysis.ROISize": 6})
    assert settings_digest(settings) != settings_digest({**settings, "Camera.ADOffset": 101})


@pytest.mark.parametrize(
    ("override", "identifier", "background_range", "percentile"),
    [
        ("Analysis.BGRange=-10:0", "mean:b=-10^e=0^g=1", (-10, 0), 0.0),
        ("Analysis.BGRange=0:0", "none", (0, 0), 0.0),
        ("Analysis.PCTBackground=0.25", "percentile:b=-30^e=0^p=0.25^g=1", (-30, 0), 0.25),
        ("Analysis.Background=percentile:b=-9", "percentile:b=-9^e=0^p=0.25^g=1", (-9, 0), 0.25),
        ("Analysis.Background=rollmed:k=20", "rollmed:k=20^b=10000^w=centred^d=0^g=1", (-10, 10), 0.5),
        ("Analysis.Background=none", "none", (0, 0), 0.0),
        (
            "Analysis.Background=sparsemed:i=50",
            "sparsemed:k=200^s=1^t=0^f=0.8^o=1^i=50^d=0^g=1",
            (0, 0),
            0.0,
        ),
    ],
)
def test_the_background_is_said_in_its_own_words_and_in_pymes(
    override: str, identifier: str, background_range: tuple[int, int], percentile: float
) -> None:
    settings = resolve(CAMERA, None, [override])
    assert settings["Analysis.Background"] == identifier
    assert settings["Analysis.BGRange"] == background_range
    assert settings["Analysis.PCTBackground"] == percentile
    assert fit_settings(settings).background.identifier == identifier
    assert resolve(settings) == settings


def test_the_same_background_has_the_same_digest_however_it_is_said() -> None:
    spellings = ["BGRange=-10:0", "Background=mean:b=-10", "Background=mean:end=0^begin=-10"]
    digests = {settings_digest(resolve(CAMERA, None, [f"Analysis.{text}"])) for text in spellings}
    assert len(digests) == 1
    other = resolve(CAMERA, None, ["Analysis.Background=rollmed:k=10"])
    assert settings_digest(other) not in digests


def test_an_identifier_wins_over_pymes_words_but_not_over_a_later_say() -> None:
    both = resolve(CAMERA, None, ["Analysis.BGRange=-10:0", "Analysis.Background=rollmed:k=20^w=past"])
    assert both["Analysis.BGRange"] == (-20, 0)
    later = resolve(both, None, ["Analysis.BGRange=-10:0"])
    assert fit_settings(later).background.identifier == "percentile:b=-10^e=0^p=0.5^g=1"


def test_a_background_by_seconds_needs_the_time_between_frames() -> None:
    settings = resolve(CAMERA, None, ["Analysis.Background=sparsemed:s=2"])
    assert [key.name for key in missing_settings(settings)] == ["Camera.CycleTime"]
    timed = resolve({**CAMERA, "Camera.CycleTime": 0.03}, None, ["Analysis.Background=sparsemed:s=2"])
    assert timed["Analysis.Background"] == "sparsemed:k=200^s=2^t=0^f=0.8^o=1^i=67^d=0^g=1"
    assert not missing_settings(timed)


@pytest.mark.parametrize(
    ("identifier", "problem"),
    [
        ("rolmed:k=3", "there is no background method 'rolmed'; did you mean rollmed?"),
        ("rollmed:x=3", "rollmed: there is no parameter 'x'"),
        ("copy", "copy: there is no file to copy from"),
    ],
)
def test_a_background_that_cannot_be_is_refused_in_one_line(identifier: str, problem: str) -> None:
    with pytest.raises(SettingError, match=r"Analysis\.Background") as caught:
        resolve(CAMERA, None, [f"Analysis.Background={identifier}"])
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.text(max_size=12), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.floats())
)
def test_any_value_for_any_setting_is_taken_for_good_or_refused(text: str, value: Value) -> None:
    for setting in SETTINGS.values():
        for attempt in (text, value):
            with contextlib.suppress(SettingError):
                parsed = setting.parse(attempt)
                assert setting.parse(parsed) == parsed
