"""Pictures count every localization once, where it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pointillist.fitting.localizations import LOCALIZATION_DTYPE, Rows
from pointillist.localizations.rendering import Canvas, Image, add_gaussians, add_histogram

Method = Callable[[Image, Canvas, Rows], int]
METHODS = [add_histogram, add_gaussians]


def rows_at(*points: tuple[float, float], error: float = 0.1) -> Rows:
    rows = np.zeros(len(points), dtype=LOCALIZATION_DTYPE)
    rows["x"] = [x for x, _ in points]
    rows["y"] = [y for _, y in points]
    rows["x_error"] = rows["y_error"] = error
    return rows


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=40)
@given(
    points=st.lists(st.tuples(st.floats(-0.5, 39.5, width=32), st.floats(-0.5, 19.5, width=32)), max_size=30),
    magnification=st.floats(0.3, 12),
    error=st.sampled_from([0.001, 0.1, 0.7, 30.0, float("nan")]),
)
def test_the_sum_of_an_image_is_the_number_of_localizations(
    method: Method, points: list[tuple[float, float]], magnification: float, error: float
) -> None:
    canvas = Canvas(frame_shape=(20, 40), magnification=magnification)
    image = canvas.blank()
    assert method(image, canvas, rows_at(*points, error=error)) == len(points)
    assert image.sum(dtype=np.float64) == pytest.approx(len(points), rel=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_both_edges_of_the_frame_belong_to_the_image(method: Method) -> None:
    canvas = Canvas(frame_shape=(20, 40), magnification=5)
    image = canvas.blank()
    method(image, canvas, rows_at((-0.5, -0.5), (39.5, 19.5), error=0.001))
    assert image[0, 0] == pytest.approx(1)
    assert image[-1, -1] == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_localizations_beyond_the_frame_are_left_out(method: Method) -> None:
    canvas = Canvas(frame_shape=(20, 40), magnification=5)
    image = canvas.blank()
    nan = float("nan")
    assert method(image, canvas, rows_at((-0.6, 3), (3, 19.6), (nan, 3), (3, nan), (1, 1))) == 1
    assert image.sum() == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_x_runs_along_the_columns(method: Method) -> None:
    canvas = Canvas(frame_shape=(20, 40), magnification=2)
    image = canvas.blank()
    method(image, canvas, rows_at((30, 5), error=0.01))
    line, column = (int(i) for i in np.unravel_index(int(image.argmax()), image.shape))
    assert (line, column) in {(10, 60), (11, 61), (10, 61), (11, 60)}


def test_a_gaussian_is_as_wide_as_the_error() -> None:
    canvas = Canvas(frame_shape=(20, 20), magnification=10)
    image = canvas.blank()
    add_gaussians(image, canvas, rows_at((9.0, 9.0), error=0.3))
    position = (np.arange(200) + 0.5) / 10 - 0.5
    profile = image.sum(axis=0) / image.sum()
    assert (profile * position).sum() == pytest.approx(9.0, abs=1e-3)
    assert np.sqrt((profile * (position - 9) ** 2).sum()) == pytest.approx(0.3, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_an_image_rendered_in_parts_is_the_image_of_the_whole(method: Method) -> None:
    rng = np.random.default_rng(1)
    rows = rows_at(*rng.uniform(0, 19, (500, 2)))
    canvas = Canvas(frame_shape=(20, 20), magnification=7)
    whole, parts = canvas.blank(), canvas.blank()
    method(whole, canvas, rows)
    for start in range(0, 500, 33):
        method(parts, canvas, rows[start : start + 33])
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)


def test_no_localizations_make_a_black_image() -> None:
    canvas = Canvas(frame_shape=(20, 20), magnification=7)
    image = canvas.blank()
    assert add_gaussians(image, canvas, rows_at()) == 0
    assert image.shape == (140, 140)
    assert not image.any()
