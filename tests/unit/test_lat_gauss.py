from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, leastsq

from fitting._gaussian_kernels import sum_products, turn_to_parameters
from fitting._least_squares_kernels import CONVERGED, STUCK
from fitting.fits import FrameImages
from fitting.lat_gauss import LatGaussFit
from fitting.localizations import Rows
from fitting.settings import FitSettings

SIZE = 11
Image = NDArray[np.float32]
PARAMETERS = np.array([95.0, 5.3, 4.8, 1.3, 9.0, 0.6, -0.4])


def model(p: NDArray[np.float64], columns: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    u, v = columns - p[1], rows[:, None] - p[2]
    return np.asarray(p[0] * np.exp(-(u**2 + v**2) / (2 * p[3] ** 2)) + p[4] + p[5] * u + p[6] * v)


def frame_of(*spots: tuple[float, float], seed: int = 0, sigma: float = 1.3, base: float = 50.0) -> Image:
    pixels = np.arange(40.0)
    mean = np.full((40, 40), base)
    for x, y in spots:
        mean += model(np.array([90.0, x, y, sigma, 0, 0, 0]), pixels, pixels)
    return np.random.default_rng(seed).poisson(mean).astype(np.float32)


def fit_images(images: FrameImages, settings: FitSettings, points: NDArray[np.float32]) -> Rows:
    fit = LatGaussFit(settings)
    fit.add(0, images, points)
    return fit.rows()


def fit(frame: Image, *points: tuple[float, float], background: float = 0.0, **changes: Any) -> Rows:
    settings = FitSettings(psf_sigma_px=1.064, **changes)
    candidates = np.array([(x, y, 1.0) for x, y in points], np.float32)
    subtracted = np.full(frame.shape, background, np.float32)
    return fit_images(FrameImages(frame, subtracted, np.maximum(frame, 1) + 1), settings, candidates)


@given(
    amplitude=st.floats(1, 1e4),
    position=st.tuples(st.floats(2, 8), st.floats(2, 8)),
    sigma=st.floats(0.6, 3),
    slopes=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
)
def test_the_normal_equations_are_those_of_the_numerical_derivatives(
    amplitude: float, position: tuple[float, float], sigma: float, slopes: tuple[float, float]
) -> None:
    rng = np.random.default_rng(3)
    axes = np.arange(3.0, 3.0 + SIZE), np.arange(1.0, 1.0 + SIZE) * 1.2
    p = np.array([amplitude, axes[0][0] + position[0], axes[1][0] + position[1], sigma, 4.0, *slopes])
    data = (model(p, *axes) + rng.normal(0, 5, (SIZE, SIZE))).astype(np.float32)
    weight = rng.uniform(0.01, 0.1, (SIZE, SIZE)).astype(np.float32)
    normal, gradient = np.empty((7, 7)), np.empty(7)

    squares = sum_products(data, weight, axes, p, normal, gradient)
    turn_to_parameters(p, normal, gradient)

    residuals = data - model(p, *axes)
    steps = np.maximum(np.abs(p), 1.0) * 1e-6
    jacobian = np.array(
        [(model(p + step, *axes) - model(p - step, *axes)) / (2 * step.sum()) for step in np.diag(steps)]
    ).reshape(7, -1)
    w = weight.astype(np.float64).ravel()
    np.testing.assert_allclose(squares, (weight * residuals**2).sum(), rtol=1e-9)
    scale = np.sqrt(np.outer(*[np.diag((jacobian * w) @ jacobian.T)] * 2))
    np.testing.assert_allclose(normal / scale, (jacobian * w) @ jacobian.T / scale, atol=1e-6)
    np.testing.assert_allclose(
        gradient, jacobian @ (w * residuals.ravel()), rtol=1e-4, atol=1e-4 * np.abs(gradient).max()
    )


def test_the_gradient_is_minus_half_the_slope_of_the_sum_of_squares() -> None:
    axes = np.arange(float(SIZE)), np.arange(float(SIZE))
    data = np.random.default_rng(1).poisson(model(PARAMETERS, *axes)).astype(np.float32)
    weight = np.full((SIZE, SIZE), 0.05, np.float32)
    normal, gradient = np.empty((7, 7)), np.empty(7)
    sum_products(data, weight, axes, PARAMETERS, normal, gradient)
    turn_to_parameters(PARAMETERS, normal, gradient)

    def sum_of_squares(p: NDArray[np.float64]) -> float:
        return float((weight * (data - model(p, *axes)) ** 2).sum())

    slope = approx_fprime(PARAMETERS, sum_of_squares, 1e-6)
    np.testing.assert_allclose(gradient, -0.5 * slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("n_free", [4, 7])
@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_and_its_errors_are_those_of_minpack(n_free: int, seed: int) -> None:
    frame = frame_of((20.3, 18.7), seed=seed)
    row = fit(frame, (20.0, 19.0), background=50.0, background_model="sloping" if n_free == 7 else "none")[0]
    pixels = np.arange(15.0, 26.0), np.arange(14.0, 25.0)
    data, weight = frame[14:25, 15:26] - 50.0, np.maximum(frame, 1)[14:25, 15:26] + 1

    def residuals(p: NDArray[np.float64]) -> NDArray[np.float64]:
        full = np.zeros(7)
        full[: len(p)] = p
        return np.asarray(((data - model(full, *pixels)) / np.sqrt(weight)).ravel())

    start = [data.max() - data.min(), 20.0, 19.0, 1.064, data.min(), 0.0, 0.0][:n_free]
    best, covariance, info, _, _ = leastsq(residuals, start, full_output=True, ftol=1e-14, xtol=1e-14)
    nchi2 = (info["fvec"] ** 2).sum() / (data.size - n_free)
    errors = np.sqrt(np.diag(covariance) * nchi2)
    names = ["amplitude", "x", "y", "sigma", "background", "slope_x", "slope_y"][:n_free]
    for name, value, error in zip(names, best, errors, strict=True):
        assert row[name] == pytest.approx(value, abs=2e-3 * error)
        assert row[f"{name}_error"] == pytest.approx(error, rel=2e-3)
    assert row["nchi2"] == pytest.approx(nchi2, rel=1e-5)
    assert row["result_code"] == CONVERGED
    assert row["subtracted_background"] == 50.0
    assert (row["roi_x_start"], row["roi_x_stop"], row["roi_y_start"], row["roi_y_stop"]) == (15, 26, 14, 25)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    frame = frame_of((12.2, 12.8), (27.6, 25.1), (13.0, 28.4))
    points = [(12.0, 13.0), (28.0, 25.0), (13.0, 28.0)]
    together = fit(frame, *points)
    alone = np.concatenate([fit(frame, point) for point in points])
    assert together.tobytes() == alone.tobytes()


def test_turning_the_frame_turns_the_fit() -> None:
    frame = frame_of((20.3, 17.7))
    row, turned = fit(frame, (20.0, 18.0))[0], fit(np.ascontiguousarray(frame.T), (18.0, 20.0))[0]
    assert (turned["x"], turned["y"]) == pytest.approx((row["y"], row["x"]), abs=1e-5)
    assert (turned["slope_x"], turned["slope_y"]) == pytest.approx((row["slope_y"], row["slope_x"]), abs=1e-3)
    assert turned["sigma"] == pytest.approx(row["sigma"], abs=1e-5)


def test_shifting_the_frame_shifts_the_fit() -> None:
    frame = frame_of((20.3, 17.7))
    row, shifted = fit(frame, (20.0, 18.0))[0], fit(np.roll(frame, (3, -4), (0, 1)), (16.0, 21.0))[0]
    assert (shifted["x"] + 4, shifted["y"] - 3) == pytest.approx((row["x"], row["y"]), abs=1e-5)


def test_scaling_intensities_scales_the_fit() -> None:
    frame = frame_of((20.3, 17.7))
    candidates = np.array([(20.0, 18.0, 1.0)], np.float32)
    none = np.zeros_like(frame)
    settings = FitSettings(psf_sigma_px=1.0)
    one = fit_images(FrameImages(frame, none, frame + 2), settings, candidates)[0]
    ten = fit_images(FrameImages(frame * 10, none, (frame + 2) * 100), settings, candidates)[0]
    for name in ("amplitude", "background", "amplitude_error", "background_error"):
        assert ten[name] == pytest.approx(10 * one[name], rel=1e-4)
    for name in ("x", "y", "sigma", "x_error", "nchi2"):
        assert ten[name] == pytest.approx(one[name], rel=1e-4)


def test_pixels_twice_as_high_as_wide_are_allowed_for() -> None:
    pixels = np.arange(60.0)
    mean = model(np.array([900.0, 30.4, 30.2, 2.0, 50, 0, 0]), pixels, pixels)
    squeezed = mean[::2].astype(np.float32)
    row = fit(squeezed, (30.0, 15.0), pixel_aspect=2.0)[0]
    assert (row["x"], row["y"], row["sigma"]) == pytest.approx((30.4, 15.1, 2.0), abs=1e-3)


def test_the_region_is_clipped_at_the_edges_of_the_frame() -> None:
    frame = frame_of((2.2, 37.1))
    row = fit(frame, (2.0, 37.0))[0]
    assert (row["roi_x_start"], row["roi_x_stop"], row["roi_y_start"], row["roi_y_stop"]) == (0, 8, 32, 40)
    assert (row["x"], row["y"]) == pytest.approx((2.2, 37.1), abs=0.5)


def test_a_fit_without_background_leaves_base_and_slopes_at_zero() -> None:
    row = fit(frame_of((20.3, 18.7)), (20.0, 19.0), background=50.0, background_model="none")[0]
    assert all(row[name] == 0 for name in ("background", "slope_x", "slope_y", "background_error"))


@pytest.mark.parametrize(
    "frame",
    [np.zeros((40, 40)), np.full((40, 40), 65535.0), np.eye(40) * 1e6, np.full((40, 40), 1e30)],
    ids=["empty", "saturated", "line", "huge"],
)
def test_a_hopeless_spot_ends_with_a_finite_position_and_a_code(frame: NDArray[np.float64]) -> None:
    row = fit(frame.astype(np.float32), (20.0, 20.0))[0]
    assert row["result_code"] >= CONVERGED
    assert all(np.isfinite(row[name]) for name in ("amplitude", "x", "y", "sigma", "background", "nchi2"))
    if row["result_code"] == STUCK:
        assert np.isnan(row["x_error"])


def test_two_emitters_in_one_region_end_with_a_code() -> None:
    row = fit(frame_of((18.0, 20.0), (21.5, 20.0)), (19.7, 20.0))[0]
    assert row["result_code"] >= CONVERGED
    assert 17 < row["x"] < 22


def test_no_candidates_give_no_rows() -> None:
    frame = frame_of()
    images = FrameImages(frame, frame, frame)
    assert len(fit_images(images, FitSettings(psf_sigma_px=1.0), np.empty((0, 3), np.float32))) == 0
