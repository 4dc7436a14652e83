from __future__ import annotations

import numpy as np
import pytest

from pointillist.errors import SettingError
from pointillist.pipeline_files.maps.chip import chip_of
from pointillist.settings.metadata import Metadata

SENSOR: Metadata = {"Camera.SensorWidth": 50, "Camera.SensorHeight": 36}


@pytest.mark.parametrize(
    "origin", [{"Camera.ROIOriginX": 4, "Camera.ROIOriginY": 2}, {"Camera.ROIPosX": 5, "Camera.ROIPosY": 3}]
)
def test_a_part_is_embedded_where_it_belongs(origin: Metadata) -> None:
    chip = chip_of({**SENSOR, **origin}, (20, 24))
    assert not chip.is_whole
    whole = chip.embed(np.ones((20, 24)), 7.0)
    assert whole.shape == (36, 50)
    np.testing.assert_array_equal(whole[2:22, 4:28], 1)
    assert (whole == 7).sum() == 36 * 50 - 20 * 24


def test_a_movie_that_tells_nothing_shows_the_whole_chip() -> None:
    assert chip_of({}, (20, 24)).is_whole
    assert chip_of({"Camera.ROIOriginX": 0, "Camera.ROIOriginY": 0}, (20, 24)).is_whole
    assert chip_of(SENSOR, (36, 50)).is_whole


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"Camera.ROIOriginX": 4, "Camera.ROIOriginY": 2}, "give -s Camera.SensorWidth=PX"),
        (SENSOR, "give -s Camera.ROIOriginX=PX"),
        ({**SENSOR, "Camera.ROIOriginX": 30, "Camera.ROIOriginY": 0}, "the movie ends at 54 x 20 px, the chip at 50"),
    ],
)
def test_what_is_missing_is_asked_for(settings: Metadata, problem: str) -> None:
    with pytest.raises(SettingError) as error:
        chip_of(settings, (20, 24))
    assert problem in str(error.value)
