"""The outputs of dcnum 0.31, recorded; see the README beside the vectors."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pointillist.fitting.backgrounds import dcnum
from pointillist.fitting.backgrounds.background import background_images
from pointillist.fitting.backgrounds.registry import background_method
from pointillist.fitting.backgrounds.sparse_images import SparseImages
from pointillist.fitting.backgrounds.sparse_median import SparseMedian
from pointillist.fitting.blocks import BlockReader
from pointillist.fitting.settings import FitSettings

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "dcnum_reference.npz"

CUTS = (0, 1000, 1717, 2960, 3000)


@pytest.fixture(scope="module")
def vectors() -> Any:
    if not VECTORS.exists():
        pytest.skip(f"{VECTORS} is not there")
    with np.load(VECTORS) as file:
        return dict(file)


def settings_with(identifier: str) -> FitSettings:
    return FitSettings(psf_sigma_px=1.0, background=background_method(identifier))


def test_the_rolling_median_is_dcnums(vectors: dict[str, NDArray[Any]]) -> None:
    movie, settings = vectors["image"], settings_with("rollmed:k=40^b=700^d=1")
    blocks = BlockReader(lambda start, stop: movie[start:stop], len(movie), settings)
    for start, stop in pairwise(CUTS):
        images = background_images(blocks.block(start, stop), start, stop, settings)
        np.testing.assert_array_equal(images.images, vectors["rollmed_k40_b700"][start:stop])


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("sparse_default", "t=0^f=0.8"), ("sparse_nocleanse", "t=0^f=1"), ("sparse_thr", "t=30^f=0.8")],
)
def test_the_sparse_median_is_dcnums(vectors: dict[str, NDArray[Any]], name: str, parameters: str) -> None:
    movie, settings = vectors["image"], settings_with(f"sparsemed:k=60^s=0.05^{parameters}^o=1^d=1")
    blocks = BlockReader(lambda start, stop: movie[start:stop], len(movie), settings)
    for start, stop in pairwise(CUTS):
        images = background_images(blocks.block(start, stop), start, stop, settings)
        expected = vectors[f"{name}_images"][vectors[f"{name}_map"][start:stop]]
        np.testing.assert_array_equal(images.images[images.index], expected)
        np.testing.assert_array_equal(images.offsets_adu, vectors[f"{name}_bg_off"][start:stop])


def test_the_images_before_cleansing_are_dcnums(vectors: dict[str, NDArray[Any]]) -> None:
    movie, method = vectors["image"], settings_with("sparsemed:k=60^s=0.05^f=1^d=1").background
    assert isinstance(method, SparseMedian)
    np.testing.assert_array_equal(dcnum.step_times_s(method, len(movie)), vectors["step_times"])
    images = SparseImages(method, lambda start, stop: movie[start:stop], len(movie)).range(0, len(movie))
    np.testing.assert_array_equal(images.images, vectors["sparse_default_series_all"])


def test_the_last_frames_repeat_the_last_whole_window() -> None:
    movie = np.random.default_rng(1).integers(0, 65535, (60, 3, 4)).astype(np.uint16)
    settings = settings_with("rollmed:k=20^d=1")
    block = BlockReader(lambda start, stop: movie[start:stop], 60, settings).block(0, 60)
    found = background_images(block, 0, 60, settings).images
    ordered = np.stack([np.sort(movie[i : i + 20], axis=0)[10] for i in range(40)])
    np.testing.assert_array_equal(found[:40], ordered)
    np.testing.assert_array_equal(found[40:], np.broadcast_to(ordered[39], (20, 3, 4)))
