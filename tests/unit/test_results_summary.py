from __future__ import annotations

import numpy as np

from pointillist.api.results_summary import endings
from pointillist.fitting.estimation.modules import MODULES
from pointillist.fitting.estimation.result_codes import AT_BOUND, CONVERGED, OUT_OF_STEPS
from pointillist.fitting.localizations import LOCALIZATION_DTYPE


def test_fits_that_have_not_converged_are_told_by_how_they_ended() -> None:
    rows = np.zeros(200, LOCALIZATION_DTYPE)
    rows["result_code"] = [*[CONVERGED] * 190, *[OUT_OF_STEPS] * 3, *[AT_BOUND] * 5, 7, 6]
    assert endings(rows) == {
        "converged": "95.0 % of the fits, 2.5 % at a bound, 1.5 % at the limit of evaluations, 1 % stuck",
    }


def test_nothing_is_said_of_rows_without_a_fit() -> None:
    assert endings(np.zeros(3, MODULES["LatFitCOIR"].dtype)) == {}
    assert endings(np.zeros(0, LOCALIZATION_DTYPE)) == {}
