"""PYME's storage format of each fit module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting import QUANTITIES
from pointillist.fitting.estimation import MODULES

NO_ERROR = -5000.0
"""PYME's error of a fit without error estimates."""

WORD_BYTES = 4
"""Size of every column of PYME's, bytes."""

Words = NDArray[np.uint32]
"""PYME's rows as 4-byte words, ``(word, row)``."""


@dataclass(frozen=True, kw_only=True)
class FitFormat:
    """PYME's storage format of one fit module.

    Parameters
    ----------
    dtype
        Type of a row of ``/FitResults``.
    columns
        Our column, PYME's column and unit of each; a unit is one of :data:`pointillist.fitting.QUANTITIES`, or empty.
    constants
        Values of PYME's columns that carry no information here.
    is_root_stored
        Whether ``A`` is the root of the height in ADU, and its error that of the root.
    is_level_at_origin
        Whether ``background`` is the level at the origin of the frame, and not at the centre of the spot; its error is
        stored as it is.
    """

    dtype: np.dtype[Any]
    columns: tuple[tuple[str, str, str], ...]
    constants: Mapping[str, float]
    is_root_stored: bool = False
    is_level_at_origin: bool = False

    @cached_property
    def words(self) -> Mapping[str, tuple[int, np.dtype[Any]]]:
        """Index of the word and type of each of PYME's columns."""
        return dict(_words(self.dtype))


def _words(dtype: np.dtype[Any], group: str = "", start: int = 0) -> Iterator[tuple[str, tuple[int, np.dtype[Any]]]]:
    for name, (kind, offset, *_) in (dtype.fields or {}).items():
        if kind.fields:
            yield from _words(kind, f"{group}{name}.", start + offset)
        else:
            yield f"{group}{name}", ((start + offset) // WORD_BYTES, kind)


_GROUPS = {"fitResults": "{}", "fitError": "{}_error", "startParams": "start_{}"}
"""PYME's columns that have parts, one for each parameter, and our names of the parts."""

Names = tuple[tuple[str, str], ...]
"""Our names of parameters and PYME's, in PYME's order."""

_CENTRE: Names = (("x", "x0"), ("y", "y0"))
_SLOPES: Names = (("slope_x", "bx"), ("slope_y", "by"))
_ROUND: Names = (("amplitude", "A"), *_CENTRE, ("sigma", "sigma"), ("background", "background"))
_ELLIPTICAL: Names = (
    ("amplitude", "A"),
    *_CENTRE,
    ("sigma", "sigmax"),
    ("sigma_y", "sigmay"),
    ("background", "background"),
    *_SLOPES,
)
_CENTROID: Names = (
    ("light", "A"),
    *_CENTRE,
    ("half_width_x", "sigxl"),
    ("half_width_x", "sigxr"),
    ("half_width_y", "sigyu"),
    ("half_width_y", "sigyd"),
)

_OTHERS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "resultCode": (("result_code", "resultCode", ""),),
    "slicesUsed": tuple((f"roi_{a}_{end}", f"slicesUsed.{a}.{end}", "") for a in "xy" for end in ("start", "stop")),
    "subtractedBackground": (("subtracted_background", "subtractedBackground", "photoelectrons"),),
    "nchi2": (("nchi2", "nchi2", ""),),
}

_SLICE = np.dtype([("start", "<i4"), ("stop", "<i4"), ("step", "<i4")])
_STEPS = {"slicesUsed.x.step": 1, "slicesUsed.y.step": 1, "slicesUsed.z.stop": 1, "slicesUsed.z.step": 1}
_UNFITTED = {
    "fitResults.sigma": 250 / 2.35,
    "fitResults.bx": 0.001,
    "fitResults.by": 0.001,
    **{f"fitError.{name}": NO_ERROR for _, name in _ROUND + _SLOPES},
}
"""Values that PYME's LatObjFindFR writes as start parameters, nm and ADU."""


def _format(fit_module: str, parameters: Names, fields: Sequence[str]) -> FitFormat:
    """Make the format of a module from its parameters, and from PYME's columns after ``tIndex``."""
    kinds: dict[str, Any] = {
        **{group: [(name, "<f4") for _, name in parameters] for group in _GROUPS},
        "resultCode": "<i4",
        "slicesUsed": [(axis, _SLICE) for axis in "xyz"],
    }
    columns = [("frame", "tIndex", "")]
    for field in fields:
        if field in _GROUPS:
            ours = _GROUPS[field].format
            columns += [(ours(name), f"{field}.{theirs}", QUANTITIES[name]) for name, theirs in parameters]
        else:
            columns += _OTHERS[field]
    given = MODULES[fit_module].dtype.names or ()
    return FitFormat(
        dtype=np.dtype([("tIndex", "<i4"), *((field, kinds.get(field, "<f4")) for field in fields)]),
        columns=tuple(column for column in columns if column[0] in given),
        constants=_STEPS if "slicesUsed" in fields else {},
    )


_FITTED = ("fitResults", "fitError", "resultCode", "slicesUsed", "subtractedBackground", "nchi2")

_WITH_STARTS = ("fitResults", "fitError", "startParams", "resultCode", "slicesUsed", "subtractedBackground")
_DETECTED = ("fitResults", "fitError", "resultCode", "slicesUsed")

PYME_FORMATS: Mapping[str, FitFormat] = {
    "LatGaussFitFR": _format("LatGaussFitFR", _ROUND + _SLOPES, _FITTED),
    "AstigGaussFitFR": replace(_format("AstigGaussFitFR", _ELLIPTICAL, _WITH_STARTS), is_level_at_origin=True),
    "GaussFitConstrR": replace(_format("GaussFitConstrR", _ROUND, _FITTED), is_root_stored=True),
    "LatObjFindFR": replace(_format("LatObjFindFR", _ROUND + _SLOPES, _DETECTED), constants=_STEPS | _UNFITTED),
    "LatFitCOIR": _format("LatFitCOIR", _CENTROID, ("fitResults", "slicesUsed")),
}
"""PYME's formats by name of the fit module."""

_PYME_NAMES = {"amplitude": "A", "light": "A", "x": "x0", "y": "y0"}
"""PYME's names of parameters, where they differ from ours."""


@cache
def format_of(fit_module: str) -> FitFormat:
    """Return the storage format of a fit module: PYME's, or for others one like it, from the names of their columns.

    Raises
    ------
    KeyError
        If there is no such module.
    """
    if fit_module in PYME_FORMATS:
        return PYME_FORMATS[fit_module]
    given = MODULES[fit_module].dtype.names or ()
    names = tuple((name, _PYME_NAMES.get(name, name)) for name in given if name in QUANTITIES)
    parts = {"fitResults": names, "fitError": [f"{name}_error" for name, _ in names]}
    parts |= {field: [ours for ours, _, _ in columns] for field, columns in _OTHERS.items()}
    return _format(fit_module, names, [field for field in _FITTED if set(parts[field]) & {*given, *names}])
