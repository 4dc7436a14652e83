"""Debounce and clump rejection against scipy's tree, however candidates lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from pointillist.fitting.detection.candidates import without_neighbours
from pointillist.fitting.settings import FitSettings

Points = NDArray[np.float32]


def debounced(points: Points, radius: float) -> Points:
    return without_neighbours(points, FitSettings(psf_sigma_px=1.3, debounce_radius_px=radius))


def declumped(points: Points, radius: float) -> Points:
    settings = FitSettings(psf_sigma_px=1.3, debounce_radius_px=0.0, clump_reject_radius_px=radius)
    return without_neighbours(points, settings)


def debounced_by_tree(points: Points, radius: float) -> Points:
    tree = cKDTree(points[:, :2].astype(np.float64))
    kept: set[int] = set()
    visited: set[int] = set()
    for index, point in enumerate(points):
        if index not in visited:
            distances, others = tree.query(point[:2].astype(np.float64), k=5)
            near = [int(n) for n in np.asarray(others)[np.asarray(distances) < radius]]
            kept.add(max(near, key=lambda n: float(points[n, 2])))
            visited.update(near)
    return points[sorted(kept)]


def points_in(height: float, width: float, n: int, seed: int) -> Points:
    points = np.random.default_rng(seed).random((n, 3)) * (width, height, 1)
    return points.astype(np.float32)


LAYOUTS = {
    "few": points_in(256, 256, 30, 1),
    "many": points_in(300, 200, 3000, 2),
    "a row": points_in(1e-3, 2000, 500, 3),
    "a column": points_in(2000, 1e-3, 500, 4),
    "a cluster far from a lone one": np.concatenate([points_in(20, 20, 400, 5), [[2047.5, 2047.5, 1]]]).astype(
        np.float32
    ),
    "a cluster far from the origin": points_in(8, 8, 200, 6) + np.float32(2000),
    "fewer than five": points_in(6, 6, 3, 7),
    "one": points_in(6, 6, 1, 8),
}


@pytest.mark.parametrize("layout", [name for name, points in LAYOUTS.items() if len(points) >= 5])
@pytest.mark.parametrize("radius", [0.3, 4.0, 7.9, 60.0, 1e9])
def test_of_near_points_the_brightest_is_kept(layout: str, radius: float) -> None:
    points = LAYOUTS[layout]
    np.testing.assert_array_equal(debounced(points, radius), debounced_by_tree(points, radius))


def test_of_fewer_than_five_points_the_brightest_is_kept() -> None:
    points = LAYOUTS["fewer than five"]
    np.testing.assert_array_equal(debounced(points, 60.0), points[[points[:, 2].argmax()]])


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "one"])
@pytest.mark.parametrize("radius", [0.3, 4.0, 7.9, 60.0, 1e9])
def test_points_with_a_near_neighbour_are_dropped(layout: str, radius: float) -> None:
    points = LAYOUTS[layout]
    positions = points[:, :2].astype(np.float64)
    nearest = np.asarray(cKDTree(positions).query(positions, k=2)[0])[:, 1]
    np.testing.assert_array_equal(declumped(points, radius), points[nearest > radius])


def test_an_isolated_point_is_kept() -> None:
    lone = LAYOUTS["one"]
    np.testing.assert_array_equal(declumped(lone, 1e9), lone)
    np.testing.assert_array_equal(debounced(lone, 1e9), lone)


@given(radius=st.floats(0.5, 20), grid=st.sampled_from([0.5, 1.0, 2.0, 4.0]))
def test_points_at_the_corners_of_cells_are_found_like_others(radius: float, grid: float) -> None:
    points = points_in(60, 60, 150, 9)
    points[:, :2] = np.rint(points[:, :2] / grid) * grid
    points = np.unique(points, axis=0)[::-1].copy()
    positions = points[:, :2].astype(np.float64)
    nearest = np.asarray(cKDTree(positions).query(positions, k=2)[0])[:, 1]
    np.testing.assert_array_equal(declumped(points, radius), points[nearest > radius])


def test_of_coincident_points_one_remains() -> None:
    points = np.tile(np.array([7, 9, 1], np.float32), (100, 1))
    assert 1 <= len(debounced(points, 4.0)) < 100
    assert len(declumped(points, 4.0)) == 0
