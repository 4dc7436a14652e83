"""Matching is one-to-one and optimal; scores count what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from pointillist.fitting.localizations import LOCALIZATION_DTYPE, Rows
from pointillist.fitting.scoring.evaluation import BoundParameters, MatchingRules, Score, score
from pointillist.fitting.scoring.matching import match, neighbour_distance
from pointillist.fitting.scoring.truth import TRUTH_DTYPE, Truth

RULES = MatchingRules(radius_px=1.5, isolation_px=12.0)
BOUND_PARAMETERS = BoundParameters(roi_half_size=5, read_variance=2.56)


def emitters(*points: tuple[int, float, float], photons: float = 1000.0) -> Truth:
    truth = np.zeros(len(points), dtype=TRUTH_DTYPE)
    for i, (frame, x, y) in enumerate(points):
        truth[i]["frame"], truth[i]["x"], truth[i]["y"] = frame, x, y
    truth["photons"], truth["sigma"], truth["background"] = photons, 1.3, 50.0
    return truth


def found(*points: tuple[int, float, float]) -> Rows:
    rows = np.zeros(len(points), dtype=LOCALIZATION_DTYPE)
    for i, (frame, x, y) in enumerate(points):
        rows[i]["frame"], rows[i]["x"], rows[i]["y"] = frame, x, y
    rows["sigma"], rows["x_error"], rows["y_error"] = 1.3, 0.08, 0.08
    rows["amplitude"] = 1000 / (2 * np.pi * 1.3**2)
    return rows


def judge(rows: Rows, truth: Truth, rules: MatchingRules = RULES) -> Score:
    return score(rows, truth, rules, BOUND_PARAMETERS)


def best_by_trying_all(a: NDArray[np.float64], b: NDArray[np.float64], radius: float) -> tuple[int, float]:
    """Return how many pairs there can be, and the smallest sum of squares of so many."""
    distance = np.linalg.norm(a[:, None] - b[None], axis=2)
    best = (0, 0.0)
    for n in range(1, min(len(a), len(b)) + 1):
        for rows in itertools.combinations(range(len(a)), n):
            for columns in itertools.permutations(range(len(b)), n):
                chosen = distance[list(rows), list(columns)]
                total = float((chosen**2).sum())
                if (chosen <= radius).all() and (n > best[0] or total < best[1]):
                    best = (n, total)
    return best


def test_matching_prefers_many_pairs_to_short_ones() -> None:
    rows, truth = found((0, 1.0, 0.0), (0, 0.0, 0.0)), emitters((0, 0.9, 0.0), (0, 2.4, 0.0))
    matches = match(rows, truth, 1.5)
    assert list(zip(matches.localization, matches.truth, strict=True)) == [(0, 1), (1, 0)]


coordinates = st.lists(st.tuples(st.floats(0, 4, allow_nan=False), st.floats(0, 4, allow_nan=False)), max_size=5)


@settings(deadline=None, max_examples=60)
@given(coordinates, coordinates)
def test_matching_is_as_good_as_trying_everything(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> None:
    rows, truth = found(*((3, *point) for point in a)), emitters(*((3, *point) for point in b))
    matches = match(rows, truth, 1.5)
    assert len(set(matches.localization)) == len(set(matches.truth)) == len(matches.truth)
    dx = rows["x"][matches.localization] - truth["x"][matches.truth]
    dy = rows["y"][matches.localization] - truth["y"][matches.truth]
    points_a = np.column_stack([rows["x"], rows["y"]]).astype(np.float64)
    points_b = np.column_stack([truth["x"], truth["y"]])
    n, total = best_by_trying_all(points_a, points_b, 1.5)
    assert len(matches.truth) == n
    assert (dx**2 + dy**2).sum() == pytest.approx(total, abs=1e-6)


def test_matching_does_not_depend_on_order() -> None:
    rng = np.random.default_rng(1)
    rows = found(*((int(f), float(x), float(y)) for f, x, y in rng.uniform(0, 15, (400, 3))))
    truth = emitters(*((int(f), float(x), float(y)) for f, x, y in rng.uniform(0, 15, (400, 3))))
    shuffle = rng.permutation(400)
    straight, shuffled = match(rows, truth, 1.5), match(rows[shuffle], truth, 1.5)
    pairs = set(zip(straight.localization, straight.truth, strict=True))
    assert pairs == set(zip(shuffle[shuffled.localization], shuffled.truth, strict=True))


def test_frames_are_kept_apart() -> None:
    result = judge(found((1, 5, 5)), emitters((0, 5, 5), (2, 5, 5)))
    assert result.n_matched == 0
    assert np.isinf(neighbour_distance(emitters((0, 5, 5), (1, 5, 5)), 12.0)).all()


def test_a_perfect_analysis_scores_one() -> None:
    truth = emitters((0, 10, 10), (0, 40, 40), (7, 3, 3))
    result = judge(found((7, 3, 3), (0, 10, 10), (0, 40, 40)), truth)
    assert (result.recall, result.precision, result.jaccard) == (1.0, 1.0, 1.0)
    assert result.overall.rmse_x == result.overall.bias_y == 0.0
    assert result.overall.photon_ratio == pytest.approx(1)


def test_recall_precision_and_jaccard_count_pairs() -> None:
    truth = emitters((0, 10, 10), (0, 40, 40), (0, 70, 70))
    result = judge(found((0, 10.1, 10), (0, 40, 40.2), (0, 90, 90), (1, 10, 10)), truth)
    assert result.recall == pytest.approx(2 / 3)
    assert result.precision == pytest.approx(2 / 4)
    assert result.jaccard == pytest.approx(2 / 5)


def test_errors_are_localization_less_truth() -> None:
    result = judge(found((0, 10.3, 10), (1, 9.9, 10.2)), emitters((0, 10, 10), (1, 10, 10)))
    assert result.overall.bias_x == pytest.approx(0.1, abs=1e-6)
    assert result.overall.rmse_x == pytest.approx(np.sqrt((0.09 + 0.01) / 2), abs=1e-6)
    assert result.overall.bias_y == pytest.approx(0.1, abs=1e-6)


def test_an_emitter_with_a_neighbour_is_not_isolated() -> None:
    truth = emitters((0, 10, 10), (0, 21, 10), (0, 60, 10), (1, 60, 10))
    result = judge(found((0, 10, 10), (0, 21, 10), (0, 60, 10)), truth)
    assert result.overall.n == 3
    assert result.isolated.n == 1


def test_dim_emitters_are_neither_fault_nor_merit() -> None:
    truth = np.concatenate([emitters((0, 10, 10)), emitters((0, 40, 40), (0, 70, 70), photons=50)])
    rules = MatchingRules(radius_px=1.5, isolation_px=12, min_photons=100)
    result = judge(found((0, 10, 10), (0, 40, 40)), truth, rules)
    assert (result.recall, result.precision) == (1.0, 1.0)
    assert result.n_localizations == 1


def test_emitters_at_the_border_are_neither_fault_nor_merit() -> None:
    truth = emitters((0, 2, 30), (0, 30, 57), (0, 30, 30))
    rules = MatchingRules(radius_px=1.5, isolation_px=12, border_px=5, frame_shape=(60, 80))
    result = judge(found((0, 30, 30)), truth, rules)
    assert result.n_truth == 1
    assert result.recall == 1.0


def test_a_border_needs_the_shape_of_the_frame() -> None:
    with pytest.raises(ValueError, match="shape"):
        judge(found(), emitters(), MatchingRules(radius_px=1, isolation_px=1, border_px=5))


def test_the_bound_takes_each_spots_own_pixels() -> None:
    flat = np.full((40, 60), 2.56, np.float32)
    variance = flat.copy()
    variance[20, 31] = 1500.0
    rows, truth = found((0, 30.0, 20.0), (1, 12.0, 3.0)), emitters((0, 30.0, 20.0), (1, 12.0, 3.0))

    def bound(emitter: int, read_variance: float | NDArray[np.float32]) -> float:
        bound_parameters = BoundParameters(roi_half_size=5, read_variance=read_variance)
        return score(rows, truth[emitter : emitter + 1], RULES, bound_parameters).overall.bound_x

    assert bound(0, flat) == pytest.approx(bound(0, 2.56))
    assert bound(0, variance) > 1.04 * bound(0, 2.56)  # beside a hot pixel
    assert bound(1, 2.56) < bound(1, variance) < 1.01 * bound(1, 2.56)  # its region is cut off by the edge


def test_estimates_at_the_bound_score_at_the_bound_with_an_honest_pull() -> None:
    rng = np.random.default_rng(2)
    n = 20_000
    truth = emitters(*((i, 20 + float(u), 20 + float(v)) for i, (u, v) in enumerate(rng.uniform(size=(n, 2)))))
    rows = found(*((i, 0.0, 0.0) for i in range(n)))
    rows["x"] = truth["x"] + rng.normal(0, 0.0833, n)
    rows["y"] = truth["y"] + rng.normal(0, 0.0833, n)
    rows["x_error"] = rows["y_error"] = 0.0833
    result = judge(rows, truth).isolated
    assert result.bound_x == pytest.approx(0.0833, abs=2e-4)
    assert result.rmse_x == pytest.approx(result.bound_x, rel=0.02)
    assert result.pull_y == pytest.approx(1.0, rel=0.02)


def test_nothing_found_scores_zero_without_a_warning() -> None:
    result = judge(found(), emitters((0, 1, 1)))
    assert result.recall == 0.0
    assert np.isnan(result.precision)
    assert np.isnan(result.overall.rmse_x)


def test_nothing_there_scores_zero_precision_without_a_warning() -> None:
    result = judge(found((0, 1, 1)), emitters())
    assert result.precision == 0.0
    assert np.isnan(result.recall)


def test_localizations_that_are_not_numbers_are_false() -> None:
    result = judge(found((0, float("nan"), 1), (0, 1, 1)), emitters((0, 1, 1)))
    assert (result.recall, result.precision) == (1.0, 0.5)
