from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from pointillist.errors import ResultsError
from pointillist.pipeline_files.maps.calibration_tiff import write_calibration_tiff
from pointillist.pipeline_files.maps.formats import read_map_file
from pointillist.settings.metadata import Metadata

CHIP = np.random.default_rng(0).normal(100, 3, (20, 30))  # (y, x)


@pytest.mark.parametrize("is_row_x", [True, False])
@pytest.mark.parametrize("is_movie_x_first", [True, False])
def test_a_map_is_read_back_as_it_lay_for_every_movie(
    tmp_path: Path, *, is_row_x: bool, is_movie_x_first: bool
) -> None:
    path = tmp_path / "new" / "dark.tif"
    write_calibration_tiff(path, CHIP, {"Camera.Name": "Zyla"}, is_row_x=is_row_x)
    read = read_map_file(path, "", is_movie_x_first=is_movie_x_first)
    np.testing.assert_array_equal(read, CHIP.astype(np.float32))


def test_the_row_of_the_file_is_pymes_x(tmp_path: Path) -> None:
    write_calibration_tiff(tmp_path / "dark.tif", CHIP, {}, is_row_x=True)
    stored = tifffile.imread(tmp_path / "dark.tif")
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, CHIP.T.astype(np.float32))


def test_metadata_are_plain_escaped_and_ascii(tmp_path: Path) -> None:
    metadata: Metadata = {
        "Camera.Name": 'Zyla µ <"&>', "Camera.ROIWidth": 20, "Camera.Gain": 1.5, "CameraMap.SubROI": True,
        "Sample.Labelling": [("a", "b")], "Camera": "both a value and a group", "no name.x": 1,
    }  # fmt: skip
    write_calibration_tiff(tmp_path / "dark.tif", CHIP, metadata, is_row_x=True)
    with tifffile.TiffFile(tmp_path / "dark.tif") as file:
        xml = file.ome_metadata
    assert xml is not None
    assert xml.isascii()
    assert "&#181; &lt;" in xml
    assert '<ROIWidth class="int" value="20"/>' in xml
    assert '<Gain class="float" value="1.5"/>' in xml
    assert '<SubROI class="int" value="1"/>' in xml
    assert "Labelling" not in xml
    assert "no name" not in xml
    read_map_file(tmp_path / "dark.tif", "", is_movie_x_first=True)


def test_a_map_is_never_replaced_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "dark.tif"
    write_calibration_tiff(path, CHIP, {}, is_row_x=True)
    with pytest.raises(ResultsError, match="exists already"):
        write_calibration_tiff(path, CHIP + 1, {}, is_row_x=True)
    write_calibration_tiff(path, CHIP + 1, {}, is_row_x=True, is_overwriting=True)
    np.testing.assert_allclose(tifffile.imread(path).T, CHIP + 1, rtol=1e-6)
    assert list(tmp_path.iterdir()) == [path]
