"""Codes of the column ``result_code``: those of MINPACK, as in PYME, if the meaning is the same."""

from __future__ import annotations

from collections.abc import Mapping

UNUSABLE = 0
"""Not fitted: there are pixels without finite signal and variance, or no more pixels than parameters."""
CONVERGED = 1
"""The distance to the optimum is less than 1/500 of the standard errors, of the likelihood less than 1/1000."""
OUT_OF_STEPS = 5
"""The evaluations are used up."""
STUCK = 6
"""No step improves the fit."""
LEFT_REGION = 9
"""The position is outside the region."""
AT_BOUND = 10
"""A parameter is at its least or greatest value; it has no error, and those of the others hold for this value."""
SINGULAR = 11
"""The data do not determine all parameters; there are no errors."""

ENDINGS: Mapping[int, str] = {
    UNUSABLE: "not fitted",
    OUT_OF_STEPS: "at the limit of evaluations",
    STUCK: "stuck",
    7: "stuck",
    8: "stuck",
    LEFT_REGION: "outside the region",
    AT_BOUND: "at a bound",
    SINGULAR: "not determined",
}
"""Descriptions of fits that have not converged; 7 and 8 occur in files of PYME."""
