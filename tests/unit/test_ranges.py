from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from pointillist.pipeline_server.queue.ranges import Ranges
from pointillist.pipeline_server.queue.reservations import Reservations

PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=30)


@given(PIECES, st.integers(0, 70), st.integers(1, 20))
def test_ranges_agree_with_a_set_of_frames(pieces: list[tuple[int, int]], start: int, length: int) -> None:
    ranges, frames = Ranges(), set[int]()
    for at, n in pieces:
        piece = set(range(at, at + n))
        if frames & piece:
            assert ranges.has_any(at, at + n)
            if piece <= frames:
                assert ranges.has_all(at, at + n)
                ranges.remove(at, at + n)
                frames -= piece
            else:
                with pytest.raises(ValueError, match="overlaps"):
                    ranges.add(at, at + n)
        else:
            ranges.add(at, at + n)
            frames |= piece
    probe = set(range(start, start + length))
    assert ranges.has_all(start, start + length) == (probe <= frames)
    assert ranges.has_any(start, start + length) == bool(probe & frames)
    assert ranges.n_frames == len(frames)
    assert {frame for low, high in ranges for frame in range(low, high)} == frames
    assert all(stop < later for (_, stop), (later, _) in zip(list(ranges), list(ranges)[1:], strict=False))


def test_frames_that_are_not_there_cannot_be_removed() -> None:
    with pytest.raises(ValueError, match="not all in"):
        Ranges([(0, 4)]).remove(2, 6)


def test_a_worker_gets_neighbouring_ranges() -> None:
    reservations = Reservations()
    reservations.add(0, 1000)
    first = [reservations.take("a", 10, 100), reservations.take("b", 10, 100)]
    assert first == [(0, 10), (100, 110)]
    assert reservations.take("a", 10, 100) == (10, 20)
    assert reservations.take("b", 10, 100) == (110, 120)


def test_a_short_rest_is_not_left_behind() -> None:
    reservations = Reservations()
    reservations.add(0, 14)
    assert reservations.take("a", 10, 100) == (0, 14)
    assert reservations.take("a", 10, 100) is None


def test_half_of_the_longest_stretch_is_taken_when_nothing_is_free() -> None:
    reservations = Reservations()
    reservations.add(0, 100)
    assert reservations.take("a", 10, 100) == (0, 10)
    assert reservations.take("b", 10, 100) == (55, 65)
    assert reservations.take("a", 10, 100) == (10, 20)
    assert sum(stop - start for start, stop in reservations) == reservations.n_frames == 70


@pytest.mark.parametrize(
    ("start", "stop", "is_there"), [(20, 30, True), (60, 70, True), (45, 55, False), (5, 12, False)]
)
def test_a_range_is_carved_whole_or_not_at_all(start: int, stop: int, is_there: bool) -> None:  # noqa: FBT001
    reservations = Reservations()
    reservations.add(0, 100)
    reservations.take("a", 10, 50)
    assert reservations.take_exactly(start, stop) == is_there
    assert reservations.n_frames == 90 - (stop - start) * is_there
    assert reservations.n_frames == sum(high - low for low, high in reservations)
