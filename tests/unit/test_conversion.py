from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fitting.localizations import LOCALIZATION_DTYPE, Rows
from pipeline_files.conversion import Scale, from_pyme, to_pyme
from pipeline_files.formats import FORMATS, NO_ERROR
from pipeline_files.metadata import Value
from pipeline_protocol.errors import SettingError

SCALE = Scale(nm_per_px_x=100, nm_per_px_y=110, adu_per_photoelectron=4)

finite = st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6)
rows_of_all_kinds = npst.arrays(
    LOCALIZATION_DTYPE,
    st.integers(0, 5),
    elements=st.tuples(
        *(
            (finite | st.just(float("nan")) if name.endswith("_error") else finite)
            if LOCALIZATION_DTYPE[name].kind == "f"
            else st.integers(-(2**31), 2**31 - 1)
            for name in LOCALIZATION_DTYPE.names or ()
        )
    ),
)


def test_the_gaussian_has_pymes_dtype() -> None:
    dtype = FORMATS["LatGaussFitFR"].dtype
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


@given(rows_of_all_kinds)
def test_rows_come_back_to_the_last_digits_of_a_float(rows: Rows) -> None:
    back = from_pyme(to_pyme(rows, "LatGaussFitFR", SCALE), "LatGaussFitFR", SCALE)
    for name in LOCALIZATION_DTYPE.names or ():
        np.testing.assert_allclose(back[name], rows[name], rtol=3e-7)


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
