"""What goes into :func:`fitting.localize.localize`, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARAMETERS = ("amplitude", "x", "y", "sigma", "background", "slope_x", "slope_y")
"""Fitted parameters, in the order of PYME's LatGaussFitFR: A, x0, y0, sigma, background, bx, by."""

LOCALIZATION_DTYPE = np.dtype(
    [
        ("frame", "<i4"),
        *((name, "<f4") for name in PARAMETERS),
        *((f"{name}_error", "<f4") for name in PARAMETERS),
        ("result_code", "<i4"),
        ("roi_x_start", "<i4"),
        ("roi_x_stop", "<i4"),
        ("roi_y_start", "<i4"),
        ("roi_y_stop", "<i4"),
        ("subtracted_background", "<f4"),
        ("nchi2", "<f4"),
    ]
)
"""One localization. Positions and sigma in px (centre of pixel 0 is 0), intensities in photoelectrons (amplitude: the
height of the Gaussian), slopes in photoelectrons per px; errors likewise, NaN where the fit has none."""

Rows = NDArray[np.void]
"""One-dimensional structured array of :data:`LOCALIZATION_DTYPE`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameBlock:
    """Consecutive raw frames of a movie.

    Parameters
    ----------
    frames
        Raw counts, ``(frame, y, x)``; uint8, uint16 or float32.
    first
        Number of ``frames[0]`` within the movie.
    n_movie_frames
        Length of the whole movie.
    """

    frames: NDArray[Any]
    first: int
    n_movie_frames: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Localized:
    """The localizations of a range of frames.

    Parameters
    ----------
    rows
        :data:`LOCALIZATION_DTYPE`, in order of frames.
    failures
        Frames that could not be analysed, with the reason.
    """

    rows: Rows
    failures: dict[int, str]
