"""Frames whose counts can be those of a camera."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ADU = 2.0**32
"""Largest count of any camera, or of sums of frames, either sign."""


def are_counts(frames: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which frames hold counts only, ``(frame,)``: no NaN, nothing infinite or beyond 2³² ADU.

    Parameters
    ----------
    frames
        Frames ``(frame, y, x)``, of any type of numbers.
    """
    if not np.issubdtype(frames.dtype, np.floating) or not frames.size:
        return np.ones(len(frames), np.bool_)
    with np.errstate(invalid="ignore"):  # comparisons with NaN are false
        low, high = frames.min(axis=(1, 2)), frames.max(axis=(1, 2))
        return np.asarray((low >= -MOST_ADU) & (high <= MOST_ADU))


def describe_no_counts(frame: NDArray[Any]) -> str:
    """Return why a frame ``(y, x)`` does not hold counts."""
    n_not_finite = np.count_nonzero(~np.isfinite(frame))
    if n_not_finite:
        return f"{n_not_finite} of {frame.size} pixels are not finite"
    worst = frame.flat[np.argmax(np.abs(frame))]
    return (
        f"{np.count_nonzero(np.abs(frame) > MOST_ADU)} of {frame.size} pixels hold no counts, such as {worst:.3g} ADU"
    )
