from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointillist.errors import SettingError
from pointillist.settings.metadata import Value
from pointillist.settings.yaml_json import read_yaml_json

TREE = {"voxelsize": {"x": 0.1}, "Camera.Name": "Zyla", "Camera": {"Roi": {"X": 3}}, "L": [1, [2.5, None]], "on": True}
FLAT = {"voxelsize.x": 0.1, "Camera.Name": "Zyla", "Camera.Roi.X": 3, "L": [1, [2.5, None]], "on": True}


def test_keys_may_be_nested_or_dotted_in_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(TREE))
    assert read_yaml_json(tmp_path / "a.json") == FLAT


def test_keys_may_be_nested_or_dotted_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "voxelsize: {x: 0.1}\nCamera.Name: Zyla\nCamera:\n  Roi:\n    X: 3\nL: [1, [2.5, null]]\non: true\n"
    )
    assert read_yaml_json(tmp_path / "a.yaml") == FLAT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-30:0", "-30:0"),
        ("1e-3", 0.001),
        ("1.5E+3", 1500.0),
        ("-12", -12),
        ("0.46", 0.46),
        ("yes", "yes"),
        ("2020-01-01", "2020-01-01"),
        ("", None),
        ("~", None),
        ("False", False),
        ("'1'", "1"),
        ("µm", "µm"),
    ],
)
def test_yaml_scalars_mean_what_they_look_like(tmp_path: Path, text: str, value: Value) -> None:
    (tmp_path / "a.yaml").write_text(f"Setting: {text}\n", encoding="utf-8")
    found = read_yaml_json(tmp_path / "a.yaml")["Setting"]
    assert found == value
    assert type(found) is type(value)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert read_yaml_json(tmp_path / "a.yaml") == {}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", b'{"a": 1,\n "b" 2}', "is not valid JSON in line 2"),
        ("a.yaml", b"a: 1\nb: [1\n", "is not valid YAML in line 3"),
        ("a.yaml", b"a: !!python/object/apply:os.system ['true']\n", "is not valid YAML in line 1"),
        ("a.json", b"[1, 2]", "is not a mapping"),
        ("a.yaml", b"just text", "is not a mapping"),
        ("a.yaml", b"1: 2", "is not a mapping"),
        ("a.json", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_what_is_no_metadata_gets_one_line(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingError, match=problem) as error:
        read_yaml_json(tmp_path / name)
    assert "\n" not in str(error.value)


def test_missing_files_and_directories_get_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="there is no such file"):
        read_yaml_json(tmp_path / "a.yaml")
    with pytest.raises(SettingError, match="is a folder"):
        read_yaml_json(tmp_path)
