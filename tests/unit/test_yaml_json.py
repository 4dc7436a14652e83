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


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("a.yaml", "Camera.ADOffset: 1\nCamera.ADOffset: 2\n", "Camera.ADOffset"),
        ("a.yaml", "Camera:\n  ADOffset: 1\n  ADOffset: 2\n", "ADOffset"),
        ("a.yaml", "Camera: {ADOffset: 1}\nCamera.ADOffset: 2\n", "Camera.ADOffset"),
        ("a.json", '{"a": 1, "a": 2}', "a"),
        ("a.json", '{"a": {"b": 1}, "a.b": 2}', "a.b"),
    ],
)
def test_a_key_that_is_given_twice_is_named(tmp_path: Path, name: str, text: str, key: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingError) as error:
        read_yaml_json(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: gives {key} more than once; delete all but one"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yaml", "a: &a [*a]\n", "is not valid YAML in line 1 (a value that contains itself); correct it"),
        ("a.yaml", "a: &a\n  b: *a\n", "is not valid YAML in line 1 (a value that contains itself); correct it"),
        (
            "a.yaml",
            "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "is not valid YAML in line 5 (more than 100000 values); correct it",
        ),
        ("a.yaml", "[" * 5000, "is not valid YAML"),
        ("a.json", "[" * 100_000, "is not valid JSON"),
        ("a.json", "", "is empty; write {} into it, or delete it"),
        ("hostname", "imaging-pc\n", "is not a mapping of keys to plain values"),
        ("notes", "a: 1\n b: 2: 3\n", "is not a settings file in YAML or JSON; write 'Camera.ADOffset: 100' and so on"),
    ],
)
def test_what_cannot_be_settings_is_described(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingError) as error:
        read_yaml_json(tmp_path / name)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_an_alias_repeats_a_value(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml_json(tmp_path / "a.yaml") == {"a": [1, 2], "b": [1, 2]}
