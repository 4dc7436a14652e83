"""``pointillist.background`` of arrays and of files with ``events/image``; methods and identifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

import pointillist
from pointillist.errors import PointillistError

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors" / "dcnum_reference.npz"


def frames(n: int = 120, dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(3).poisson(40, (n, 24, 32)).astype(dtype)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.rtdc"
    with h5py.File(path, "w") as file:
        file["events/image"] = frames(dtype="uint8")
        file["events/area"] = np.arange(120.0)
        file.attrs["experiment:sample"] = "a"
    return path


@pytest.mark.parametrize("method", ["mean", "rollmed:k=10", "percentile", "sparsemed:k=20^i=30", "rollmed:k=10^d=1"])
def test_batches_and_threads_change_nothing(method: str) -> None:
    movie = frames()
    whole = pointillist.background(movie, method, workers=1)
    assert whole.shape == movie.shape
    assert np.array_equal(pointillist.background(movie, method, workers=2), whole, equal_nan=True)
    for workers in (1, 3):
        stop_before = 0
        for start, stop, images in pointillist.background_batches(movie, method, batch=33, workers=workers):
            assert start == stop_before
            assert np.array_equal(images, whole[start:stop], equal_nan=True)
            stop_before = stop
        assert stop_before == len(movie)


def test_progress_rises_from_0_to_1() -> None:
    seen: list[float] = []
    pointillist.background(frames(), "rollmed:k=10", workers=1, progress=seen.append)
    assert (seen[0], seen[-1]) == (0.0, 1.0)
    assert seen == sorted(seen)


def test_the_background_goes_into_a_file_of_its_own_that_is_never_overwritten(events: Path) -> None:
    before = events.read_bytes()
    first = pointillist.background(events, "rollmed:k=10^d=1")
    assert first.name == "events_background.h5"
    assert pointillist.background(events, "rollmed:k=10^d=1").name == "events_background_1.h5"
    assert events.read_bytes() == before
    with h5py.File(first) as file:
        images = file["events/image_bg"]
        assert np.array_equal(images[:], pointillist.background(frames(dtype="uint8"), "rollmed:k=10^d=1"))
        assert (images.dtype, images.fletcher32, images.chunks) == (np.uint8, True, (1000, 24, 32))
        assert images.attrs["dcnum ppid background"] == "rollmed:k=10^b=10000"
        assert images.attrs["CLASS"] == b"IMAGE"
        assert file.attrs["experiment:sample"] == "a"
        assert "bg_off" not in file["events"]
    with pytest.raises(PointillistError, match="exists already"):
        pointillist.background(events, "mean", output=first)


def test_the_background_goes_into_the_file_itself_in_place_of_an_earlier_one(events: Path) -> None:
    pointillist.background(events, "sparsemed:k=20^i=30", output=events)
    with h5py.File(events) as file:
        images, offsets = file["events/image_bg"][:], file["events/bg_off"][:]
        expected = pointillist.background(frames(dtype="uint8"), "sparsemed:k=20^i=30")
        assert np.array_equal(images + offsets[:, None, None].astype(np.float32), expected)
    pointillist.background(events, "mean", output=events)
    with h5py.File(events) as file:
        assert set(file["events"]) == {"image", "area", "image_bg"}
        assert file["events/image_bg"].attrs["dcnum ppid background"] == pointillist.identifier("mean")
    assert [path.name for path in events.parent.iterdir()] == [events.name]


@pytest.mark.skipif(not VECTORS.exists(), reason="the recorded outputs of dcnum are not there")
def test_images_and_offsets_in_the_file_are_dcnums(tmp_path: Path) -> None:
    path = tmp_path / "dcnum.h5"
    with np.load(VECTORS) as vectors, h5py.File(path, "w") as file:
        file["events/image"] = vectors["image"]
        rolling, offsets = vectors["rollmed_k40_b700"], vectors["sparse_default_bg_off"]
        sparse = vectors["sparse_default_images"][vectors["sparse_default_map"]]
    pointillist.background(path, "sparsemed:k=60^s=0.05^t=0^f=0.8^o=1^d=1", output=path)
    with h5py.File(path) as file:
        assert np.array_equal(file["events/image_bg"][:], sparse)
        assert np.array_equal(file["events/bg_off"][:], offsets)
        assert file["events/bg_off"].attrs["dcnum ppid background"] == "sparsemed:k=60^s=0.05^t=0^f=0.8^o=1"
    pointillist.background(path, "rollmed:k=40^b=700^d=1", output=path)
    with h5py.File(path) as file:
        assert np.array_equal(file["events/image_bg"][:], rolling)


def test_an_error_leaves_the_file_as_it_is(events: Path) -> None:
    def fail(_: float) -> None:
        if _ > 0:
            raise RuntimeError

    before = events.read_bytes()
    with pytest.raises(RuntimeError):
        pointillist.background(events, "mean", output=events, progress=fail)
    assert events.read_bytes() == before
    assert [path.name for path in events.parent.iterdir()] == [events.name]


def test_methods_have_names_defaults_and_help() -> None:
    methods = pointillist.background_methods()
    assert {"mean", "rollmed", "sparsemed", "copy"} <= set(methods)
    for name, method in methods.items():
        assert method.summary
        assert set(method.help) == set(method.parameters), name
        assert all(method.help.values())


@pytest.mark.parametrize("name", sorted(pointillist.background_methods()))
def test_an_identifier_leads_back_to_its_parameters(name: str) -> None:
    text = pointillist.identifier(name)
    assert pointillist.parse_identifier(text) == (name, dict(pointillist.background_methods()[name].parameters))
    assert pointillist.identifier(text) == text


def test_parameters_are_set_by_name_and_unknown_ones_are_refused() -> None:
    assert pointillist.identifier("rollmed:k=30", window="past").startswith("rollmed:k=30^b=10000^w=past")
    with pytest.raises(ValueError, match="no parameter kernel; it has kernel_size"):
        pointillist.identifier("rollmed", kernel=3)


@pytest.mark.parametrize("given", [{"workers": 0}, {"batch": 0}])
def test_no_workers_or_frames_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        next(pointillist.background_batches(frames(), "mean", **given))  # type: ignore[arg-type]
