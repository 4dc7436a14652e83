from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
import tables
from hypothesis import given, settings, strategies as st

from pointillist.pipeline_files.hdf5_metadata import read_events, read_metadata, write_metadata
from pointillist.settings.metadata import Metadata, Value

scalars = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
)
values = scalars | st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple),
    max_leaves=9,
).filter(lambda value: isinstance(value, list | tuple))
names = st.text("abcXYZ_µ 1", min_size=1, max_size=8).filter(lambda name: not name.startswith("_"))
keys = st.lists(names, min_size=1, max_size=3).map(".".join)


def written(path: Path, metadata: Metadata) -> list[str]:
    with tables.open_file(path, "w") as file:
        return write_metadata(file, metadata)


def read(path: Path) -> tuple[dict[str, Value], list[str]]:
    with h5py.File(path) as file:
        return read_metadata(file)


@settings(max_examples=60)
@given(st.dictionaries(keys, values, max_size=6))
def test_metadata_come_back_as_they_were_written(metadata: Metadata) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metadata.h5"
        left_out = written(path, metadata)
        found, remarks = read(path)
    assert left_out == remarks == []
    assert {key: repr(value) for key, value in found.items()} == {key: repr(v) for key, v in metadata.items()}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Camera.VERSION", 1),
        ("Camera..Name", 1),
        ("a/b", 1),
        (".", 1),
        ("_v_x", 1),
        ("Comment", "x" * 70_000),
        ("Long", [0] * 70_000),
    ],
)
def test_what_hdf5_cannot_hold_is_left_out_and_named(tmp_path: Path, key: str, value: Value) -> None:
    assert written(tmp_path / "a.h5", {key: value, "Camera.Name": "Zyla"}) == [key]
    assert read(tmp_path / "a.h5")[0] == {"Camera.Name": "Zyla"}


def test_a_number_too_large_for_hdf5_becomes_a_float(tmp_path: Path) -> None:
    written(tmp_path / "a.h5", {"Huge": 10**30})
    assert read(tmp_path / "a.h5")[0] == {"Huge": 1e30}


def test_all_that_pyme_and_others_put_into_attributes_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        camera = file.create_group("MetaData/Camera")
        camera.attrs["ADOffset"] = 100.0
        camera.attrs["ROIWidth"] = np.int32(256)
        camera.attrs["Name"] = "Andor µ"
        camera.attrs["Serial"] = np.bytes_(b"VSC-1.")
        camera.attrs["Empty"] = h5py.Empty("S1")
        camera.attrs["Steps"] = np.arange(3.0)
        camera.attrs["BGRange"] = np.bytes_(b"(I-30\nI0\ntp0\n.")
        camera.attrs["Text"] = "(I-30\nI0\ntp0\n."
        camera.attrs["CLASS"] = np.bytes_(b"GROUP")
        camera.attrs["Enum"] = True
    metadata, remarks = read(tmp_path / "a.h5")
    assert metadata == {
        "Camera.ADOffset": 100.0,
        "Camera.ROIWidth": 256,
        "Camera.Name": "Andor µ",
        "Camera.Serial": "VSC-1.",
        "Camera.Empty": "",
        "Camera.Steps": [0.0, 1.0, 2.0],
        "Camera.BGRange": (-30, 0),
        "Camera.Text": "(I-30\nI0\ntp0\n.",
        "Camera.Enum": True,
    }
    assert remarks == []


def test_a_pickle_that_would_run_code_is_left_out_with_a_remark(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("MetaData")
        group.attrs["Evil"] = np.bytes_(f"cos\nsystem\n(S'touch {canary}'\ntR.".encode())
        group.attrs["Good"] = 1
    metadata, remarks = read(tmp_path / "a.h5")
    assert metadata == {"Good": 1}
    assert len(remarks) == 1
    assert remarks[0].startswith("Evil: ")
    assert not canary.exists()


def test_a_file_without_metadata_and_events_has_none(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert read_metadata(file) == ({}, [])
        events, remarks = read_events(file)
    assert len(events) == 0
    assert remarks == []


def test_events_of_another_kind_are_left_out_with_a_remark(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Events"] = np.zeros((3, 3))
        events, remarks = read_events(file)
    assert len(events) == 0
    assert len(remarks) == 1
