from __future__ import annotations

import pytest

from pointillist.errors import SettingError
from pointillist.settings.camera_types import remarks_on_type, values_of_type
from pointillist.settings.metadata import Metadata


@pytest.mark.parametrize(
    ("settings", "follows"),
    [
        ({}, {}),
        ({"Camera.Type": "CCD"}, {"Camera.TrueEMGain": 1.0, "Camera.NoiseFactor": 1.0}),
        ({"Camera.Type": "sCMOS", "Camera.NoiseFactor": 1}, {"Camera.TrueEMGain": 1.0}),
        ({"Camera.Type": "EMCCD"}, {}),
        ({"Camera.Type": "EMCCD", "Camera.TrueEMGain": 150.0}, {"Camera.NoiseFactor": 1.41}),
        ({"Camera.Type": "EMCCD", "Camera.TrueEMGain": 150.0, "Camera.NoiseFactor": 1.38}, {}),
        ({"Camera.Type": "EMCCD", "Camera.TrueEMGain": 1.0}, {"Camera.NoiseFactor": 1.0}),
    ],
)
def test_what_follows_from_the_kind_of_camera_is_filled_in_and_nothing_else(
    settings: Metadata, follows: Metadata
) -> None:
    assert values_of_type(settings) == follows


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"Camera.Type": "sCMOS", "Camera.TrueEMGain": 20.0}, "TrueEMGain: is 20, but a sCMOS has no EM register"),
        ({"Camera.Type": "CCD", "Camera.NoiseFactor": 1.41}, "NoiseFactor: is 1.41, but a CCD has no EM register"),
        (
            {"Camera.Type": "EMCCD", "Camera.TrueEMGain": 50.0, "Camera.NoiseFactor": 1.0},
            "is 1, but an EM register adds noise; give -s Camera.NoiseFactor=1.41",
        ),
        (
            {"Camera.Type": "EMCCD", "Camera.TrueEMGain": 1.0, "Camera.NoiseFactor": 1.41},
            "is 1.41 at an EM gain of 1",
        ),
    ],
)
def test_values_that_contradict_the_kind_are_refused(settings: Metadata, problem: str) -> None:
    with pytest.raises(SettingError) as error:
        values_of_type(settings)
    assert problem in str(error.value)


def test_the_user_is_told_what_was_filled_in_and_what_an_scmos_lacks() -> None:
    remarks = remarks_on_type({"Camera.Type": "sCMOS"}, {"Camera.TrueEMGain": 1.0})
    assert remarks[0] == "Camera.TrueEMGain is 1, as for every sCMOS"
    assert "without Camera.VarianceMapID" in remarks[1]
    assert remarks_on_type({"Camera.Type": "sCMOS", "Camera.VarianceMapID": "v.tif"}, {}) == []
