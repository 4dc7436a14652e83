"""All background methods, and how identifiers name them."""

from __future__ import annotations

import difflib
from typing import Any

from pointillist.fitting.backgrounds.copy import Copy
from pointillist.fitting.backgrounds.identifier import read_parameters, split_identifier
from pointillist.fitting.backgrounds.mean import Mean
from pointillist.fitting.backgrounds.method import BackgroundMethod
from pointillist.fitting.backgrounds.no_background import NoBackground
from pointillist.fitting.backgrounds.percentile import Percentile
from pointillist.fitting.backgrounds.rolling_median import RollingMedian
from pointillist.fitting.backgrounds.sparse_median import SparseMedian
from pointillist.plugins import Registry

METHODS: Registry[type[BackgroundMethod]] = Registry(
    "pointillist.backgrounds",
    {method.code: method for method in (NoBackground, Copy, Mean, Percentile, RollingMedian, SparseMedian)},
)
"""Every method, by its code."""


def background_method(identifier: str) -> BackgroundMethod:
    """Return the method that an identifier names.

    Parameters
    ----------
    identifier
        Identifier such as ``rollmed:k=100``; missing parameters have their defaults.

    Returns
    -------
    BackgroundMethod
        Method with all parameters set.

    Raises
    ------
    ValueError
        If there is no such method or parameter, or a value is wrong.
    """
    code, given = split_identifier(identifier)
    if code not in METHODS:
        near = difflib.get_close_matches(code, METHODS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; choose one of {', '.join(METHODS)}"
        msg = f"there is no background method {code!r}{hint}"
        raise ValueError(msg)
    method = METHODS[code]
    parameters: dict[str, Any] = read_parameters(code, given, method.defaults())
    return method(**parameters)


def pyme_method(background_range: tuple[int, int], percentile: float) -> BackgroundMethod:
    """Return the method that PYME's settings describe.

    Parameters
    ----------
    background_range
        Setting ``Analysis.BGRange``; equal ends mean no background.
    percentile
        Setting ``Analysis.PCTBackground``; 0 means the mean.
    """
    begin, end = background_range
    if begin >= end:
        return NoBackground()
    if percentile > 0:
        return Percentile(begin=begin, end=end, percentile=percentile)
    return Mean(begin=begin, end=end)
