"""Input and output of :func:`pointillist.fitting.localize`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import BackgroundImages

QUANTITIES: Mapping[str, str] = {
    "amplitude": "photoelectrons",
    "light": "photoelectrons",
    "x": "x",
    "y": "y",
    "sigma": "x",
    "sigma_y": "y",
    "background": "photoelectrons",
    "slope_x": "photoelectrons per x",
    "slope_y": "photoelectrons per y",
    "half_width_x": "x",
    "half_width_y": "y",
}
"""Quantities of a spot, with their units: photoelectrons, or pixels along ``x`` or ``y`` (the centre of pixel 0
is 0). ``amplitude`` is the height of the Gaussian; ``sigma`` its width, along x only where there is a ``sigma_y``;
``light`` the sum over pixels of the signal above half of the maximum; a half-width half of the mean distance of that
signal from its centre along an axis."""

PARAMETERS = ("amplitude", "x", "y", "sigma", "background", "slope_x", "slope_y")
"""Parameters of PYME's LatGaussFitFR, in its order: A, x0, y0, sigma, background, bx, by."""

REGION = ("roi_x_start", "roi_x_stop", "roi_y_start", "roi_y_stop")
"""Columns of the fitted region, ``[start, stop)`` along each axis, px."""

OUTCOME = ("result_code", *REGION, "subtracted_background", "nchi2")
"""Further columns of a fit."""

_WHOLE_NUMBERS = frozenset(("frame", "result_code", *REGION))


def localization_dtype(
    parameters: Sequence[str],
    outcome: Sequence[str] = OUTCOME,
    *,
    has_errors: bool = True,
    has_starts: bool = False,
) -> np.dtype[Any]:
    """Return the dtype of the rows of a fit.

    Parameters
    ----------
    parameters
        Names of the parameters, keys of :data:`QUANTITIES`.
    outcome
        Names of the outcome columns, of :data:`OUTCOME`.
    has_errors
        Whether each parameter has a standard error, ``<parameter>_error``; NaN if the fit has none.
    has_starts
        Whether each parameter has its start value, ``start_<parameter>``.

    Returns
    -------
    dtype
        Structured dtype: ``frame``, the parameters, their errors, their start values, and the outcome.
    """
    errors = [f"{name}_error" for name in parameters] if has_errors else []
    starts = [f"start_{name}" for name in parameters] if has_starts else []
    names = ["frame", *parameters, *errors, *starts, *outcome]
    return np.dtype([(name, "<i4" if name in _WHOLE_NUMBERS else "<f4") for name in names])


LOCALIZATION_DTYPE = localization_dtype(PARAMETERS)
"""Dtype of the rows of LatGaussFitFR."""

Rows = NDArray[np.void]
"""One-dimensional structured array of a dtype by :func:`localization_dtype`."""


def blank_rows(n: int, dtype: np.dtype[Any]) -> Rows:
    """Return rows without values: NaN, and 0 for whole numbers."""
    rows = np.zeros(n, dtype)
    for name in dtype.names or ():
        if dtype[name].kind == "f":
            rows[name] = np.nan
    return rows


def join_rows(parts: Sequence[Rows], dtype: np.dtype[Any]) -> Rows:
    """Return the rows of several arrays of one dtype, copied as whole records, which is faster than by fields."""
    block = np.dtype((np.void, dtype.itemsize))
    return np.concatenate([np.zeros(0, block), *(rows.view(block) for rows in parts)]).view(dtype)


def column(rows: Rows, name: str) -> NDArray[np.float32]:
    """Return a column; NaN if the fit does not have it."""
    if name in (rows.dtype.names or ()):
        return np.asarray(rows[name])
    return np.full(len(rows), np.nan, np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameBlock:
    """Consecutive raw frames of a movie.

    Parameters
    ----------
    frames
        Frames ``(frame, y, x)``, uint8, uint16 or float32, raw counts.
    first
        Number of ``frames[0]`` within the movie, from 0.
    n_movie_frames
        Number of frames in the movie, >= 1.
    background_images
        Background images of the frames to be analysed, for methods without a window.
    lost
        Reasons by number for the frames that the movie lacks; their counts have no meaning.
    """

    frames: NDArray[Any]
    first: int
    n_movie_frames: int
    background_images: BackgroundImages | None = None
    lost: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Localized:
    """The localizations of a range of frames.

    Parameters
    ----------
    rows
        Rows of the fit's dtype, in order of frames.
    failures
        Reasons by number for the frames that could not be analysed.
    """

    rows: Rows
    failures: dict[int, str]
