"""The functions of :mod:`pointillist.fitting.estimation._lane_functions`, registered with the compiler."""

import pointillist.fitting.estimation._lane_compilation  # noqa: F401 - registers the functions
from pointillist.fitting.estimation._lane_functions import (
    N_LANES,
    LaneArray,
    Lanes,
    binary_exponent,
    full,
    load,
    load_one,
    load_pixel,
    mantissa,
    nearest_whole,
    power_of_two,
    rough_reciprocal,
    row_slice,
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
    "full",
    "load",
    "load_one",
    "load_pixel",
    "mantissa",
    "nearest_whole",
    "power_of_two",
    "rough_reciprocal",
    "row_slice",
    "square_root",
    "store",
    "store_one",
    "where_less",
]
