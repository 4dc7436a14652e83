"""Kernels that extract the regions of spots from a frame and compute the start values of their fits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pointillist.fitting.estimation._equation_kernels import LEAST_MEAN, N_PARAMETERS
from pointillist.fitting.estimation.lanes import (
    N_LANES,
    LaneArray,
    Lanes,
    full,
    load,
    load_one,
    load_pixel,
    row_slice,
    store,
    store_one,
    where_less,
)
from pointillist.fitting.jit import kernel

Image = NDArray[np.float32]
Options = NDArray[np.float64]
Region = tuple[int, int, int, int]

HALF, ASPECT, SIGMA, EXCESS, LEAST_SIGNAL, N_FREE = range(6)
"""Elements of the options: half size of the regions; height of a pixel over its width; start value of the width, px;
square of the excess noise factor; least signal with growing shot noise; number of free parameters."""
HAS_WEIGHTS, IS_SMOOTHED, IS_LIKELIHOOD, HAS_KNOWN_BACKGROUND, HAS_BACKGROUND = range(6, 11)
"""Further elements, 1 or 0: whether weights are given; whether they come from the smoothed signal; whether the start
values are those of the likelihood; whether there is a known background; whether a background is fitted."""

FRAME, X_START, X_STOP, Y_START, Y_STOP, X_MIDDLE, Y_MIDDLE, CODE_COLUMN = range(8)
"""Columns of the region table; the last is the result code."""
N_REGION_COLUMNS = 8
LEAST_BACKGROUND, SUBTRACTED, N_PIXELS, IS_USABLE = range(N_PARAMETERS, N_PARAMETERS + 4)
"""Rows of the spot data, after the start values of the parameters."""
N_NUMBERS = N_PARAMETERS + 4

LIMIT = 1e12
"""Largest absolute value of a usable pixel, photoelectrons."""
OUTSIDE = -1e30
"""Variance of a pixel beyond the edge of the frame."""
_NO_WEIGHT = 1e12  # signal and offset of a pixel outside, if weights are the inverse of the signal
_LEAST_LIGHT = 1e-2  # photoelectrons per px


@kernel
def extract_regions(
    photoelectrons: Image,
    known_background: Image,
    variance: Image,
    points: NDArray[np.float32],
    frame: int,
    first_point: int,
    n_spots: int,
    first_spot: int,
    options: Options,
    buffer: LaneArray,
    regions: NDArray[np.int32],
) -> None:
    """Copy the regions of candidates, and write the start values of their fits.

    Parameters
    ----------
    photoelectrons, known_background, variance
        Frame, known background, and the variance of the pixels if weights come from the data, otherwise that of their
        readout, ``(y, x)``, float32.
    points
        Candidates ``(candidate, 2 or more)``, float32: x and y, px.
    frame
        Number of the frame within the movie.
    first_point, n_spots, first_spot
        Index of the first candidate to copy, number of candidates, and index of the spot that the first one becomes.
    options
        Options of the fit, see :data:`HALF` and the constants after it.
    buffer
        Buffer of :func:`buffer_rows` rows, written.
    regions
        Region table ``(spot, N_REGION_COLUMNS)``, int32, written.
    """
    half = int(options[HALF])
    height, width = photoelectrons.shape
    n = (2 * half + 1) ** 2
    raw, _, numbers = buffer_parts(buffer, half, regions.shape[0])
    for k in range(n_spots):
        spot = first_spot + k
        x, y = points[first_point + k, 0], points[first_point + k, 1]
        block, lane = spot // N_LANES, spot % N_LANES
        x_middle, y_middle = math.floor(x + 0.5), math.floor(y + 0.5)
        x_start, x_stop = max(x_middle - half, 0), min(x_middle + half + 1, width)
        y_start, y_stop = max(y_middle - half, 0), min(y_middle + half + 1, height)
        regions[spot, FRAME] = frame
        regions[spot, X_START], regions[spot, X_STOP] = x_start, x_stop
        regions[spot, Y_START], regions[spot, Y_STOP] = y_start, y_stop
        regions[spot, X_MIDDLE], regions[spot, Y_MIDDLE] = x_middle, y_middle
        if (x_stop - x_start) * (y_stop - y_start) < n:
            for pixel in range(n):
                store_one(raw, 3 * pixel, lane, 0.0)
                store_one(raw, 3 * pixel + 1, lane, 0.0)
                store_one(raw, 3 * pixel + 2, lane, OUTSIDE)
        region, side = (x_start, x_stop, y_start, y_stop), 2 * half + 1
        first = 3 * ((half - y_middle) * side + half - x_middle)
        copy_region(photoelectrons, region, (first, side), lane, raw)
        copy_region(variance, region, (first + 2, side), lane, raw)
        if options[IS_SMOOTHED]:
            add_shot_noise(photoelectrons, region, (first + 2, side), options, lane, raw)
        if options[HAS_KNOWN_BACKGROUND]:
            copy_region(known_background, region, (first + 1, side), lane, raw)
        store_one(numbers, block * N_NUMBERS + 1, lane, x - x_middle)
        store_one(numbers, block * N_NUMBERS + 2, lane, (y - y_middle) * options[ASPECT])
        if lane == N_LANES - 1:
            prepare_block(block, regions.shape[0], options, buffer)


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
def add_shot_noise(
    image: Image, region: Region, first: tuple[int, int], options: Options, lane: int, raw: LaneArray
) -> None:
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
            variance = load_one(raw, row + 3 * x, lane) + options[EXCESS] * max(total / weight, options[LEAST_SIGNAL])
            store_one(raw, row + 3 * x, lane, variance)


def buffer_rows(half: int, capacity: int) -> int:
    """Return the number of rows of a buffer for ``capacity`` spots, a multiple of sixteen."""
    n = (2 * half + 1) ** 2
    return 3 * n + capacity // N_LANES * (2 * n + 1 + N_NUMBERS)


@kernel
def buffer_parts(buffer: LaneArray, half: int, capacity: int) -> tuple[LaneArray, LaneArray, LaneArray]:
    """Return the three parts of a buffer.

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
    return (
        row_slice(buffer, 0, 3 * n),
        row_slice(buffer, 3 * n, data),
        row_slice(buffer, 3 * n + data, n_blocks * N_NUMBERS),
    )


