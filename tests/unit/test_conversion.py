from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as npst

from pointillist.errors import SettingError
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import LOCALIZATION_DTYPE, Rows
from pointillist.pipeline_files.results.conversion import Scale, from_pyme, to_pyme
from pointillist.pipeline_files.results.fit_formats import NO_ERROR, PYME_FORMATS
from pointillist.settings.metadata import Value

SCALE = Scale(nm_per_px_x=100, nm_per_px_y=110, adu_per_photoelectron=4)

finite = st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6)
heights = st.floats(2**-10, 1e6, width=32)


def values_of(name: str, dtype: np.dtype[Any]) -> st.SearchStrategy[Any]:
    if dtype[name].kind != "f":
        return st.integers(-(2**31), 2**31 - 1)
    if name.endswith("_error"):
        return finite | st.just(float("nan"))
    return heights if name == "amplitude" else finite


def rows_of(fit_module: str) -> st.SearchStrategy[Rows]:
    dtype = MODULES[fit_module].dtype
    elements = st.tuples(*(values_of(name, dtype) for name in dtype.names or ()))
    return npst.arrays(dtype, st.integers(0, 5), elements=elements)


def test_the_gaussian_has_pymes_dtype() -> None:
    dtype = PYME_FORMATS["LatGaussFitFR"].dtype
    parameters = ("A", "x0", "y0", "sigma", "background", "bx", "by")
    assert dtype.itemsize == 108
    assert dtype.names == (
        "tIndex", "fitResults", "fitError", "resultCode", "slicesUsed", "subtractedBackground", "nchi2",
    )  # fmt: skip
    assert dtype["fitResults"].names == dtype["fitError"].names == parameters
    assert dtype["slicesUsed"].names == ("x", "y", "z")
    assert dtype["slicesUsed"]["x"].names == ("start", "stop", "step")


def test_units_become_nm_and_adu() -> None:
    row = np.zeros(1, LOCALIZATION_DTYPE)
    row["frame"], row["x"], row["y"], row["sigma"], row["amplitude"] = 7, 2.0, 3.0, 1.5, 50.0
    row["background"], row["slope_x"], row["slope_y"], row["subtracted_background"] = 10.0, 1.0, 1.1, 25.0
    row["x_error"], row["y_error"], row["amplitude_error"], row["nchi2"], row["result_code"] = 0.1, 0.2, 3.0, 0.99, 1
    row["roi_x_start"], row["roi_x_stop"], row["roi_y_start"], row["roi_y_stop"] = 1, 12, 2, 13
    stored = to_pyme(row, "LatGaussFitFR", SCALE)[0]
    assert stored["tIndex"] == 7
    assert stored["fitResults"].tolist() == pytest.approx((200, 200, 330, 150, 40, 0.04, 0.04))
    assert stored["fitError"].tolist() == pytest.approx((12, 10, 22, 0, 0, 0, 0))
    assert stored["slicesUsed"].tolist() == ((1, 12, 1), (2, 13, 1), (0, 1, 1))
    assert stored["subtractedBackground"] == pytest.approx(100)
    assert stored["nchi2"] == pytest.approx(0.99)


def test_photons_as_pyme_reckons_them_are_the_photons_of_the_gaussian() -> None:
    row = np.zeros(1, LOCALIZATION_DTYPE)
    row["amplitude"], row["sigma"] = 50.0, 1.3
    stored = to_pyme(row, "LatGaussFitFR", SCALE)[0]["fitResults"]
    photons = 2 * np.pi * (stored["sigma"] / SCALE.nm_per_px_x) ** 2 * stored["A"] / SCALE.adu_per_photoelectron
    assert photons == pytest.approx(2 * np.pi * 1.3**2 * 50)


def test_a_missing_error_is_pymes_mark() -> None:
    row = np.zeros(1, LOCALIZATION_DTYPE)
    row["x_error"] = np.nan
    stored = to_pyme(row, "LatGaussFitFR", SCALE)
    assert stored["fitError"]["x0"] == NO_ERROR
    assert np.isnan(from_pyme(stored, "LatGaussFitFR", SCALE)["x_error"][0])


