"""Sixteen numbers in single precision that every operation treats alike: a vector of the processor.

A kernel that takes and gives :data:`Lanes` says what happens to one spot; it happens to sixteen. Compiled, a value is
an LLVM vector, which stays in registers, and no compiler has to find out that a loop can be vectorized. Not compiled,
it is a numpy array of sixteen numbers, and the kernels run as they are. No lane sees another: what shares a vector
with a spot changes no bit of its result.
"""

import pointillist.fitting.estimation._lane_compilation  # noqa: F401 - tells the compiler of the functions
from pointillist.fitting.estimation._lane_functions import (
    N_LANES,
    LaneArray,
    Lanes,
    binary_exponent,
    cut,
    full,
    load,
    load_one,
    load_pixel,
    mantissa,
    nearest_whole,
    power_of_two,
    rough_reciprocal,
    square_root,
    store,
    store_one,
    where_less,
)

__all__ = [
    "N_LANES",
    "LaneArray",
    "Lanes",
    "binary_exponent",
    "cut",
    "full",
    "load",
    "load_one",
    "load_pixel",
    "mantissa",
    "nearest_whole",
    "power_of_two",
    "rough_reciprocal",
    "square_root",
    "store",
    "store_one",
    "where_less",
]
