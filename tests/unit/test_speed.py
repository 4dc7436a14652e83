"""Rates that are shown, and the time that is left, are honest."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pointillist.pipeline_server.queue.speed import RecentRate


def steady(task_s: float, n_workers: int, until: float, began: float = 0.0) -> RecentRate:
    """Tasks of ``task_s`` with 100 frames each, evenly from all workers."""
    rate = RecentRate()
    for number in range(1, int((until - began) * n_workers / task_s) + 1):
        rate.add(began + number * task_s / n_workers, 100)
    return rate


@pytest.mark.parametrize(("task_s", "n_workers"), [(1.0, 2), (1.0, 1000), (0.01, 1), (3.0, 1), (7.0, 1)])
def test_the_rate_of_steady_work_is_right(task_s: float, n_workers: int) -> None:
    for until in (100.0, 103.3, 106.9):
        rate = steady(task_s, n_workers, until).at(until)
        assert rate == pytest.approx(100 * n_workers / task_s, rel=0.15)


def test_nothing_done_is_no_rate() -> None:
    assert RecentRate().at(0.0) == 0.0
    assert RecentRate().at(30.0) == 0.0


@pytest.mark.parametrize("task_s", [0.5, 1.0, 5.0])
def test_the_rate_is_right_from_the_second_answer_on_however_long_the_first_one_waited(task_s: float) -> None:
    rate = RecentRate()
    for waited in (300.0, 1000.0):
        for number in range(5):
            rate.add(waited + number * task_s, 100)
        assert rate.at(waited + 4 * task_s) == pytest.approx(100 / task_s)


def test_a_standstill_brings_the_rate_down_and_then_to_nothing() -> None:
    rate = steady(1.0, 4, 30.0)
    rates = [rate.at(30.0 + seconds) for seconds in (0.0, 5.0, 9.0, 20.0, 50.0, 70.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[1] < 0.75 * rates[0]
    assert rates[-1] == 0.0


def test_a_change_of_speed_shows_within_ten_seconds() -> None:
    rate = steady(1.0, 1, 30.0)
    for number in range(1, 111):
        rate.add(30.0 + number / 10, 100)
    assert rate.at(41.0) == pytest.approx(1000, rel=0.1)


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.integers(1, 10_000)), max_size=200))
def test_a_rate_is_finite_and_never_negative_and_its_memory_is_bounded(answers: list[tuple[float, int]]) -> None:
    rate, now = RecentRate(), 0.0
    for pause, n_frames in answers:
        now += pause
        rate.add(now, n_frames)
        assert 0.0 <= rate.at(now) <= 1e3 * sum(n for _, n in answers)
    assert len(rate._buckets) <= 241