@pytest.mark.parametrize("fit_module", PYME_FORMATS)
@given(data=st.data())
def test_rows_come_back_to_the_last_digits_of_a_float(fit_module: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(fit_module))
    back = from_pyme(to_pyme(rows, fit_module, SCALE), fit_module, SCALE)
    assert back.dtype == rows.dtype == MODULES[fit_module].dtype
    is_level_moved = PYME_FORMATS[fit_module].is_level_at_origin
    for name in stored_names(fit_module):
        if not (is_level_moved and name.endswith("background")):
            np.testing.assert_allclose(back[name], rows[name], rtol=4e-7, err_msg=name)


def stored_names(fit_module: str) -> list[str]:
    return [ours for ours, _, _ in PYME_FORMATS[fit_module].columns]


@pytest.mark.parametrize("fit_module", PYME_FORMATS)
def test_what_pyme_does_not_store_is_nan(fit_module: str) -> None:
    rows = np.ones(3, MODULES[fit_module].dtype)
    back = from_pyme(to_pyme(rows, fit_module, SCALE), fit_module, SCALE)
    left_out = set(rows.dtype.names or ()) - set(stored_names(fit_module))
    assert left_out == ({"nchi2"} if fit_module == "AstigGaussFitFR" else set())
    for name in left_out:
        assert np.isnan(back[name]).all()


def test_the_constrained_amplitude_is_stored_as_its_root() -> None:
    row = np.ones(1, MODULES["GaussFitConstrR"].dtype)
    row["amplitude"], row["amplitude_error"] = 25.0, 2.0
    stored = to_pyme(row, "GaussFitConstrR", SCALE)
    assert stored["fitResults"]["A"] == pytest.approx(10)
    assert stored["fitError"]["A"] == pytest.approx(0.4)
    stored["fitResults"]["A"] *= -1  # PYME's search may end there
    back = from_pyme(stored, "GaussFitConstrR", SCALE)
    assert (back["amplitude"], back["amplitude_error"]) == pytest.approx((25, 2))


def test_the_level_of_an_elliptical_fit_is_stored_as_that_at_the_origin() -> None:
    row = np.zeros(1, MODULES["AstigGaussFitFR"].dtype)
    row["x"], row["y"], row["slope_x"], row["slope_y"], row["background"] = 10, 20, 0.5, 0.25, 30
    stored = to_pyme(row, "AstigGaussFitFR", SCALE)
    assert stored["fitResults"]["background"] == pytest.approx(SCALE.adu_per_photoelectron * (30 - 5 - 5))
    assert from_pyme(stored, "AstigGaussFitFR", SCALE)["background"] == pytest.approx(30)


def test_a_detected_point_says_of_the_rest_what_pyme_says() -> None:
    stored = to_pyme(np.zeros(1, MODULES["LatObjFindFR"].dtype), "LatObjFindFR", SCALE)[0]
    assert stored["fitResults"].tolist() == pytest.approx((0, 0, 0, 106.383, 0, 0.001, 0.001))
    assert set(stored["fitError"].tolist()) == {NO_ERROR}
    assert stored["resultCode"] == 0


def test_half_widths_are_the_same_on_both_sides() -> None:
    row = np.zeros(1, MODULES["LatFitCOIR"].dtype)
    row["light"], row["half_width_x"], row["half_width_y"] = 7.0, 0.5, 0.6
    assert to_pyme(row, "LatFitCOIR", SCALE)["fitResults"][0].tolist() == pytest.approx((28, 0, 0, 50, 50, 66, 66))


def test_foreign_rows_are_refused() -> None:
    with pytest.raises(KeyError):
        from_pyme(np.zeros(1, [("tIndex", "<i4")]), "LatGaussFitFR", SCALE)


def test_the_scale_comes_from_the_metadata() -> None:
    metadata: dict[str, Value] = {
        "voxelsize.x": 0.1, "voxelsize.y": 0.11, "Camera.TrueEMGain": 100, "Camera.ElectronsPerCount": 25,
    }  # fmt: skip
    scale = Scale.of(metadata)
    assert (scale.nm_per_px_x, scale.nm_per_px_y) == pytest.approx((100, 110))
    assert scale.adu_per_photoelectron == 4
    for key in metadata:
        with pytest.raises(SettingError, match=key):
            Scale.of({**metadata, key: 0})
