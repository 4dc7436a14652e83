"""JSON and YAML files of metadata and settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from pointillist.errors import SettingError
from pointillist.settings.metadata import Value, flatten
from pointillist.system import obstacle

SUFFIXES = (".json", ".yaml", ".yml")


class _PlainLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: YAML 1.1 takes ``-30:0`` for the number -1800 and ``1e-3`` for text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?\d+", "-+0123456789"),
    ("float", r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), ["", *_first] if _tag == "null" else [*_first]
    )


def read_yaml_json(path: Path) -> dict[str, Value]:
    """Read a JSON or YAML file of dotted or nested keys.

    Parameters
    ----------
    path
        Path of a ``.json``, or of YAML with any other suffix; in UTF-8, UTF-16 or UTF-32, with or without a byte-order
        mark.

    Returns
    -------
    dict
        Values by dotted key.

    Raises
    ------
    SettingError
        If it cannot be read, or is not a mapping of plain values.
    """
    found = obstacle(path)
    if found is not None and (path.suffix == ".json" or found[0] != "is empty"):
        raise SettingError(path, *found)
    try:
        content = path.read_bytes()
        text = content.decode(json.detect_encoding(content))
        tree = json.loads(text) if path.suffix == ".json" else yaml.load(text, _PlainLoader)  # noqa: S506 - safe
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(path, "cannot be read", "it should be a text file in UTF-8") from error
    except (json.JSONDecodeError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingError(path, f"is not valid {_language(path)}{_line(error)}", "correct it") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not _is_plain(tree):
        raise SettingError(path, "is not a mapping of keys to plain values", "write 'Camera.ADOffset: 100' and so on")
    return flatten(tree)


def _language(path: Path) -> str:
    return "JSON" if path.suffix == ".json" else "YAML"


def _line(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f" in line {error.lineno}"
    mark = getattr(error, "problem_mark", None)
    return f" in line {mark.line + 1}" if mark is not None else ""


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
