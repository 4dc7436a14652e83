"""Selection of converged fits, and medians of finite values; without kernels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pointillist.fitting.localizations import Rows

FOUND_CODES = (1, 2, 3, 4)
"""Result codes of fits that converged."""


def converged(rows: Rows) -> Rows:
    """Return the fits that converged and have errors; all rows of a module without a fit.

    Parameters
    ----------
    rows
        Localizations by any fit.
    """
    names = rows.dtype.names or ()
    has_converged = np.ones(len(rows), np.bool_)
    if "result_code" in names:
        has_converged &= np.isin(rows["result_code"], FOUND_CODES)
    if "x_error" in names:
        has_converged &= np.isfinite(rows["x_error"])
    return np.asarray(rows[has_converged])


def median(values: ArrayLike) -> float:
    """Return the median of the finite values, NaN if there are none."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return float(np.median(finite)) if len(finite) else float("nan")
