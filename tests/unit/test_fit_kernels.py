"""Kernels of the fit of Gaussians; small enough to run as plain Python (NUMBA_DISABLE_JIT=1) too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

from pointillist.fitting.estimation._equation_kernels import N_PARAMETERS, N_PRODUCTS, N_SUMS, deviance, write_equations
from pointillist.fitting.estimation._profile_kernels import write_profiles
from pointillist.fitting.estimation._solution_kernels import factorise, solve, variance_along
from pointillist.fitting.estimation._step_kernels import conserve_photons, select_free
from pointillist.fitting.estimation.lanes import N_LANES, LaneArray, full, store
from pointillist.fitting.jit import kernel

HALF, ASPECT = 3, 1.2
SIDE = 2 * HALF + 1
Values = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _lanes_may_divide_by_zero() -> Iterator[None]:
    with np.errstate(all="ignore"):  # where kernels are not compiled, numpy would tell
        yield


def lane_rows(values: Values) -> LaneArray:
    """Bring ``(row, lane)`` into rows of lanes."""
    return np.ascontiguousarray(values, np.float32).ravel()


def random_parameters(seed: int) -> Values:
    rng = np.random.default_rng(seed)
    low = [20, -1, -1, 0.7, 0.7, 5, -0.5, -0.5]
    high = [500, 1, 1, 2, 2, 30, 0.5, 0.5]
    return rng.uniform(low, high, (N_LANES, N_PARAMETERS)).T.astype(np.float32).astype(np.float64)


def mean_profile(centre: float, sigma: float, pitch: float) -> Values:
    edges = ((np.arange(-HALF, HALF + 2) - 0.5) * pitch - centre) / (np.sqrt(2) * sigma)
    return np.asarray(np.diff(erf(edges)) * sigma * np.sqrt(np.pi / 2) / pitch)


def sampled_profile(centre: float, sigma: float, pitch: float) -> Values:
    return np.asarray(np.exp(-((np.arange(-HALF, HALF + 1) * pitch - centre) ** 2) / (2 * sigma**2)))


def model(p: Values, *, is_integrated: bool) -> Values:
    profile = mean_profile if is_integrated else sampled_profile
    x, y = profile(p[1], p[3], 1.0), profile(p[2], p[4], ASPECT)
    pixel = np.arange(-HALF, HALF + 1)
    return np.asarray(p[0] * np.outer(y, x) + p[5] + p[6] * pixel + p[7] * ASPECT * pixel[:, None])


def derivatives(p: Values, *, is_integrated: bool) -> Values:
    steps = np.diag(np.maximum(np.abs(p), 0.1) * 1e-5)
    ahead = [model(p + step, is_integrated=is_integrated) for step in steps]
    behind = [model(p - step, is_integrated=is_integrated) for step in steps]
    return (np.array(ahead) - behind).reshape(N_PARAMETERS, -1) / (2 * np.diag(steps)[:, None])


def equations_of(
    parameters: Values, pixels: Values, *, is_integrated: bool, is_given: bool, is_sloping: bool = True
) -> tuple[Values, Values, LaneArray, LaneArray, LaneArray]:
    """Return the matrix ``(lane, 8, 8)``, the gradient ``(lane, 8)``, and what the deviance is computed from."""
    p, data = lane_rows(parameters), lane_rows(pixels)
    along_x, along_y = np.zeros((2, 3 * SIDE * N_LANES), np.float32)
    write_profiles(p, (is_integrated, False), HALF, ASPECT, along_x, along_y)
    sums = np.zeros(SIDE * N_SUMS * N_LANES, np.float32)
    products, gradient = np.zeros(N_PRODUCTS * N_LANES, np.float32), np.zeros(N_PARAMETERS * N_LANES, np.float32)
    shape = (HALF, ASPECT, is_sloping, is_given)
    keep_equations(data, p, along_x, along_y, shape, sums, products, gradient)
    matrices = np.zeros((N_LANES, N_PARAMETERS, N_PARAMETERS))
    lower = np.tril_indices(N_PARAMETERS)
    matrices[:, lower[0], lower[1]] = products.reshape(-1, N_LANES).T
    matrices[:, lower[1], lower[0]] = products.reshape(-1, N_LANES).T
    return matrices, gradient.reshape(-1, N_LANES).T.astype(np.float64), p, along_x, along_y


@kernel
def keep_equations(  # noqa: PLR0917 - kernels take arrays
    pixels: LaneArray,
    p: LaneArray,
    along_x: LaneArray,
    along_y: LaneArray,
    shape: tuple[int, float, bool, bool],
    sums: LaneArray,
    products: LaneArray,
    gradient: LaneArray,
) -> None:
    squares = write_equations(pixels, p, along_x, along_y, shape, sums, products, gradient)
    store(sums, 0, squares)


@kernel
def keep_deviance(  # noqa: PLR0917 - kernels take arrays
    pixels: LaneArray,
    p: LaneArray,
    along_x: LaneArray,
    along_y: LaneArray,
    shape: tuple[int, float, bool, bool],
    result: LaneArray,
) -> None:
    store(result, 0, deviance(pixels, p, along_x, along_y, shape))


@kernel
def write_change(p: LaneArray, free: NDArray[np.int64], full_step: LaneArray, share: float, result: LaneArray) -> None:
    store(result, 0, conserve_photons(p, free, full_step, full(share)))


@kernel
def keep_solution(matrix: LaneArray, right: LaneArray, lower: LaneArray, work: LaneArray, results: LaneArray) -> None:
    store(results, 0, factorise(matrix, 5, lower))
    store(results, 1, solve(lower, 5, right, work))
    store(results, 2, variance_along(lower, 5, right, results[10 * 16 :]))


def pixels_of(parameters: Values, *, is_integrated: bool, is_given: bool, seed: int = 0, least: float = 0.01) -> Values:
    """Return ``(2 pixels + 1, lane)``: of each pixel a noisy signal and a weight or offset; then the least variance."""
    rng = np.random.default_rng(seed)
    pixels = np.empty((SIDE**2, 2, N_LANES))
    for lane in range(N_LANES):
        mean = model(parameters[:, lane], is_integrated=is_integrated).ravel()
        offset = rng.uniform(0, 5, mean.size)
        pixels[:, 0, lane] = mean + rng.normal(0, 3, mean.size) + (0 if is_given else offset)
        pixels[:, 1, lane] = rng.uniform(0.01, 0.1, mean.size) if is_given else offset
    return np.append(pixels.reshape(-1, N_LANES), np.full((1, N_LANES), least), axis=0)


def columns_of(pixels: Values) -> Values:
    """Return ``(pixel, 2, lane)``, in the precision of the kernels."""
    return pixels[:-1].astype(np.float32).astype(np.float64).reshape(-1, 2, N_LANES)


@pytest.mark.parametrize("is_integrated", [False, True], ids=["sampled", "integrated"])
@pytest.mark.parametrize("is_given", [True, False], ids=["weights given", "weights of the model"])
@pytest.mark.parametrize("least", [0.01, 20.0])
def test_the_normal_equations_are_those_of_the_numerical_derivatives(
    least: float, *, is_integrated: bool, is_given: bool
) -> None:
    parameters = random_parameters(1)
    pixels = pixels_of(parameters, is_integrated=is_integrated, is_given=is_given, least=least)
    matrices, gradients, *_ = equations_of(parameters, pixels, is_integrated=is_integrated, is_given=is_given)
    for lane in range(N_LANES):
        p = parameters[:, lane]
        signal, other = columns_of(pixels)[:, :, lane].T
        mean = model(p, is_integrated=is_integrated).ravel() + (0 if is_given else other)
        weight = other if is_given else 1 / np.maximum(mean, least)
        slopes = derivatives(p, is_integrated=is_integrated)
        matrix = (slopes * weight) @ slopes.T
        scale = np.sqrt(np.diag(matrix))
        np.testing.assert_allclose(matrices[lane] / np.outer(scale, scale), matrix / np.outer(scale, scale), atol=2e-5)
        gradient = slopes @ (weight * (signal - mean))
        np.testing.assert_allclose(gradients[lane] / scale, gradient / scale, atol=2e-4)


def test_without_slopes_the_equations_of_the_other_parameters_are_the_same() -> None:
    parameters = random_parameters(5)
    parameters[6:] = 0
    pixels = pixels_of(parameters, is_integrated=True, is_given=False)
    sloping, flat = (
        equations_of(parameters, pixels, is_integrated=True, is_given=False, is_sloping=is_sloping)
        for is_sloping in (True, False)
    )
    np.testing.assert_allclose(flat[0][:, :6, :6], sloping[0][:, :6, :6], rtol=1e-5)
    np.testing.assert_allclose(flat[1][:, :6], sloping[1][:, :6], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("is_integrated", [False, True], ids=["sampled", "integrated"])
@pytest.mark.parametrize("sigma", [0.6, 1.3, 3.0])
def test_profiles_and_their_derivatives_are_those_of_the_formula(sigma: float, *, is_integrated: bool) -> None:
    parameters = random_parameters(6)
    parameters[3:5] = sigma
    p, step = lane_rows(parameters), 1e-5
    along_x, along_y = np.zeros((2, 3 * SIDE * N_LANES), np.float32)
    write_profiles(p, (is_integrated, False), HALF, ASPECT, along_x, along_y)
    profile = mean_profile if is_integrated else sampled_profile
    for full_step, pitch, centres in ((along_x, 1.0, p[N_LANES:]), (along_y, ASPECT, p[2 * N_LANES :])):
        for lane in range(N_LANES):
            centre, width = float(centres[lane]), float(p[3 * N_LANES])
            by_centre = profile(centre + step, width, pitch) - profile(centre - step, width, pitch)
            by_width = profile(centre, width + step, pitch) - profile(centre, width - step, pitch)
            expected = [profile(centre, width, pitch), by_centre / (2 * step), by_width / (2 * step)]
            np.testing.assert_allclose(full_step.reshape(SIDE, 3, N_LANES)[:, :, lane].T, expected, atol=2e-6)


@pytest.mark.parametrize("least", [0.01, 20.0])
def test_the_gradient_is_minus_half_the_slope_of_the_deviance(least: float) -> None:
    parameters = random_parameters(2)
    pixels = pixels_of(parameters, is_integrated=True, is_given=False, least=least)
    shifted = parameters * 1.02
    matrices, gradients, p, along_x, along_y = equations_of(shifted, pixels, is_integrated=True, is_given=False)
    result = np.zeros(N_LANES, np.float32)
    keep_deviance(lane_rows(pixels), p, along_x, along_y, (HALF, ASPECT, True, False), result)
    for lane in range(N_LANES):
        counts, offset = columns_of(pixels)[:, :, lane].T

        def exact(values: Values, counts: Values = counts, offset: Values = offset) -> float:
            mean = model(values, is_integrated=True).ravel() + offset
            light = np.maximum(mean, least)
            gaussian = ((mean - counts) ** 2 - (light - counts) ** 2) / (2 * least)
            return float(2 * np.sum(light - counts + counts * np.log(counts / light) + gaussian))

        own = shifted[:, lane].astype(np.float32).astype(np.float64)
        assert result[lane] == pytest.approx(exact(own), rel=1e-3, abs=0.01)
        steps = np.diag(np.maximum(np.abs(own), 0.1) * 1e-5)
        slope = np.array([(exact(own + step) - exact(own - step)) / (2 * step.sum()) for step in steps])
        scale = np.sqrt(np.diag(matrices[lane]))
        np.testing.assert_allclose(gradients[lane] / scale, -0.5 * slope / scale, atol=2e-3)


@pytest.mark.parametrize("free", [[0, 1, 2, 3, 5], [0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 5]], ids=["one", "two", "held"])
@pytest.mark.parametrize("share", [1e-3, 0.5, 1.0])
def test_photons_change_as_a_step_predicts(free: list[int], share: float) -> None:
    parameters, rng = random_parameters(7), np.random.default_rng(7)
    if 4 not in free:
        parameters[4] = parameters[3]
    changes = dict(zip(free, rng.uniform(-0.3, 0.3, (len(free), N_LANES)) * np.abs(parameters[free]), strict=True))
    amplitude, result = parameters[0], np.zeros(N_LANES, np.float32)
    full_step = lane_rows(np.array(list(changes.values())))
    write_change(lane_rows(parameters), np.array(free), full_step, share, result)
    width_x = share * changes.get(3, np.zeros(N_LANES))
    width_y = share * changes[4] if 4 in free else width_x
    by_width = width_x / parameters[3] + width_y / parameters[4]
    predicted = (amplitude + share * changes[0] + amplitude * by_width) * parameters[3] * parameters[4]
    light = (amplitude + share * result) * (parameters[3] + width_x) * (parameters[4] + width_y)
    np.testing.assert_allclose(light, predicted, rtol=1e-5)
    if share < 0.01:
        np.testing.assert_allclose(result, changes[0], rtol=0.02, atol=1e-3 * amplitude.max())


def test_one_width_collects_the_products_of_both() -> None:
    rng = np.random.default_rng(3)
    slopes = rng.normal(size=(N_LANES, N_PARAMETERS, 20))
    residuals = rng.normal(size=(N_LANES, 20))
    full_matrix = slopes @ slopes.transpose(0, 2, 1)
    rows, columns = np.tril_indices(N_PARAMETERS)
    products = lane_rows(full_matrix[:, rows, columns].T)
    gradient = lane_rows(np.einsum("lpk,lk->pl", slopes, residuals))
    matrix, right = np.zeros((2, N_PRODUCTS * N_LANES), np.float32)
    free = np.array([0, 1, 2, 3, 5, 7])
    select_free(products, gradient, free, True, matrix, right)
    slopes[:, 3] += slopes[:, 4]
    expected = slopes[:, free] @ slopes[:, free].transpose(0, 2, 1)
    rows, columns = np.tril_indices(len(free))
    full_step, expected_right = matrix.reshape(-1, N_LANES), np.einsum("lpk,lk->pl", slopes[:, free], residuals)
    np.testing.assert_allclose(full_step[: len(rows)], expected[:, rows, columns].T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(right.reshape(-1, N_LANES)[: len(free)], expected_right, rtol=1e-4, atol=1e-4)


def test_a_system_is_solved_and_no_step_is_taken_where_it_is_singular() -> None:
    rng = np.random.default_rng(4)
    slopes = rng.normal(size=(N_LANES, 5, 9)) * np.array([1, 10, 0.1, 3, 1])[:, None]
    slopes[7, 4] = 0
    matrices, right = slopes @ slopes.transpose(0, 2, 1), rng.normal(size=(N_LANES, 5))
    rows, columns = np.tril_indices(5)
    lower, work = np.zeros(15 * N_LANES, np.float32), np.zeros(5 * N_LANES, np.float32)
    results = np.zeros(20 * N_LANES, np.float32)
    keep_solution(lane_rows(matrices[:, rows, columns].T), lane_rows(right.T), lower, work, results)
    is_definite, square, variance = results.reshape(-1, N_LANES)[:3]
    solutions = work.reshape(-1, N_LANES).T
    for lane in range(N_LANES):
        n = 4 if lane == 7 else 5
        expected = np.linalg.solve(matrices[lane, :n, :n], right[lane, :n])
        np.testing.assert_allclose(solutions[lane, :n], expected, rtol=2e-3, atol=1e-3 * np.abs(expected).max())
        assert square[lane] == pytest.approx(right[lane, :n] @ expected, rel=1e-3)
        assert variance[lane] == pytest.approx(square[lane], rel=1e-5)
        assert is_definite[lane] == (lane != 7)
    assert solutions[7, 4] == 0
