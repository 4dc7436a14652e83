"""Sixteen numbers in single precision, one for each spot: a vector of the processor.

A kernel on :data:`Lanes` is written for one spot and runs for sixteen. Compiled, a value is an LLVM vector, which stays
in registers and does not depend on the vectorizer of the compiler. Not compiled, it is a numpy array of sixteen
numbers. Lanes are independent: the result of a spot does not depend on the other spots of its vector.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Lanes: TypeAlias = NDArray[Any]
"""Array ``(16,)`` float32 in kernels that are not compiled; it can be combined with numbers."""
LaneArray: TypeAlias = NDArray[np.float32]
"""One-dimensional, sixteen numbers per row: row ``k`` is ``[16 k, 16 k + 16)``."""

N_LANES = 16

N_MANTISSA_BITS, EXPONENT_BIAS = 23, 127
EXPONENT_BITS = -(1 << N_MANTISSA_BITS)
BITS_OF_ROOT = int(np.float32(0.5**0.5).view(np.int32))
BITS_OF_RECIPROCAL = 0x7EF311C7
"""Format of single precision: length of the mantissa, bias and bits of the exponent; bits of the square root of 1/2;
bits from which those of a number are subtracted for its approximate reciprocal."""


def row_slice(array: LaneArray, first: int, n: int) -> LaneArray:
    """Return ``n`` rows of an array, without a copy.

    Compiled, it is a pointer without a reference count, since counting costs more than the arithmetic of a small
    kernel. It does not keep its array alive: slice arguments only, never an array that the kernel itself has made.
    """
    return array[N_LANES * first : N_LANES * (first + n)]


def load(array: LaneArray, row: int) -> Lanes:
    """Return a row of an array."""
    return array[N_LANES * row : N_LANES * (row + 1)].copy()


def store(array: LaneArray, row: int, value: Lanes | float) -> None:
    """Set a row of an array."""
    array[N_LANES * row : N_LANES * (row + 1)] = value


def load_one(array: LaneArray, row: int, lane: int) -> float:
    """Return one number of a row."""
    return float(array[N_LANES * row + lane])


def store_one(array: LaneArray, row: int, lane: int, number: float) -> None:
    """Set one number of a row."""
    array[N_LANES * row + lane] = number


def load_pixel(image: NDArray[np.float32], y: int, x: int) -> float:
    """Return a pixel of an image ``(y, x)``; compiled, negative indices are not supported."""
    return float(image[y, x])


def full(number: float) -> Lanes:
    """Return a number in every lane."""
    return np.full(N_LANES, number, np.float32)


def where_less(a: Lanes | float, b: Lanes | float, then: Lanes | float, otherwise: Lanes | float) -> Lanes:
    """Return ``then`` where ``a < b``, and ``otherwise`` elsewhere, also where one of them is NaN."""
    return np.asarray(np.where(np.less(a, b), then, otherwise), np.float32)


def square_root(a: Lanes) -> Lanes:
    """Return the square root, NaN below 0."""
    return np.asarray(np.sqrt(a))


def nearest_whole(a: Lanes) -> Lanes:
    """Return the nearest whole number, as a float."""
    return np.asarray(np.rint(a))


def power_of_two(whole: Lanes) -> Lanes:
    """Return ``2**whole`` for whole numbers within [-126, 127]."""
    bits = (whole.astype(np.int32) + EXPONENT_BIAS) << N_MANTISSA_BITS
    return np.asarray(bits.view(np.float32))


def binary_exponent(a: Lanes) -> Lanes:
    """Return the whole number ``e`` with which ``sqrt(1/2) <= a / 2**e < sqrt(2)``, for normal ``a > 0``."""
    bits = (a.view(np.int32) - BITS_OF_ROOT) >> N_MANTISSA_BITS
    return np.asarray(bits.astype(np.float32))


def rough_reciprocal(a: Lanes) -> Lanes:
    """Return ``1 / a`` within 13 %, for normal ``a > 0``."""
    bits = BITS_OF_RECIPROCAL - a.view(np.int32)
    return np.asarray(bits.view(np.float32))


def mantissa(a: Lanes) -> Lanes:
    """Return ``a / 2**binary_exponent(a)``."""
    bits = a.view(np.int32)
    bits = bits - ((bits - BITS_OF_ROOT) & EXPONENT_BITS)
    return np.asarray(bits.view(np.float32))
