"""The sparse median as dcnum takes it, bit for bit.

Facts of dcnum 0.31: times are those of an array without any, of 3600 frames/s; images are the upper medians of frames
that begin at a step; one is dropped for its contrast along the rows in the middle of the image; what is dropped gives
its frames to the next one; the offset is that of the first twenty rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.sparse_parameters import SparseParameters

_RATE_HZ = 3600.0
_OFFSET_ROWS = 20
_NEIGHBOURS = 10


def _times_s(n_movie_frames: int) -> NDArray[np.float64]:
    return np.linspace(0, 1.5 * n_movie_frames / _RATE_HZ, n_movie_frames)


def step_times_s(method: SparseParameters, n_movie_frames: int) -> NDArray[np.float64]:
    """Return the time of each image."""
    return np.arange(0, _times_s(n_movie_frames)[-1], method.split_time)


def spans(method: SparseParameters, n_movie_frames: int) -> list[tuple[int, int]]:
    """Return the frames ``[first, stop)`` of each image."""
    times, size = _times_s(n_movie_frames), min(method.kernel_size, n_movie_frames)
    nearest = [int(np.argmin(np.abs(times - step))) for step in step_times_s(method, n_movie_frames)]
    return [(first, first + size) for first in (min(at, n_movie_frames - size) for at in nearest)]


def kept(contrasts: Sequence[NDArray[np.float64]], threshold: float, fraction: float) -> NDArray[np.bool_]:
    """Choose the images that are kept.

    Parameters
    ----------
    contrasts
        Row contrasts of all images from :func:`contrast`, ``(y,)`` each, counts.
    threshold, fraction
        Parameters ``thresh_cleansing`` and ``frac_cleansing`` of the method.
    """
    profiles = np.stack(contrasts)
    height = profiles.shape[1]
    half = max(_OFFSET_ROWS, height // 4)
    rows = slice(height // 2 - half, height // 2 + half)
    means = (profiles - np.median(profiles, axis=0))[:, rows].mean(axis=1)
    mirrored = np.pad(means, (_NEIGHBOURS // 2, _NEIGHBOURS // 2 - 1), mode="symmetric")
    change = means - np.sort(np.lib.stride_tricks.sliding_window_view(mirrored, _NEIGHBOURS))[:, _NEIGHBOURS // 2]
    offset = np.abs(change - np.median(change))
    by_fraction = offset <= np.quantile(offset, fraction)
    if threshold == 0:
        return np.asarray(by_fraction)
    by_threshold = offset <= 150 * np.var(offset) / threshold
    return np.asarray(by_threshold if by_threshold.mean() >= fraction else by_fraction)


def contrast(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest less the least value of each row."""
    return np.asarray(image.max(axis=1) - image.min(axis=1), np.float64)


def index(is_kept: NDArray[np.bool_], method: SparseParameters, n_movie_frames: int) -> NDArray[np.int32]:
    """Return the number of the image of each frame, counted as if none had been dropped."""
    times = _times_s(n_movie_frames)
    numbers = np.flatnonzero(is_kept)
    found = np.full(n_movie_frames, numbers[-1], np.int32)
    begin = 0
    for number in numbers:
        middle = number * method.split_time + method.split_time / 2
        end = int(np.argmin(np.abs(times - middle)))
        found[begin:end] = number
        begin = end
    return found


def offset_adu(frame: NDArray[Any], image: NDArray[np.float32]) -> float:
    """Return the mean of the first twenty rows of a frame, less that of its image."""
    return float(frame[:_OFFSET_ROWS].mean(dtype=np.float64) - image[:_OFFSET_ROWS].mean(dtype=np.float64))
