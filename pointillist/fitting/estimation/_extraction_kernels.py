"""Kernels that cut the regions of spots out of a frame, and tell where their fits start."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import LEAST_MEAN, N_PARAMETERS
from pointillist.fitting.estimation.lanes import (
    N_LANES,
    LaneArray,
    Lanes,
    cut,
    full,
    load,
    load_one,
    load_pixel,
    store,
    store_one,
    where_less,
)
from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]
Plan = NDArray[np.float64]
Region = tuple[int, int, int, int]

HALF, ASPECT, SIGMA, EXCESS, LEAST_SIGNAL, N_FREE = range(6)
"""Elements of a plan: half size of the regions; height of a pixel over its width; width that fits start from, px;
excess noise; signal from which on there is shot noise; number of free parameters."""
IS_GIVEN, IS_SMOOTHED, IS_LIKELIHOOD, IS_KNOWN, HAS_BACKGROUND = range(6, 11)
"""Further elements, 1 or 0: whether weights are given, or come from the smoothed signal; whether the start is that of
the likelihood; whether the known background is allowed for; whether the fit has a background of its own."""

FRAME, X_START, X_STOP, Y_START, Y_STOP, X_MIDDLE, Y_MIDDLE, END = range(8)
"""Columns of the places of spots; the last is for the result code."""
N_PLACES = 8
LEAST_BACKGROUND, SUBTRACTED, N_SEEN, IS_USABLE = range(N_PARAMETERS, N_PARAMETERS + 4)
"""Rows of the numbers of spots, after the parameters that the fit starts from."""
N_NUMBERS = N_PARAMETERS + 4

LIMIT = 1e12
"""Of what a pixel may hold."""
NOT_THERE = -1e30
"""Variance of a pixel beyond the edge of the frame."""
_NO_WEIGHT = 1e12  # signal and offset of such a pixel, where weights are the inverse of the signal
_LEAST_LIGHT = 1e-2  # photoelectrons per px


@kernel
def stage_spots(
    photoelectrons: Image,
    known: Image,
    variance: Image,
    points: NDArray[np.float32],
    frame: int,
    first_point: int,
    n_spots: int,
    first_spot: int,
    plan: Plan,
    staged: LaneArray,
    places: NDArray[np.int32],
) -> None:
    """Copy the regions of candidates, and write where their fits start.

    Parameters
    ----------
    photoelectrons, known, variance
        Frame, known background, and the variance of the pixels if weights come from the data, otherwise that of their
        readout, ``(y, x)``, float32.
    points
        Candidates ``(candidate, 2 or more)``, float32: x and y, px.
    frame
        Number of the frame within the movie.
    first_point, n_spots, first_spot
        Index of the first candidate to copy, number of candidates, and index of the spot that the first one becomes.
    plan
        Options of the fit, see :data:`HALF` and the constants after it.
    staged
        Buffer of :func:`staged_rows` rows, written.
    places
        Region table ``(spot, N_PLACES)``, int32, written.
    """
    half = int(plan[HALF])
    height, width = photoelectrons.shape
    n = (2 * half + 1) ** 2
    raw, _, numbers = staged_parts(staged, half, places.shape[0])
    for k in range(n_spots):
        spot = first_spot + k
        x, y = points[first_point + k, 0], points[first_point + k, 1]
        block, lane = spot // N_LANES, spot % N_LANES
        x_middle, y_middle = math.floor(x + 0.5), math.floor(y + 0.5)
        x_start, x_stop = max(x_middle - half, 0), min(x_middle + half + 1, width)
        y_start, y_stop = max(y_middle - half, 0), min(y_middle + half + 1, height)
        places[spot, FRAME] = frame
        places[spot, X_START], places[spot, X_STOP] = x_start, x_stop
        places[spot, Y_START], places[spot, Y_STOP] = y_start, y_stop
        places[spot, X_MIDDLE], places[spot, Y_MIDDLE] = x_middle, y_middle
        if (x_stop - x_start) * (y_stop - y_start) < n:
            for pixel in range(n):
                store_one(raw, 3 * pixel, lane, 0.0)
                store_one(raw, 3 * pixel + 1, lane, 0.0)
                store_one(raw, 3 * pixel + 2, lane, NOT_THERE)
        region, side = (x_start, x_stop, y_start, y_stop), 2 * half + 1
        first = 3 * ((half - y_middle) * side + half - x_middle)
        copy_region(photoelectrons, region, (first, side), lane, raw)
        copy_region(variance, region, (first + 2, side), lane, raw)
        if plan[IS_SMOOTHED]:
            add_shot_noise(photoelectrons, region, (first + 2, side), plan, lane, raw)
        if plan[IS_KNOWN]:
            copy_region(known, region, (first + 1, side), lane, raw)
        store_one(numbers, block * N_NUMBERS + 1, lane, x - x_middle)
        store_one(numbers, block * N_NUMBERS + 2, lane, (y - y_middle) * plan[ASPECT])
        if lane == N_LANES - 1:
            prepare_block(block, places.shape[0], plan, staged)


@kernel
def copy_region(image: Image, region: Region, first: tuple[int, int], lane: int, raw: LaneArray) -> None:
    """Copy the pixels ``x_start, x_stop, y_start, y_stop`` into a lane.

    Pixel (x, y) goes to row ``first[0] + 3 (first[1] y + x)``.
    """
    x_start, x_stop, y_start, y_stop = region
    for y in range(y_start, y_stop):
        row = first[0] + 3 * first[1] * y
        for x in range(x_start, x_stop):
            store_one(raw, row + 3 * x, lane, load_pixel(image, y, x))


@kernel
def add_shot_noise(image: Image, region: Region, first: tuple[int, int], plan: Plan, lane: int, raw: LaneArray) -> None:
    """Add the shot noise of the smoothed signal to the variance of the readout, in rows as for :func:`copy_region`.

    The signal is smoothed with ``(1, 2, 1) / 4`` along both axes; pixels beyond the edge of the frame do not count.
    """
    x_start, x_stop, y_start, y_stop = region
    height, width = image.shape
    for y in range(y_start, y_stop):
        row = first[0] + 3 * first[1] * y
        for x in range(x_start, x_stop):
            total, weight = 0.0, 0.0
            for y_near in range(max(y - 1, 0), min(y + 2, height)):
                for x_near in range(max(x - 1, 0), min(x + 2, width)):
                    share = (2.0 - abs(y_near - y)) * (2.0 - abs(x_near - x))
                    total += share * load_pixel(image, y_near, x_near)
                    weight += share
            variance = load_one(raw, row + 3 * x, lane) + plan[EXCESS] * max(total / weight, plan[LEAST_SIGNAL])
            store_one(raw, row + 3 * x, lane, variance)


def staged_rows(half: int, capacity: int) -> int:
    """Return how many rows stage ``capacity`` spots, a multiple of sixteen."""
    n = (2 * half + 1) ** 2
    return 3 * n + capacity // N_LANES * (2 * n + 1 + N_NUMBERS)


@kernel
def staged_parts(staged: LaneArray, half: int, capacity: int) -> tuple[LaneArray, LaneArray, LaneArray]:
    """Return the three parts of what is staged.

    Returns
    -------
    raw
        Pixels of the sixteen spots that are being copied: three rows per pixel, one for each image.
    data
        Pixels for :func:`pointillist.fitting.estimation._equation_kernels.write_equations`, two rows per pixel and one
        more for every sixteen spots.
    numbers
        Spot data, ``N_NUMBERS`` rows for every sixteen spots.
    """
    n, n_blocks = (2 * half + 1) ** 2, capacity // N_LANES
    data = (2 * n + 1) * n_blocks
    return cut(staged, 0, 3 * n), cut(staged, 3 * n, data), cut(staged, 3 * n + data, n_blocks * N_NUMBERS)


@kernel
def prepare_block(block: int, capacity: int, plan: Plan, staged: LaneArray) -> None:
    """Write the data and numbers of the sixteen spots that have been copied; ``block`` of all that are staged."""
    raw, data, numbers = staged_parts(staged, int(plan[HALF]), capacity)
    n = 2 * (2 * int(plan[HALF]) + 1) ** 2 + 1
    prepare(raw, plan, cut(data, n * block, n), cut(numbers, N_NUMBERS * block, N_NUMBERS))


@kernel
def prepare(raw: LaneArray, plan: Plan, data: LaneArray, numbers: LaneArray) -> None:
    """Write the data of sixteen spots, and where their fits start.

    For least squares the height is the range of the signal, and the background the least of the data, as in PYME. For
    the likelihood the background is the mean of the outermost pixels, and the height that of all light above it.
    """
    n = 2 * int(plan[HALF]) + 1
    is_given, is_known, has_background = plan[IS_GIVEN] != 0.0, plan[IS_KNOWN] != 0.0, plan[HAS_BACKGROUND] != 0.0
    sigma, inverse_excess = plan[SIGMA], 1.0 / plan[EXCESS]
    zero = full(0.0)
    least, least_data, most, quietest = full(LIMIT), full(LIMIT), full(-LIMIT), full(LIMIT)
    total, border, n_border, offsets, behind, n_seen, n_sound = zero, zero, zero, zero, zero, zero, zero
    for j in range(n):
        for i in range(n):
            k = j * n + i
            value, variance = load(raw, 3 * k), load(raw, 3 * k + 2)
            known = load(raw, 3 * k + 1) if is_known else zero
            seen = where_less(variance, 0.5 * NOT_THERE, 0.0, 1.0)
            if is_given:
                light, weight = value - known, 1.0 / variance
                sound = where_less(0.0, weight, where_less(weight, LIMIT, seen, 0.0), 0.0)
                store(data, 2 * k, where_less(0.5, seen, light, 0.0))
                store(data, 2 * k + 1, where_less(0.5, seen, weight, 0.0))
            else:
                extra = variance * inverse_excess
                light = value - known
                sound = where_less(extra, 0.0, 0.0, where_less(extra, LIMIT, seen, 0.0))
                store(data, 2 * k, where_less(0.5, seen, value + extra, _NO_WEIGHT))
                store(data, 2 * k + 1, where_less(0.5, seen, known + extra, _NO_WEIGHT))
                offsets = offsets + where_less(0.5, seen, known + extra, 0.0)
            n_sound = n_sound + where_less(light, LIMIT, where_less(-LIMIT, light, sound, 0.0), 0.0)
            n_seen = n_seen + seen
            quietest = where_less(variance, where_less(0.5, seen, quietest, -LIMIT), variance, quietest)
            least = where_less(value, where_less(0.5, seen, least, -LIMIT), value, least)
            most = where_less(where_less(0.5, seen, most, LIMIT), value, value, most)
            least_data = where_less(light, where_less(0.5, seen, least_data, -LIMIT), light, least_data)
            light = where_less(0.5, seen, light, 0.0)
            total = total + light
            behind = behind + known
            if i in (0, n - 1) or j in (0, n - 1):
                border = border + light
                n_border = n_border + seen
    is_usable = where_less(n_sound, n_seen, 0.0, where_less(full(plan[N_FREE]), n_seen, 1.0, 0.0))
    store(numbers, N_SEEN, n_seen)
    store(numbers, IS_USABLE, is_usable)
    store(numbers, SUBTRACTED, behind / n_seen)
    is_likelihood = plan[IS_LIKELIHOOD] != 0.0
    floor = full(-1e30) if is_given or is_likelihood else _LEAST_LIGHT - offsets / n_seen
    least_extra = quietest * inverse_excess
    least_extra = where_less(LEAST_MEAN, least_extra, least_extra, LEAST_MEAN)
    store(data, 2 * n * n, least_extra if is_likelihood else full(LEAST_MEAN))
    store(numbers, LEAST_BACKGROUND, floor)
    amplitude, level = most - least, least_data
    if is_likelihood:
        level = border / n_border if has_background else zero
        height = (total - n_seen * level) * (plan[ASPECT] / (2.0 * math.pi * sigma * sigma))
        amplitude = where_less(height, 0.1 * amplitude, 0.1 * amplitude, height)
    write_start(amplitude, where_less(floor, level, level, floor), sigma, has_background, is_usable, numbers)


@kernel
def write_start(
    amplitude: Lanes, level: Lanes, sigma: float, has_background: bool, is_usable: Lanes, numbers: LaneArray
) -> None:
    """Write the parameters that a fit starts from, all but the position."""
    store(numbers, 0, where_less(0.5, is_usable, amplitude, 0.0))
    store(numbers, 3, sigma)
    store(numbers, 4, sigma)
    store(numbers, 5, where_less(0.5, is_usable, level, 0.0) if has_background else full(0.0))
    store(numbers, 6, 0.0)
    store(numbers, 7, 0.0)
