"""Rows of several fit modules, and what follows from them."""

from __future__ import annotations

import numpy as np
import pytest

from pointillist.fitting.diagnosis.convergence import converged
from pointillist.fitting.diagnosis.frame_diagnostics import significant
from pointillist.fitting.estimation.derived import photons, precision_px, width_px
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.localizations import LOCALIZATION_DTYPE, blank_rows, column, join_rows, localization_dtype


def test_the_columns_are_frame_parameters_errors_starts_and_outcome() -> None:
    dtype = localization_dtype(("x", "y"), ("result_code", "nchi2"), has_starts=True)
    assert dtype.names == ("frame", "x", "y", "x_error", "y_error", "start_x", "start_y", "result_code", "nchi2")
    assert [dtype[name].str for name in ("frame", "x", "result_code", "nchi2")] == ["<i4", "<f4", "<i4", "<f4"]


def test_rows_of_lat_gauss_fit_have_one_and_the_same_layout() -> None:
    assert MODULES["LatGaussFitFR"].dtype == LOCALIZATION_DTYPE
    assert LOCALIZATION_DTYPE.itemsize == 88
    assert LOCALIZATION_DTYPE.names == (
        "frame", "amplitude", "x", "y", "sigma", "background", "slope_x", "slope_y", "amplitude_error", "x_error",
        "y_error", "sigma_error", "background_error", "slope_x_error", "slope_y_error", "result_code", "roi_x_start",
        "roi_x_stop", "roi_y_start", "roi_y_stop", "subtracted_background", "nchi2",
    )  # fmt: skip


@pytest.mark.parametrize("fit_module", MODULES)
def test_every_module_says_where_and_from_which_pixels(fit_module: str) -> None:
    rows = blank_rows(3, MODULES[fit_module].dtype)
    assert {"frame", "x", "y", "roi_x_start", "roi_x_stop", "roi_y_start", "roi_y_stop"} <= set(rows.dtype.names or ())
    assert np.isnan(rows["x"]).all()
    assert not rows["frame"].any()


def test_joined_rows_are_those_that_numpy_concatenates_also_with_gaps_between_them() -> None:
    rows = np.frombuffer(np.random.default_rng(1).bytes(7 * LOCALIZATION_DTYPE.itemsize), LOCALIZATION_DTYPE)
    joined = join_rows([rows[:2], rows[:0], rows[::3]], LOCALIZATION_DTYPE)
    assert joined.dtype == LOCALIZATION_DTYPE
    assert joined.tobytes() == np.concatenate([rows[:2], rows[::3]]).tobytes()
    assert join_rows([], LOCALIZATION_DTYPE).shape == (0,)


def test_a_column_that_a_module_does_not_have_is_nan() -> None:
    rows = blank_rows(2, MODULES["LatFitCOIR"].dtype)
    rows["light"] = 3
    assert column(rows, "light").tolist() == [3, 3]
    assert np.isnan(column(rows, "sigma")).all()
    assert len(column(rows, "sigma")) == 2


def test_photons_of_an_elliptical_spot_come_from_both_widths() -> None:
    rows = blank_rows(1, MODULES["AstigGaussFitFR"].dtype)
    rows["amplitude"], rows["sigma"], rows["sigma_y"] = 50, 1.0, 2.25
    assert width_px(rows) == pytest.approx(1.5)
    assert photons(rows) == pytest.approx(2 * np.pi * 2.25 * 50)


@pytest.mark.parametrize("fit_module", ["LatObjFindFR", "LatFitCOIR"])
def test_without_a_fit_there_are_neither_photons_nor_errors_and_nothing_fails(fit_module: str) -> None:
    rows = np.ones(2, MODULES[fit_module].dtype)
    assert np.isnan(photons(rows)).all()
    assert np.isnan(precision_px(rows)).all()
    assert len(converged(rows)) == len(significant(rows)) == 2


def test_a_fit_that_failed_or_has_no_errors_has_not_converged() -> None:
    rows = np.ones(3, LOCALIZATION_DTYPE)
    rows["result_code"][1], rows["x_error"][2] = 6, np.nan
    assert len(converged(rows)) == 1
