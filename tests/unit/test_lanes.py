"""Vectors of sixteen numbers: the same compiled and not, and how good the elementary functions are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf as exact_erf

from pointillist.fitting.estimation._elementary_kernels import erf, exp, log, reciprocal
from pointillist.fitting.estimation.lanes import (
    N_LANES,
    LaneArray,
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
from pointillist.fitting.jit import kernel

N_RESULTS = 18


@kernel
def operate(a: LaneArray, image: NDArray[np.float32], result: LaneArray) -> None:
    x, y = load(a, 0), load(a, 1)
    part = row_slice(result, 0, N_RESULTS)
    for k, value in enumerate((x + y, x - y, x * y, x / y, -x, 2 * x, 1.5 - x, x / 3)):
        store(part, k, value)
    store(part, 8, where_less(x, y, x, 7.0))
    store(part, 9, where_less(0.5, x, 1.0, full(2.0)))
    store(part, 10, square_root(x))
    store(part, 11, nearest_whole(10 * x))
    store(part, 12, power_of_two(nearest_whole(10 * x)))
    store(part, 13, binary_exponent(x))
    store(part, 14, mantissa(x))
    store(part, 15, rough_reciprocal(x))
    store(part, 16, 0.0)
    store_one(part, 16, 3, load_one(a, 1, 5))
    store(part, 17, load_pixel(image, 1, 2))


@kernel
def approximate(a: LaneArray, exps: LaneArray, erfs: LaneArray, logs: LaneArray, reciprocals: LaneArray) -> None:
    for k in range(a.size // N_LANES):
        x = load(a, k)
        store(exps, k, exp(x))
        store(erfs, k, erf(x))
        positive = exp(8.0 * x)
        store(logs, k, log(positive) - 8.0 * x)
        store(reciprocals, k, positive * reciprocal(positive) - 1.0)


@pytest.fixture(scope="module")
def approximations() -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    x = np.linspace(-6, 6, 16_000).astype(np.float32)
    results = [np.empty_like(x) for _ in range(4)]
    approximate(x, *results)
    return x, results


def test_lanes_agree_with_numpy() -> None:
    rng = np.random.default_rng(0)
    a = rng.uniform(0.1, 3, 2 * N_LANES).astype(np.float32)
    image = rng.uniform(size=(3, 5)).astype(np.float32)
    result = np.full(N_RESULTS * N_LANES, np.nan, np.float32)
    operate(a, image, result)
    x, y = a[:N_LANES].astype(np.float64), a[N_LANES:].astype(np.float64)
    exponent = np.floor(np.log2(x) + 0.5)
    rows = result.reshape(N_RESULTS, N_LANES)
    expected = [x + y, x - y, x * y, x / y, -x, 2 * x, 1.5 - x, x / 3, np.where(x < y, x, 7), np.where(x > 0.5, 1, 2)]
    expected += [np.sqrt(x), np.rint(10 * x), 2 ** np.rint(10 * x), exponent, x / 2**exponent]
    np.testing.assert_allclose(rows[: len(expected)], expected, rtol=1e-6)
    np.testing.assert_allclose(rows[15], 1 / x, rtol=0.13)
    assert rows[16].tolist() == [0, 0, 0, a[N_LANES + 5], *[0] * 12]
    assert (rows[17] == image[1, 2]).all()


def test_the_exponential_is_exact_in_single_precision(
    approximations: tuple[NDArray[np.float32], list[NDArray[np.float32]]],
) -> None:
    x, (exps, _, _, _) = approximations
    error = np.abs(exps / np.exp(x.astype(np.float64)) - 1)
    assert (error < 4e-7 + 7e-8 * np.abs(x)).all()


def test_the_exponential_ends_at_a_normal_number() -> None:
    x = np.full(N_LANES, -300, np.float32)
    exps = np.empty_like(x)
    approximate(x, exps, *(np.empty_like(x) for _ in range(3)))
    np.testing.assert_allclose(exps, 2.0**-40, rtol=1e-6)


def test_the_error_function_is_exact_in_single_precision(
    approximations: tuple[NDArray[np.float32], list[NDArray[np.float32]]],
) -> None:
    x, (_, erfs, _, _) = approximations
    assert np.abs(erfs - exact_erf(x.astype(np.float64))).max() < 3e-7


def test_the_logarithm_undoes_the_exponential(
    approximations: tuple[NDArray[np.float32], list[NDArray[np.float32]]],
) -> None:
    x, (_, _, logs, _) = approximations
    inside = x > -3.4  # the exponential ends
    assert np.abs(logs[inside]).max() < 1e-5


def test_the_reciprocal_is_exact_in_single_precision(
    approximations: tuple[NDArray[np.float32], list[NDArray[np.float32]]],
) -> None:
    assert np.abs(approximations[1][3]).max() < 2.5e-7
