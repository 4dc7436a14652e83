from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pointillist.fitting.backgrounds.medians import image_median, median_difference, ranked_images, stack_median

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
stacks = st.one_of(
    *(
        hnp.arrays(dtype, st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 5)))
        for dtype in (np.uint8, np.uint16)
    ),
    hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4), st.integers(1, 5)), elements=finite),
)


@given(stacks, st.data())
def test_ranks_are_those_of_the_sorted_stack(frames: NDArray[Any], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(frames) - 1))
    second = min(first + data.draw(st.integers(0, 1)), len(frames) - 1)
    ordered = np.sort(frames, axis=0)
    lower, upper = ranked_images(frames, (first, second))
    np.testing.assert_array_equal(lower, ordered[first])
    np.testing.assert_array_equal(upper, ordered[second])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("n_frames", [1, 2, 5, 200, 201])
def test_the_median_of_a_stack_is_numpys(dtype: Any, n_frames: int) -> None:
    frames = np.random.default_rng(4).normal(120, 40, (n_frames, 37, 43)).clip(0, 255).astype(dtype)
    np.testing.assert_allclose(stack_median(frames), np.median(frames, axis=0), rtol=1e-7)


@given(
    st.one_of(
        hnp.arrays(np.uint16, hnp.array_shapes(min_dims=1, max_dims=2)),
        hnp.arrays(np.int32, hnp.array_shapes(min_dims=1, max_dims=2), elements=st.integers(-(2**30), 2**30)),
        hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=2), elements=st.floats(-1e6, 1e6, width=32)),
    )
)
def test_the_median_of_an_image_is_numpys(image: NDArray[Any]) -> None:
    assert image_median(image) == np.median(image.astype(np.float64))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_median_of_a_difference_keeps_halves(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    frame = rng.integers(0, 255, (15, 15)).astype(dtype)
    image = (rng.integers(0, 510, (15, 15)) / 2).astype(np.float32)
    assert median_difference(frame, image) == np.median(frame - image.astype(np.float64))