@kernel
def prepare_block(block: int, capacity: int, options: Options, buffer: LaneArray) -> None:
    """Write pixels and start values of the sixteen spots that have been copied, as ``block`` of the buffer."""
    raw, data, numbers = buffer_parts(buffer, int(options[HALF]), capacity)
    n = 2 * (2 * int(options[HALF]) + 1) ** 2 + 1
    prepare(raw, options, row_slice(data, n * block, n), row_slice(numbers, N_NUMBERS * block, N_NUMBERS))


@kernel
def prepare(raw: LaneArray, options: Options, data: LaneArray, numbers: LaneArray) -> None:
    """Write the pixels of sixteen spots, and the start values of their fits.

    For least squares the amplitude starts at the range of the signal and the background at the minimum of the data, as
    in PYME. For the likelihood the background starts at the mean of the outermost pixels, and the amplitude follows
    from the sum of the pixels above it.
    """
    n = 2 * int(options[HALF]) + 1
    has_weights, is_known, has_background = (
        options[HAS_WEIGHTS] != 0.0,
        options[HAS_KNOWN_BACKGROUND] != 0.0,
        options[HAS_BACKGROUND] != 0.0,
    )
    sigma, inverse_excess = options[SIGMA], 1.0 / options[EXCESS]
    zero = full(0.0)
    smallest, least_light, largest, least_variance = full(LIMIT), full(LIMIT), full(-LIMIT), full(LIMIT)
    total, border, n_border, offsets, known_sum, n_pixels, n_valid = zero, zero, zero, zero, zero, zero, zero
    for j in range(n):
        for i in range(n):
            k = j * n + i
            value, variance = load(raw, 3 * k), load(raw, 3 * k + 2)
            known_background = load(raw, 3 * k + 1) if is_known else zero
            is_inside = where_less(variance, 0.5 * OUTSIDE, 0.0, 1.0)
            if has_weights:
                light, weight = value - known_background, 1.0 / variance
                is_valid = where_less(0.0, weight, where_less(weight, LIMIT, is_inside, 0.0), 0.0)
                store(data, 2 * k, where_less(0.5, is_inside, light, 0.0))
                store(data, 2 * k + 1, where_less(0.5, is_inside, weight, 0.0))
            else:
                extra = variance * inverse_excess
                light = value - known_background
                is_valid = where_less(extra, 0.0, 0.0, where_less(extra, LIMIT, is_inside, 0.0))
                store(data, 2 * k, where_less(0.5, is_inside, value + extra, _NO_WEIGHT))
                store(data, 2 * k + 1, where_less(0.5, is_inside, known_background + extra, _NO_WEIGHT))
                offsets = offsets + where_less(0.5, is_inside, known_background + extra, 0.0)
            n_valid = n_valid + where_less(light, LIMIT, where_less(-LIMIT, light, is_valid, 0.0), 0.0)
            n_pixels = n_pixels + is_inside
            least_variance = where_less(
                variance, where_less(0.5, is_inside, least_variance, -LIMIT), variance, least_variance
            )
            smallest = where_less(value, where_less(0.5, is_inside, smallest, -LIMIT), value, smallest)
            largest = where_less(where_less(0.5, is_inside, largest, LIMIT), value, value, largest)
            least_light = where_less(light, where_less(0.5, is_inside, least_light, -LIMIT), light, least_light)
            light = where_less(0.5, is_inside, light, 0.0)
            total = total + light
            known_sum = known_sum + known_background
            if i in (0, n - 1) or j in (0, n - 1):
                border = border + light
                n_border = n_border + is_inside
    is_usable = where_less(n_valid, n_pixels, 0.0, where_less(full(options[N_FREE]), n_pixels, 1.0, 0.0))
    store(numbers, N_PIXELS, n_pixels)
    store(numbers, IS_USABLE, is_usable)
    store(numbers, SUBTRACTED, known_sum / n_pixels)
    is_likelihood = options[IS_LIKELIHOOD] != 0.0
    floor = full(-1e30) if has_weights or is_likelihood else _LEAST_LIGHT - offsets / n_pixels
    least_extra = least_variance * inverse_excess
    least_extra = where_less(LEAST_MEAN, least_extra, least_extra, LEAST_MEAN)
    store(data, 2 * n * n, least_extra if is_likelihood else full(LEAST_MEAN))
    store(numbers, LEAST_BACKGROUND, floor)
    amplitude, level = largest - smallest, least_light
    if is_likelihood:
        level = border / n_border if has_background else zero
        height = (total - n_pixels * level) * (options[ASPECT] / (2.0 * math.pi * sigma * sigma))
        amplitude = where_less(height, 0.1 * amplitude, 0.1 * amplitude, height)
    write_start(amplitude, where_less(floor, level, level, floor), sigma, has_background, is_usable, numbers)


@kernel
def write_start(
    amplitude: Lanes, level: Lanes, sigma: float, has_background: bool, is_usable: Lanes, numbers: LaneArray
) -> None:
    """Write the start values of all parameters but the position."""
    store(numbers, 0, where_less(0.5, is_usable, amplitude, 0.0))
    store(numbers, 3, sigma)
    store(numbers, 4, sigma)
    store(numbers, 5, where_less(0.5, is_usable, level, 0.0) if has_background else full(0.0))
    store(numbers, 6, 0.0)
    store(numbers, 7, 0.0)
