"""Exact medians: of a stack of frames pixel by pixel, and of all pixels of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.backgrounds._image_kernels import (
    average_images,
    count_values,
    ranked_value,
    stack_ranks,
    twice_difference,
    value_range,
)

_STRIP_BYTES = 1024
_SIGN = np.uint32(1 << 31)
_WIDEST_COUNT = 1 << 20


def stack_median(frames: NDArray[Any]) -> NDArray[np.float32]:
    """Take the median of each pixel over a stack of frames.

    Parameters
    ----------
    frames
        Frames ``(frame, y, x)``, uint8, uint16 or float32 without NaN, 1 to 65535 of them.

    Returns
    -------
    ndarray
        Median image ``(y, x)``, float32; for an even number of frames the mean of the two middle values.
    """
    n_frames = len(frames)
    lower, upper = ranked_images(frames, ((n_frames - 1) // 2, n_frames // 2))
    median = np.empty(frames.shape[1:], np.float32)
    average_images(lower.reshape(-1), upper.reshape(-1), median.reshape(-1))
    return median


def ranked_images(frames: NDArray[Any], ranks: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Take the values of two ranks of each pixel over a stack of frames.

    Parameters
    ----------
    frames
        Frames ``(frame, y, x)``, uint8, uint16 or float32 without NaN, 1 to 65535 of them.
    ranks
        Indices in the sorted stack, from 0; the second is that of the first or the next one.

    Returns
    -------
    tuple
        Two images ``(y, x)`` of the frames' dtype.
    """
    shape = frames.shape[1:]
    is_float = np.issubdtype(frames.dtype, np.floating)
    values = np.ascontiguousarray(frames).reshape(len(frames), -1)
    keys = _ordered_keys(values) if is_float else values
    width = _STRIP_BYTES // keys.dtype.itemsize
    low, bound, high = np.empty((3, width), keys.dtype)
    images = np.empty((2, keys.shape[1]), keys.dtype)
    stack_ranks(
        keys,
        ranks,
        np.empty((len(keys), width), keys.dtype),
        (low, bound, high, np.empty(width, np.uint16)),
        (images[0], images[1]),
    )
    found = _values_of(images) if is_float else images
    return found[0].reshape(shape), found[1].reshape(shape)


def _ordered_keys(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Return whole numbers that are ordered as float32 are: the sign bit of IEEE 754 makes the others count down."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _values_of(keys: NDArray[np.uint32]) -> NDArray[np.float32]:
    return np.where(keys & _SIGN, keys & ~_SIGN, ~keys).view(np.float32)


def image_median(image: NDArray[Any]) -> float:
    """Take the median of all pixels of an image.

    Parameters
    ----------
    image
        Image of any shape with at least one pixel, without NaN.

    Returns
    -------
    float
        Median; for an even number of pixels the mean of the two middle values.
    """
    flat = image.reshape(-1)
    if np.issubdtype(flat.dtype, np.floating):
        return _floating_median(flat)
    least, largest = map(int, value_range(flat))
    if largest - least >= _WIDEST_COUNT:
        return float(np.median(flat))
    counts = np.zeros(largest - least + 1, np.int32)
    count_values(flat, least, counts)
    lower, upper = (ranked_value(counts, rank) for rank in ((flat.size - 1) // 2, flat.size // 2))
    return least + (lower + upper) / 2


def _floating_median(values: NDArray[Any]) -> float:
    """Find the median among the few values that share the upper half of its bits."""
    buckets = (_ordered_keys(values) >> np.uint32(16)).astype(np.uint16)
    counts = np.zeros(1 << 16, np.int32)
    count_values(buckets, 0, counts)
    middle = (values.size - 1) // 2, values.size // 2
    lowest, highest = (ranked_value(counts, rank) for rank in middle)
    near = np.sort(values[(buckets >= lowest) & (buckets <= highest)])
    below = int(counts[:lowest].sum())
    return sum(float(near[rank - below]) for rank in middle) / 2


def median_difference(frame: NDArray[Any], image: NDArray[np.float32]) -> float:
    """Take the median of all pixels of a frame less an image.

    Parameters
    ----------
    frame
        Frame ``(y, x)``, uint8, uint16 or float32, raw counts.
    image
        Image ``(y, x)``, float32, raw counts; whole or half numbers if the frame has whole numbers.
    """
    if not np.issubdtype(frame.dtype, np.integer):
        return image_median(frame - image)
    twice = np.empty(frame.size, np.int32)
    twice_difference(frame.reshape(-1), image.reshape(-1), twice)
    return image_median(twice) / 2
